/** Switches of the page itself, which no server knows. */

import type { Signal } from '@preact/signals';
import { feedback, followClock, mirrored, muted, pinned, takeover } from '../state/store';

export interface PageSwitch {
  label: string;
  /** other words for it */
  also: string;
  on: Signal<boolean>;
}

export const MIRROR: PageSwitch = {
  label: 'Mirror the camera',
  also: 'flip selfie reflect',
  on: mirrored,
};
export const PINNED: PageSwitch = {
  label: 'Keep the controls in sight',
  also: 'pin fade hide idle',
  on: pinned,
};
export const TAKEOVER: PageSwitch = {
  label: 'Knobs wait until they reach the value',
  also: 'soft takeover pickup jump midi controller',
  on: takeover,
};
export const FEEDBACK: PageSwitch = {
  label: 'Controllers show what is on',
  also: 'led light pads motor fader feedback midi',
  on: feedback,
};
export const FOLLOW: PageSwitch = {
  label: 'Follow MIDI clock and transport',
  also: 'sync tempo bpm start stop midi',
  on: followClock,
};
export const MUTED: PageSwitch = {
  label: 'Mute the room',
  also: 'volume silence sound loud',
  on: muted,
};
export const PAGE_SWITCHES = [MIRROR, PINNED, TAKEOVER, FEEDBACK, FOLLOW, MUTED];

/** What the page knows: signals that the interface reads. Who changes them is in `show/`. */

import { signal } from '@preact/signals';
import type { Bindings } from '../controls/midi';
import type { Preset } from '../controls/presets';
import type { Fit } from '../picture/fit';
import type { LinkState } from '../wire/link';
import type { Heard, Hello, Stats, Values } from '../wire/messages';
import { is, remembered } from './remember';

export type Hear = 'nothing' | 'song' | 'mic' | 'tab' | 'video' | 'soundcard';
export type See = 'nothing' | 'camera' | 'tab' | 'video';

export interface SongInfo {
  name: string;
  /** what happens to it, in words; empty once it was heard */
  text: string;
  progress: number;
  state: 'sending' | 'analysing' | 'ready' | 'failed';
  duration: number;
  tempo: number;
  beats: number[];
  sections: number[];
  /** loudness along the song, 0..1 */
  loudness: number[];
}

export interface Figures {
  /** frames of the screen in a second, each of them moved to its moment */
  screenFps: number;
  /** from the moment that a motion is meant for to the next one, ms */
  motionMs: number;
  /** pictures that the model drew, in a second */
  fps: number;
  /** from the moment something happened to the moment its picture is seen, ms */
  ageMs: number;
  /** song: how far the picture is behind (+) or before (-) the sound, ms */
  offMs: number;
}

export const linkState = signal<LinkState>('connecting');
export const farewell = signal('');
export const hello = signal<Hello | null>(null);
export const stats = signal<Stats | null>(null);
export const figures = signal<Figures | null>(null);
export const notice = signal('');

export const hearing = signal<Hear>('nothing');
export const seeing = signal<See>('nothing');
export const song = signal<SongInfo | null>(null);
export const playing = signal(false);
/** the browser holds the sound back until somebody touches the page */
export const soundHeld = signal(false);
export const microphones = signal<MediaDeviceInfo[]>([]);
export const cameras = signal<MediaDeviceInfo[]>([]);

export const recording = signal<{ since: number } | null>(null);
export const idle = signal(false);
export const helpOpen = signal(false);
export const learning = signal(false);
/** the control that waits for a knob to be moved */
export const learningFor = signal('');
export const activeLook = signal('');

export const fit = remembered<Fit>('fit', 'cover', is.oneOf('cover', 'contain'));
export const drawerOpen = remembered('drawer', innerWidth >= 1000, is.boolean);
export const pinned = remembered('pinned', false, is.boolean);
export const mirrored = remembered('mirror', true, is.boolean);
export const tabPicture = remembered('tabPicture', false, is.boolean);
export const microphone = remembered('microphone', '', is.text);
export const camera = remembered('camera', '', is.text);
export const presets = remembered<Preset[]>('presets', [], is.list);
export const thumbnails = remembered<Record<string, string>>('thumbnails', {}, is.record);
export const bindings = remembered<Bindings>('midi', {}, is.record);
/** the session this window plays, and what it started with: a reload goes on with them */
export const session = remembered('session', '', is.text, sessionStorage);
export const started = remembered<Values>('started', {}, is.record, sessionStorage);
/** settings that differ from what the server starts with */
export const changed = remembered<Values>('changed', {}, is.record);

/** the newest analysis; read on every display frame, so no signal */
export const heard: { now: Heard | null } = { now: null };

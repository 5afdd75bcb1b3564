/** What controllers show: pads that are lit while their look is on, faders that stand where the value is. */

import { effect } from '@preact/signals';
import { controlOf, deviceOf, type Source } from '../controls/midi';
import { find, lit } from '../state/looks';
import { setting, waiting } from '../state/settings';
import * as store from '../state/store';
import { controlAt } from './Field';

/** a pad's light for on, for waiting, and for nothing: most controllers take a velocity as brightness or colour */
const ON = 127;
const WAITS = 64;
const OFF = 0;
/** a fader that is being moved is left alone for so long, ms */
const TOUCHED_MS = 400;

/** Outputs by the name of their device; as inputs, two of a make are told apart by their order. */
export type Outputs = ReadonlyMap<string, Pick<MIDIOutput, 'send'>>;

const touched = new Map<Source, number>();

/** A knob was moved by hand: no motor works against it. */
export function byHand(source: Source): void {
  touched.set(source, performance.now());
}

/** Show what is in force on `outputs` whenever it changes; the function that is returned ends it. */
export function showOnControllers(outputs: Outputs): () => void {
  const shown = new Map<Source, number>();
  return effect(() => {
    if (!store.feedback.value) return;
    for (const [source, { target, mode }] of Object.entries(store.bindings.value)) {
      if (mode !== 'absolute') continue;
      const output = outputs.get(deviceOf(source));
      const value = shownOf(target);
      if (output === undefined || value === null || shown.get(source) === value) continue;
      const message = bytesOf(source, value);
      if (message === null || performance.now() - (touched.get(source) ?? -1e9) < TOUCHED_MS)
        continue;
      shown.set(source, value);
      output.send(message);
    }
  });
}

/** 0..127 of what a control plays; null where it has nothing to show. */
function shownOf(target: string): number | null {
  if (target === 'page:volume')
    return Math.round((store.muted.value ? 0 : store.volume.value) * 127);
  const look = find(target);
  if (look !== undefined) {
    const waits = Object.keys(look.values).some((path) => path in waiting.value);
    if (store.chosenLook.value === look.id && waits) return WAITS;
    return lit.value === look.id ? ON : OFF;
  }
  if (target.startsWith('do:')) return ACTIONS[target.slice(3)]?.() === true ? ON : OFF;
  const value = setting(target).value;
  if (typeof value === 'boolean') return value ? ON : OFF;
  const control = controlAt(target);
  if (control === undefined || typeof value !== 'number') return null;
  return Math.round(((value - control.min) / (control.max - control.min)) * 127);
}

/** actions that are on or off */
const ACTIONS: Record<string, () => boolean> = {
  blackout: () => setting('live.blackout').value === true,
  freeze: () => setting('live.freeze').value === true,
  strobe: () => setting('video.limit_flashes').value !== false,
  mute: () => store.muted.value,
  play: () => store.playing.value,
  record: () => store.recording.value !== null,
  keep: () => store.scoring.value,
  quantise: () => store.quantise.value !== 'now',
  set: () => store.setOpen.value,
  midi: () => store.learning.value,
};

function bytesOf(source: Source, value: number): number[] | null {
  const [kind, channel = '0', number = '0'] = controlOf(source).split(':');
  if (kind === 'cc') return [0xb0 | Number(channel), Number(number), value];
  if (kind === 'note') return [0x90 | Number(channel), Number(number), value];
  if (kind === 'bend') return [0xe0 | Number(channel), 0, value];
  return null;
}

/** How the beat moves the picture: exactly on it, whatever the rate of the model. */

import { flare, type Motion, punch, REST } from '../picture/motion';

/** time between two keys up to which their own punches are on the beat, and from which they cannot be, ms */
const FAST_MS = 40;
const SLOW_MS = 120;
/** a tempo that is surer than this is a beat */
const SURE = 0.25;

/** What is known of the beat: the last one and how hard it was. */
export interface Beat {
  /** seconds since it */
  since: number;
  /** counts beats, so that another one is known */
  count: number;
  /** 0..1 */
  strength: number;
}

/** What is heard, on a clock in ms. */
export interface Pulse {
  /** when `position` was, ms */
  t: number;
  /** beats, counted */
  position: number;
  /** beats a minute */
  tempo: number;
  /** 0..1, of the tempo */
  confidence: number;
  /** relative to the usual, 1 */
  bass: number;
  /** 0..1 */
  energy: number;
}

/** What a beat does to the picture. */
export interface Accent {
  motion: Motion;
  /** times its own light */
  light: number;
}

export const NONE: Accent = { motion: REST, light: 1 };

export class Beats {
  private count = Number.NaN;
  private strength = 0;

  /** `knob` is `camera.beat_punch`, keys are `interval` ms apart. */
  push(beat: Beat | null, knob: number, interval: number): Accent {
    if (beat === null) return NONE;
    if (beat.count !== this.count) {
      // how hard it was is said when it comes: what is heard later does not change it
      this.count = beat.count;
      this.strength = beat.strength;
    }
    const slow = Math.min(1, Math.max(0, (interval - FAST_MS) / (SLOW_MS - FAST_MS)));
    const strength = knob * this.strength * slow;
    if (strength <= 0) return NONE;
    return { motion: punch(beat.since, strength), light: flare(beat.since, strength) };
  }
}

/** The last beat of a song at `position`, where `rate` seconds of it pass in one; null before the first. */
export function beatOfSong(beats: readonly number[], position: number, rate: number): Beat | null {
  let low = 0;
  let high = beats.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((beats[middle] ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  const at = beats[low - 1];
  if (at === undefined || rate <= 0) return null;
  return { since: (position - at) / rate, count: low, strength: 1 };
}

/** The last beat of what is heard at `now` (ms): its clock goes on between two messages. */
export function beatOfPulse(pulse: Pulse, now: number): Beat | null {
  if (pulse.tempo <= 0 || pulse.confidence < SURE) return null;
  const position = pulse.position + ((now - pulse.t) / 60_000) * pulse.tempo;
  const count = Math.floor(position);
  return { since: ((position - count) * 60) / pulse.tempo, count, strength: 1 };
}

/** How hard a beat is, 0..1, from what is heard around it. */
export function hardness(bass: number, energy: number): number {
  return energy < 0.02 ? 0 : Math.min(1, 0.3 + 0.45 * Math.max(0, bass));
}

/** A song's beats at the tempo in force: all, every other, or with others between them; none for another beat. */
export function beatsAt(beats: readonly number[], own: number, tempo: number): readonly number[] {
  if (own <= 0 || tempo <= 0 || tempo === own) return beats;
  const factor = 2 ** Math.round(Math.log2(tempo / own));
  if (Math.abs(tempo / own / factor - 1) > 0.01) return [];
  if (factor <= 1) return beats.filter((_, i) => i % Math.round(1 / factor) === 0);
  return beats.flatMap((beat, i) => {
    const next = beats[i + 1];
    if (next === undefined) return [beat];
    return Array.from({ length: factor }, (_, k) => beat + ((next - beat) * k) / factor);
  });
}

/** What is seen at a moment: one key moved, or two on the way from one to the other. As in `show/display.py`. */

import type { Motion } from './motion';
import type { Sheet } from './sheet';

export interface Composition {
  first: Sheet;
  firstMotion: Motion;
  /** null while only one is seen */
  second: Sheet | null;
  secondMotion: Motion;
  /** 0..1 of the way from the first to the second */
  share: number;
  /** how much more light than its own it has; 1 where it is left out */
  light?: number;
}

/** cells along the shorter side: what is larger fades over the whole interval */
export const COARSE = 32;
/** share of the interval in which what is finer changes: late, place by place */
const SWITCH_FROM = 0.35;
const SWITCH_TO = 0.95;
/** of that time, how long one place takes */
export const SOFT = 0.3;

/** Share of what is coarse. */
export function smoothstep(share: number): number {
  const s = Math.min(1, Math.max(0, share));
  return s * s * (3 - 2 * s);
}

/** 0..1 of the time in which fine detail changes; below and beyond it nothing of it does. */
export function lateness(share: number): number {
  return (share - SWITCH_FROM) / (SWITCH_TO - SWITCH_FROM);
}

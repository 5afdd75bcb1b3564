/**
 * Holds flashes of what is shown under the limit of WCAG 2.3.1, at the screen's rate: `video/flash.py`'s mathematics,
 * with times in place of frame numbers.
 *
 * Watched are general flashes (opposing changes of 10 % of luminance, the darker below 0.80) and saturated red
 * ones, over more than a quarter of the picture. What would be one too many is shown as bright as the last picture,
 * and where that is not enough it is laid over that one, both only so far as the limit asks.
 */

/** of the small picture that is looked at, pixels: 16 x 16 blocks of 8 x 4 */
export const WIDTH = 128;
export const HEIGHT = 64;
const GRID = 16;
const BLOCKS = GRID * GRID;
/** steps on the way from a new picture to the last one shown, in light and then in all */
export const LEVELS = 32;
/** how much a picture is brightened or darkened at most; light below which nothing is seen to change */
const MOST_GAIN = 2;
const DARK = 0.002;
/** opposing changes in a second that are let through, of each kind */
const LIMIT = 3;
/** a tenth below the guideline, as on the server: of luminance, and of red */
const CHANGE = [0.09, (0.9 * 20) / 320] as const;
/** a change between two states brighter than this is no flash */
const DARKER_BELOW = [0.8, Number.POSITIVE_INFINITY] as const;
/** share of the picture; the guideline says a quarter */
const AREA = 0.24;
/** changes this close in time are seen as one, ms */
const TOGETHER_MS = 1000 / 12;
/** red is saturated where R / (R + G + B) is at least this */
const SATURATED = 0.8;
/** moments that are a whole number of frames apart are so to the last digit, ms */
const EXACT = 0.5;
/** a longer pause is a hidden page: what was seen before it is forgotten, ms */
const PAUSE_MS = 2000;

interface Track {
  at: number;
  /** lowest value since the last fall began, of every block; luminance, then red */
  low: Float32Array;
  high: Float32Array;
  /** +1 after a rise, -1 after a fall, 0 before the first of them */
  heading: Int8Array;
  /** [falls, rises]: when each block last changed, ms, where that is not counted yet */
  changed: readonly [Float64Array, Float64Array];
  /** [falls, rises][luminance, red]: when the picture last changed, oldest first */
  counted: readonly (readonly (readonly number[])[])[];
  /** [falls, rises]: of every block the last LIMIT + 1 changes, ms, oldest first */
  own: readonly [readonly Float64Array[], readonly Float64Array[]];
}

/** How a picture is to be shown: its light, as a factor, and how much of it is laid over the last one, 0..1. */
export interface Shown {
  light: number;
  share: number;
}

/** as it is */
export const WHOLE: Shown = { light: 1, share: 1 };

export class FlashGuard {
  private track: Track | null = null;
  private last: Uint8ClampedArray | null = null;

  /** How the picture that comes at `now` (ms) may be shown; `small` is what it would look like, RGBA of WIDTH x HEIGHT. */
  shown(small: Uint8ClampedArray, now: number): Shown {
    const before = this.track;
    if (before === null || this.last === null || now - before.at > PAUSE_MS) {
      this.track = begin(signals(small), now);
      this.last = small.slice();
      return WHOLE;
    }
    const [track, within] = advance(before, signals(small), now);
    if (within) {
      this.track = track;
      this.last = small.slice();
      return WHOLE;
    }
    return this.heldBack(before, this.last, small, now);
  }

  private heldBack(
    before: Track,
    last: Uint8ClampedArray,
    small: Uint8ClampedArray,
    now: number,
  ): Shown {
    const gain = toBeAsBright(signals(small), signals(last));
    const lit = (level: number): number => 1 + (level / LEVELS) * (gain - 1);
    const dimmed = this.least(before, now, (level) => bright(small, lit(level)));
    if (dimmed !== null) return { light: lit(dimmed), share: 1 };
    const whole = bright(small, gain);
    const mixed = this.least(before, now, (level) => blend(whole, last, level / LEVELS));
    if (mixed !== null) return { light: gain, share: 1 - mixed / LEVELS };
    // nothing of it repeats the last picture: no block changes, so that always keeps the limit
    [this.track] = advance(before, signals(last), now);
    return { light: 1, share: 0 };
  }

  /** The least level above 0 at which a picture keeps the limit, which is then the last one; null where none does. */
  private least(
    before: Track,
    now: number,
    made: (level: number) => Uint8ClampedArray,
  ): number | null {
    let [low, high] = [0, LEVELS];
    const keeps = (level: number): boolean => {
      const trial = made(level);
      const [track, within] = advance(before, signals(trial), now);
      if (within) [this.track, this.last] = [track, trial];
      return within;
    };
    if (!keeps(high)) return null;
    while (high - low > 1) {
      const level = (low + high) >> 1;
      if (keeps(level)) high = level;
      else low = level;
    }
    return high;
  }
}

/** By what a picture's numbers are multiplied to be about as bright as another; of both the signals. */
function toBeAsBright(picture: Float32Array, other: Float32Array): number {
  const [light, wanted] = [picture, other].map((each) => {
    let sum = 0;
    for (let block = 0; block < BLOCKS; block++) sum += each[block] ?? 0;
    return sum / BLOCKS + DARK;
  }) as [number, number];
  // light is about the square of what is stored
  return Math.min(MOST_GAIN, Math.max(1 / MOST_GAIN, Math.sqrt(wanted / light)));
}

function bright(picture: Uint8ClampedArray, gain: number): Uint8ClampedArray {
  return picture.map((value) => value * gain);
}

function blend(last: Uint8ClampedArray, next: Uint8ClampedArray, share: number): Uint8ClampedArray {
  return next.map((value, i) => (last[i] ?? 0) * (1 - share) + value * share);
}

const LINEAR = Float32Array.from({ length: 256 }, (_, value) => {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

/** Relative luminance of all blocks, then their saturated red, 0..1. */
function signals(small: Uint8ClampedArray): Float32Array {
  const [wide, high] = [WIDTH / GRID, HEIGHT / GRID];
  const sums = new Float32Array(3 * BLOCKS);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    const row = GRID * Math.floor(y / high);
    for (let x = 0; x < WIDTH; x++, at += 4) {
      const block = 3 * (row + Math.floor(x / wide));
      for (let c = 0; c < 3; c++)
        sums[block + c] = (sums[block + c] ?? 0) + (LINEAR[small[at + c] ?? 0] ?? 0);
    }
  }
  const found = new Float32Array(2 * BLOCKS);
  for (let block = 0; block < BLOCKS; block++) {
    const [r, g, b] = [0, 1, 2].map((c) => (sums[3 * block + c] ?? 0) / (wide * high)) as [
      number,
      number,
      number,
    ];
    found[block] = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    found[BLOCKS + block] = r >= SATURATED * (r + g + b) ? r - g - b : 0;
  }
  return found;
}

function begin(first: Float32Array, at: number): Track {
  const never = (): Float64Array => new Float64Array(2 * BLOCKS).fill(Number.NEGATIVE_INFINITY);
  const none = Array<number>(LIMIT).fill(Number.NEGATIVE_INFINITY);
  return {
    at,
    low: first,
    high: first,
    heading: new Int8Array(2 * BLOCKS),
    changed: [never(), never()],
    counted: [
      [none, none],
      [none, none],
    ],
    own: [0, 1].map(() => Array.from({ length: LIMIT + 1 }, never)) as unknown as Track['own'],
  };
}

/** What is remembered after one more picture, and whether it keeps the limit. */
function advance(before: Track, next: Float32Array, now: number): [Track, boolean] {
  const low = next.map((value, i) => Math.min(value, before.low[i] ?? value));
  const high = next.map((value, i) => Math.max(value, before.high[i] ?? value));
  const heading = before.heading.slice();
  const changed = [before.changed[0].slice(), before.changed[1].slice()] as const;
  const own = before.own.map((times) =>
    times.map((each) => each.slice()),
  ) as unknown as Track['own'];
  const any = [
    [false, false],
    [false, false],
  ];
  for (let i = 0; i < next.length; i++) {
    const kind = i < BLOCKS ? 0 : 1;
    const value = next[i] ?? 0;
    const [least, most, way] = [low[i] ?? 0, high[i] ?? 0, before.heading[i] ?? 0];
    const fell = way >= 0 && most - value >= CHANGE[kind] && value < DARKER_BELOW[kind];
    const rose = way <= 0 && value - least >= CHANGE[kind] && least < DARKER_BELOW[kind];
    if (fell) {
      changed[0][i] = now;
      low[i] = value;
      heading[i] = -1;
    }
    if (rose) {
      changed[1][i] = now;
      high[i] = value;
      if (!fell) heading[i] = 1;
    }
    for (const [way, moved] of [fell, rose].entries()) {
      const kinds = any[way];
      if (!moved || kinds === undefined) continue;
      kinds[kind] = true;
      const times = own[way as 0 | 1];
      for (let k = 0; k < LIMIT; k++) (times[k] as Float64Array)[i] = times[k + 1]?.[i] ?? 0;
      (times[LIMIT] as Float64Array)[i] = now;
    }
  }
  let within = true;
  const counted = before.counted.map((kinds, way) =>
    kinds.map((times, kind) => {
      const moments = changed[way as 0 | 1].subarray(kind * BLOCKS, (kind + 1) * BLOCKS);
      const spent = now - (times[0] ?? 0) < 1000 - EXACT;
      if (!any[way]?.[kind]) return times;
      // so much of the picture has changed once more than it may
      const first = own[way as 0 | 1][0]?.subarray(kind * BLOCKS, (kind + 1) * BLOCKS) ?? [];
      if (after(first, now - 1000 + EXACT) > AREA * BLOCKS) within = false;
      if (after(moments, now - TOGETHER_MS + EXACT) <= AREA * BLOCKS) return times;
      if (spent) within = false;
      moments.fill(Number.NEGATIVE_INFINITY);
      return [...times.slice(1), now];
    }),
  );
  return [{ at: now, low, high, heading, changed, counted, own }, within];
}

/** How many of some moments come after another. */
function after(moments: Iterable<number>, moment: number): number {
  let count = 0;
  for (const each of moments) if (each > moment) count++;
  return count;
}

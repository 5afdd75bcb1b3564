/**
 * Where a picture has moved: any number of camera moves as one, in closed form.
 *
 * The same mathematics as `show/display.py`: a place p, in picture widths from the middle (right is real, down is
 * imaginary), goes to `turn * p + shift`; ripples add up by amplitude and phase.
 */

export interface Motion {
  /** zoom and rotation, real and imaginary part */
  turn: readonly [number, number];
  /** picture widths */
  shift: readonly [number, number];
  /** amplitude in picture widths times cosine and sine of the phase */
  ripple: readonly [number, number];
}

type Complex = readonly [number, number];

export const REST: Motion = { turn: [1, 0], shift: [0, 0], ripple: [0, 0] };

/** waves of the ripple across the picture's width */
export const RIPPLES = 2;
/** zoom at a beat of full strength at beat_punch 1, doublings, and the time in which it falls to 1/e, seconds */
const PUNCH_OCTAVES = 0.08;
const PUNCH_SECONDS = 0.11;
/** share of light that is added at such a beat, at most */
const FLARE = 0.3;
/** picture widths at such a beat, and how fast it trembles */
const SHAKE_WIDTHS = 0.006;
const SHAKE_HERTZ = 9;
const STRAIGHT = 1e-6;

/** `first`, and `later` afterwards. (A module that exports `then` would be taken for a promise.) */
export function compose(first: Motion, later: Motion): Motion {
  const size = Math.hypot(...first.turn);
  return {
    turn: times(later.turn, first.turn),
    shift: plus(times(later.turn, first.shift), later.shift),
    ripple: plus(first.ripple, scaled(later.ripple, 1 / size)),
  };
}

/** What undoes it. */
export function back(motion: Motion): Motion {
  const turn = inverse(motion.turn);
  return {
    turn,
    shift: scaled(times(motion.shift, turn), -1),
    ripple: scaled(motion.ripple, -Math.hypot(...motion.turn)),
  };
}

/** A `share` of the way at even speed, along the spiral that leads there; 2 is twice the way. */
export function part(motion: Motion, share: number): Motion {
  const [re, im] = motion.turn;
  const size = Math.hypot(re, im) ** share;
  const angle = Math.atan2(im, re) * share;
  const turn: Complex = [size * Math.cos(angle), size * Math.sin(angle)];
  // the limit where nothing turns; nearer to it the quotient would lose its digits
  const straight = Math.hypot(re - 1, im) < STRAIGHT;
  const along: Complex = straight
    ? [share, 0]
    : times([1 - turn[0], -turn[1]], inverse([1 - re, -im]));
  return { turn, shift: times(motion.shift, along), ripple: scaled(motion.ripple, share) };
}

/**
 * How a beat moves the picture, `since` seconds after it: a swell that is there at once, and a shake. `strength` is
 * `camera.beat_punch` times how hard the beat was, 0..1.
 */
export function punch(since: number, strength: number): Motion {
  if (since < 0 || strength <= 0) return REST;
  const left = strength * Math.exp(-since / PUNCH_SECONDS);
  const angle = 2 * Math.PI * SHAKE_HERTZ * since;
  return {
    turn: [2 ** (PUNCH_OCTAVES * left), 0],
    shift: scaled([Math.sin(angle), Math.sin(1.3 * angle)], SHAKE_WIDTHS * left),
    ripple: [0, 0],
  };
}

/** How much lighter the picture is, `since` seconds after such a beat. */
export function flare(since: number, strength: number): number {
  if (since < 0 || strength <= 0) return 1;
  return 1 + FLARE * Math.min(1, strength) * Math.exp(-since / PUNCH_SECONDS);
}

export function isRest({ turn, shift, ripple }: Motion): boolean {
  return turn[0] === 1 && [turn[1], ...shift, ...ripple].every((value) => value === 0);
}

/** Whether everything in it is a number that can be drawn with. */
export function isSound({ turn, shift, ripple }: Motion): boolean {
  return [...turn, ...shift, ...ripple].every(Number.isFinite) && Math.hypot(...turn) > 0;
}

function times(a: Complex, b: Complex): Complex {
  return [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
}

function inverse([re, im]: Complex): Complex {
  const square = re * re + im * im;
  return [re / square, -im / square];
}

function plus(a: Complex, b: Complex): Complex {
  return [a[0] + b[0], a[1] + b[1]];
}

function scaled(a: Complex, by: number): Complex {
  return [a[0] * by, a[1] * by];
}

/**
 * Controllers: what their messages mean, and which of them plays what, learned by moving it.
 *
 * A knob may tell where it stands (absolute) or that it was turned (relative, "endless encoder"). Relative ones
 * count in one of three ways, which are told apart by watching: two's complement (1, 127), signed bit (1, 65),
 * binary offset (65, 63).
 */

/** `Launchpad/cc:0:21`, `keyboard/key:g`: device, kind, channel, number */
export type Source = string;
export type Mode = 'absolute' | 'twos' | 'signed' | 'offset';
export const MODES: Record<Mode, string> = {
  absolute: 'Tells where it stands',
  twos: 'Endless, 1 and 127',
  signed: 'Endless, 1 and 65',
  offset: 'Endless, 65 and 63',
};

export interface Mapping {
  /** `camera.zoom`, `do:tap`, `look:Ocean`, `own:Mine`, `page:volume` */
  target: string;
  mode: Mode;
}

export type Bindings = Record<Source, Mapping>;

export interface Message {
  /** without the device: `cc:0:21` */
  control: string;
  /** 0..127; finer for pitch wheels */
  value: number;
  /** a key or pad, which is struck, not turned */
  pad: boolean;
  released: boolean;
}

const MOST = 127;
const HALF = 64;

/** What a MIDI message says, or nothing where it moves nothing (clock, aftertouch). */
export function read(data: ArrayLike<number>): Message | null {
  const [status = 0, first = 0, second = 0] = [data[0], data[1], data[2]];
  const channel = status & 0x0f;
  switch (status & 0xf0) {
    case 0xb0:
      return { control: `cc:${channel}:${first}`, value: second, pad: false, released: false };
    case 0x90:
      return {
        control: `note:${channel}:${first}`,
        value: second,
        pad: true,
        released: second === 0,
      };
    case 0x80:
      return { control: `note:${channel}:${first}`, value: 0, pad: true, released: true };
    case 0xc0:
      return { control: `program:${channel}:${first}`, value: MOST, pad: true, released: false };
    // system messages have no channel: clock and transport are read elsewhere
    case 0xe0:
      return {
        control: `bend:${channel}:0`,
        value: second + first / 128,
        pad: false,
        released: false,
      };
    default:
      return null;
  }
}

/** One control plays one thing, and one thing listens to one control. */
export function bind(bindings: Bindings, source: Source, mapping: Mapping): Bindings {
  const others = Object.entries(bindings).filter(
    ([s, { target }]) => s !== source && target !== mapping.target,
  );
  return { ...Object.fromEntries(others), [source]: mapping };
}

export function unbind(bindings: Bindings, target: string): Bindings {
  return Object.fromEntries(Object.entries(bindings).filter(([, m]) => m.target !== target));
}

/** What `control` of `device` plays; what was learned before devices had names counts for all of them. */
export function bound(
  bindings: Bindings,
  device: string,
  control: string,
): [Source, Mapping] | null {
  for (const source of [`${device}/${control}`, `*/${control}`]) {
    const mapping = bindings[source];
    if (mapping !== undefined) return [source, mapping];
  }
  return null;
}

/** `CC 21`, `Note 36`, `G`, with the channel where it is not the first. */
export function nameOf(source: Source): string {
  const [kind, channel, number = ''] = controlOf(source).split(':');
  if (kind === 'key') return `Key ${channel?.toUpperCase()}`;
  const on = channel === '0' ? '' : ` · ${Number(channel) + 1}`;
  const names: Record<string, string> = { cc: 'CC', note: 'Note', program: 'Program' };
  return kind === 'bend' ? `Wheel${on}` : `${names[kind ?? ''] ?? kind} ${number}${on}`;
}

export function deviceOf(source: Source): string {
  return source.slice(0, Math.max(0, source.lastIndexOf('/')));
}

export function controlOf(source: Source): string {
  return source.slice(source.lastIndexOf('/') + 1);
}

/** Bindings of an older page: `{'cc:0:21': 'camera.zoom'}`, of whatever device. */
export function fromOlder(older: unknown): Bindings {
  if (typeof older !== 'object' || older === null) return {};
  return Object.fromEntries(
    Object.entries(older).flatMap(([source, target]) =>
      typeof target === 'string' ? [[`*/${source}`, { target, mode: 'absolute' as const }]] : [],
    ),
  );
}

export function toFile(bindings: Bindings): string {
  const devices: Record<string, Record<string, Mapping>> = {};
  for (const [source, mapping] of Object.entries(bindings)) {
    const device = deviceOf(source);
    devices[device] = { ...devices[device], [controlOf(source)]: mapping };
  }
  return `${JSON.stringify({ phosphene: 'controllers', version: 1, devices }, null, 2)}\n`;
}

/** Bindings of a file; null where it holds none. */
export function fromFile(text: string): Bindings | null {
  try {
    const data = JSON.parse(text) as { phosphene?: unknown; devices?: unknown };
    if (data?.phosphene !== 'controllers' || typeof data.devices !== 'object') return null;
    const found: Bindings = {};
    for (const [device, controls] of Object.entries(data.devices ?? {})) {
      for (const [control, mapping] of Object.entries((controls ?? {}) as object)) {
        const { target, mode } = (mapping ?? {}) as Partial<Mapping>;
        if (typeof target !== 'string') continue;
        found[`${device}/${control}`] = {
          target,
          mode: mode !== undefined && mode in MODES ? mode : 'absolute',
        };
      }
    }
    return found;
  } catch {
    return null;
  }
}

/** Steps that a relative control was turned by; to the right is positive. */
export function turned(mode: Mode, value: number): number {
  switch (mode) {
    case 'twos':
      return value < HALF ? value : value - 128;
    case 'signed':
      return value < HALF ? value : HALF - value;
    case 'offset':
      return value - HALF;
    default:
      return 0;
  }
}

/** endless ones count at most so many steps in a message when they are spun */
const SPUN = 15;
const REMEMBERED = 6;

/** Watches the values of one control, and says what they mean. */
export class Watcher {
  private values: number[] = [];

  /** The mode that fits what was seen so far, or `mode` where that tells nothing against it. */
  see(value: number, mode: Mode): Mode {
    this.values = [...this.values, value].slice(-REMEMBERED);
    const { values } = this;
    // a control that stands somewhere never says the same twice, nor leaps to and fro between the ends
    const same = values.some((v, i) => i > 0 && v === values[i - 1] && v !== 0 && v !== MOST);
    const spun = values.slice(-3).join() === [MOST, MOST, MOST].join();
    const leaps = values.filter((v, i) => leap(values[i - 1] ?? v, v)).length;
    const counts = same || spun || leaps > 1;
    const between = (low: number, high: number) => values.some((v) => v >= low && v <= high);
    const elsewhere = values.filter(
      (v) => (v > SPUN && v < HALF - SPUN) || (v > HALF + SPUN && v < 128 - SPUN),
    );
    if (elsewhere.length > 1) return 'absolute';
    if (elsewhere.length > 0) return mode;
    if (mode === 'absolute' && !counts) return mode;
    const right = between(1, SPUN);
    if (between(128 - SPUN, MOST)) return 'twos';
    if (between(HALF - SPUN, HALF - 1)) return 'offset';
    if (between(HALF + 1, HALF + SPUN)) {
      // 65 is a step to the left, or one to the right: who has said 1 means the left
      return right || mode === 'signed' || mode === 'twos' ? 'signed' : 'offset';
    }
    return right && (mode === 'absolute' || mode === 'offset') ? 'twos' : mode;
  }
}

/** From a step to the right to one to the left, or back. */
function leap(before: number, now: number): boolean {
  const [low, high] = before < now ? [before, now] : [now, before];
  return low >= 1 && low <= 3 && high >= MOST - 2;
}

/** one turn of an endless control ends when it rests for so long, ms */
const GESTURE_MS = 400;
/** a button that never says it was let go may be pressed again after so long, ms */
const AGAIN_MS = 150;
const LET_GO = 48;

/** Once per press: a pad that is struck, a button that goes down, a knob that passes its middle upwards. */
export class Edge {
  private armed = true;
  private value = Number.NaN;
  private at = Number.NEGATIVE_INFINITY;

  press({ value, pad, released }: Message, mode: Mode, now: number): boolean {
    const rested = now - this.at;
    const same = value === this.value;
    this.at = now;
    this.value = value;
    if (pad) return !released;
    if (mode !== 'absolute') return rested > GESTURE_MS;
    if (value < LET_GO) this.armed = true;
    if (value < HALF) return false;
    const pressed = this.armed || (same && rested > AGAIN_MS);
    this.armed = false;
    return pressed;
  }
}

/** a knob this near to the value has it, 0..1 */
const NEAR = 0.03;

/** Soft takeover: a knob that stands elsewhere moves nothing until it reaches the value. */
export class Pickup {
  private stood = Number.NaN;
  private left = Number.NaN;

  /** Whether the knob, now at `amount`, has the value, which is at `current`; all 0..1. */
  has(amount: number, current: number): boolean {
    const before = this.stood;
    this.stood = amount;
    const held = Math.abs(current - this.left) < 1e-3;
    const passed = (before - current) * (amount - current) <= 0;
    return held || passed || Math.abs(amount - current) <= NEAR;
  }

  /** The value was left at `current`, 0..1: whoever moves it otherwise takes it away. */
  leave(current: number): void {
    this.left = current;
  }
}

/** Where a knob's `amount` (0..1) lies between `min` and `max`, on the control's own steps. */
export function scaled(amount: number, min: number, max: number, step: number): number {
  const raw = min + amount * (max - min);
  const value = Math.min(max, Math.max(min, min + Math.round((raw - min) / step) * step));
  return Number(value.toPrecision(10));
}

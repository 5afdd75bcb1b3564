/** MIDI messages to controls: which knob moves which setting, learned by moving it. */

/** `cc:0:21` or `note:9:36`: kind, channel, number */
export type Source = string;

export interface Moved {
  source: Source;
  /** 0..1 */
  amount: number;
  /** a key or pad that was let go */
  released: boolean;
}

export type Bindings = Record<Source, string>;

/** What a MIDI message says, or nothing where it moves nothing (clock, aftertouch, bend). */
export function read(data: ArrayLike<number>): Moved | null {
  const [status = 0, number = 0, amount = 0] = [data[0], data[1], data[2]];
  const channel = status & 0x0f;
  switch (status & 0xf0) {
    case 0xb0:
      return { source: `cc:${channel}:${number}`, amount: amount / 127, released: false };
    case 0x90:
      return { source: `note:${channel}:${number}`, amount: amount / 127, released: amount === 0 };
    case 0x80:
      return { source: `note:${channel}:${number}`, amount: 0, released: true };
    default:
      return null;
  }
}

/** One knob moves one control, and one control listens to one knob. */
export function bind(bindings: Bindings, source: Source, target: string): Bindings {
  const others = Object.entries(bindings).filter(([s, t]) => s !== source && t !== target);
  return { ...Object.fromEntries(others), [source]: target };
}

export function unbind(bindings: Bindings, target: string): Bindings {
  return Object.fromEntries(Object.entries(bindings).filter(([, t]) => t !== target));
}

/** `CC 21`, `Note 36`, with the channel where it is not the first. */
export function nameOf(source: Source): string {
  const [kind, channel, number] = source.split(':');
  const on = channel === '0' ? '' : ` · ${Number(channel) + 1}`;
  return `${kind === 'cc' ? 'CC' : 'Note'} ${number}${on}`;
}

/** Where a knob's `amount` (0..1) lies between `min` and `max`, on the control's own steps. */
export function scaled(amount: number, min: number, max: number, step: number): number {
  const raw = min + amount * (max - min);
  const value = Math.min(max, Math.max(min, min + Math.round((raw - min) / step) * step));
  return Number(value.toPrecision(10));
}

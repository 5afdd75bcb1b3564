/** MIDI clock and transport: 24 ticks a beat, start, stop, continue, song position (MIDI 1.0, p. 27-30). */

const TICKS = 24;
/** ticks of a beat that the tempo is taken from: two beats, which evens out what the system delays */
const KEPT = 2 * TICKS;
/** a clock that is silent for longer has stopped, ms */
const SILENT_MS = 500;

export interface Count {
  /** beats a minute; 0: nobody counts */
  tempo: number;
  /** counted at `t` */
  beats: number;
  /** ms */
  t: number;
  running: boolean;
}

export type Transport = 'start' | 'stop' | 'continue';

/** Listens to one device's clock. */
export class MidiClock {
  private times: number[] = [];
  private ticks = 0;
  private running = true;

  /** A message of one byte, or a song position; what of the transport it says. */
  hear(data: ArrayLike<number>, t: number): Transport | 'tick' | null {
    switch (data[0]) {
      case 0xf8: {
        const last = this.times.at(-1);
        if (last !== undefined && t - last > SILENT_MS) this.times = [];
        this.times = [...this.times, t].slice(-KEPT - 1);
        if (this.running) this.ticks++;
        return 'tick';
      }
      case 0xfa:
        // the tick after it is the first of the song
        this.ticks = -1;
        this.running = true;
        return 'start';
      case 0xfb:
        this.running = true;
        return 'continue';
      case 0xfc:
        this.running = false;
        return 'stop';
      case 0xf2:
        // sixteenths since the song began
        this.ticks = ((data[1] ?? 0) + 128 * (data[2] ?? 0)) * 6 - 1;
        return null;
      default:
        return null;
    }
  }

  /** What is counted, at the time of the last tick; a straight line through the ticks evens them out. */
  count(now: number): Count | null {
    const { times } = this;
    const last = times.at(-1);
    if (last === undefined || times.length < TICKS / 2) return null;
    if (now - last > SILENT_MS) return { tempo: 0, beats: 0, t: now, running: false };
    const n = times.length;
    const middle = (n - 1) / 2;
    const mean = times.reduce((sum, t) => sum + t, 0) / n;
    const slope =
      times.reduce((sum, t, i) => sum + (i - middle) * (t - mean), 0) / ((n * (n * n - 1)) / 12);
    const t = mean + slope * middle;
    return { tempo: 60_000 / (slope * TICKS), beats: this.ticks / TICKS, t, running: this.running };
  }
}

/** From arrived bytes to what is on the stage at every frame of the screen: keys at their moments, moved between. */

import type { Composition } from '../picture/mix';
import { compose, REST } from '../picture/motion';
import { decode } from '../picture/sheet';
import type { Stage } from '../picture/stage';
import { type Accent, NONE } from '../time/beats';
import { ShowQueue } from '../time/queue';
import { type Key, KeyTrack } from '../time/track';
import type { Frame } from '../wire/frame';

export interface Picture extends Key {
  captured: number;
  /** song position it is meant for, seconds; NaN without a song */
  value: number;
  /** its flashes are not to be held */
  strobes: boolean;
}

export interface Shown extends Picture {
  sequence: number;
  /** when it was drawn, ms */
  at: number;
}

/** When to show a picture that is ready now (ms); null drops it. */
export type Timing = (picture: Picture, ready: number) => number | null;

/** What the beat does to the picture at `now` (ms), where keys are `interval` ms apart. */
export type Beating = (now: number, interval: number) => Accent;

const MOST_DECODING = 8;

/** Which pictures to ask the server for: fields where a graphics card colours them. */
export function shapes(why: string): Record<string, string> {
  return why === '' ? { keys: '1', fields: '1' } : { keys: '1' };
}

/** a picture due before the middle of this display frame is not kept for the next one, ms */
const HALF_FRAME = 8;
/** of a new interval between two keys in their mean */
const WEIGHT = 0.2;
const LONGEST_MS = 2000;

export class Display {
  private readonly queue = new ShowQueue<Picture>((picture, next) => {
    // a key that came too late is not seen: the next one has the camera's way of both
    if (next !== null) next.motion = compose(picture.motion, next.motion);
    picture.sheet.close();
  });
  private readonly track = new KeyTrack();
  private decoding = 0;
  /** the picture on show stays */
  frozen = false;
  private loop = 0;
  /** pictures that may still be seen, to be closed when they are not */
  private open: Picture[] = [];
  /** the camera's way of pictures that were never decoded */
  private missed = REST;
  private cut = false;
  private due = Number.NaN;
  private mean = 0;

  /** `accent` is what the beat does; `onFrame` hears of every frame of the screen. */
  constructor(
    private readonly stage: Stage,
    private readonly timing: Timing,
    private readonly onShown: (shown: Shown) => void,
    private readonly accent: Beating = () => NONE,
    private readonly onFrame: (seen: Composition, now: number, pushed: boolean) => void = () =>
      undefined,
  ) {
    const frame = (now: number): void => {
      this.tick(now);
      this.loop = requestAnimationFrame(frame);
    };
    this.loop = requestAnimationFrame(frame);
  }

  async arrive({ sequence, captured, value, payload, way, field }: Frame): Promise<void> {
    const motion = compose(this.missed, way?.motion ?? REST);
    const cut = this.cut || (way?.cut ?? false);
    // a machine that cannot keep up skips pictures instead of falling behind; nobody sees a hidden page
    if (this.decoding >= MOST_DECODING || document.hidden || this.frozen) {
      this.missed = motion;
      this.cut = cut || document.hidden || this.frozen;
      return;
    }
    this.missed = REST;
    this.cut = false;
    this.decoding++;
    try {
      const sheet = await decode(payload, field);
      const picture = { sheet, captured, value, motion, cut, strobes: way?.strobes ?? false };
      const due = this.timing(picture, performance.now());
      if (due === null) {
        sheet.close();
        this.cut = true;
      } else this.queue.put({ sequence, due, item: picture });
    } catch {
      // a picture that cannot be read is one picture less; the last one stays
      this.cut = true;
    } finally {
      this.decoding--;
    }
  }

  /** Between two keys, in the mean, ms. */
  get interval(): number {
    return this.mean;
  }

  /** Drop what waits; `fresh` for a connection that counts anew. */
  clear(fresh = false): void {
    this.queue.clear(fresh);
    this.track.reset();
    this.cut = true;
    const seen = this.track.show(performance.now(), null, 0);
    if (seen !== null) this.stage.show(seen, performance.now());
  }

  close(): void {
    cancelAnimationFrame(this.loop);
  }

  private tick(now: number): void {
    this.stage.tick(now, this.frozen);
    if (this.frozen) return;
    const taken = this.queue.take(now + HALF_FRAME);
    if (taken !== null) {
      const { item, due, sequence } = taken;
      if (!Number.isNaN(this.due) && due > this.due)
        this.mean += WEIGHT * (Math.min(LONGEST_MS, due - this.due) - this.mean);
      this.due = due;
      this.track.put(item, Math.min(due, now));
      this.open.push(item);
      this.release();
      this.onShown({ ...item, sequence, at: now });
    }
    const next = this.queue.next;
    if (taken !== null) this.stage.guarded = !taken.item.strobes;
    const seen = this.track.show(now, next?.item ?? null, next?.due ?? 0);
    if (seen === null) return;
    const accent = this.accent(now, this.mean);
    const moved = accent === NONE ? seen : pushed(seen, accent);
    this.stage.show(moved, now);
    this.onFrame(moved, now, moved !== seen);
  }

  /** Let go of pictures that nobody will see any more. */
  private release(): void {
    this.open = this.open.filter((picture) => {
      if (this.track.holds(picture)) return true;
      picture.sheet.close();
      return false;
    });
  }
}

function pushed(seen: Composition, { motion, light }: Accent): Composition {
  return {
    ...seen,
    firstMotion: compose(seen.firstMotion, motion),
    secondMotion: compose(seen.secondMotion, motion),
    light,
  };
}

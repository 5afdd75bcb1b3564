/** From arrived bytes to pictures on the stage, each at its moment. */

import { decode, type Sheet } from '../picture/sheet';
import type { Stage } from '../picture/stage';
import { ShowQueue } from '../time/queue';
import type { Frame } from '../wire/frame';

export interface Picture {
  sheet: Sheet;
  captured: number;
  /** song position it is meant for, seconds; NaN without a song */
  value: number;
}

export interface Shown extends Picture {
  sequence: number;
  /** when it was drawn, ms */
  at: number;
}

/** When to show a picture that is ready now (ms); null drops it. */
export type Timing = (picture: Picture, ready: number) => number | null;

const MOST_DECODING = 8;
/** a picture due before the middle of this display frame is not kept for the next one, ms */
const HALF_FRAME = 8;

export class Display {
  private readonly queue = new ShowQueue<Picture>((picture) => picture.sheet.close());
  private decoding = 0;
  private loop = 0;

  constructor(
    private readonly stage: Stage,
    private readonly timing: Timing,
    private readonly onShown: (shown: Shown) => void,
  ) {
    const frame = (now: number): void => {
      this.tick(now);
      this.loop = requestAnimationFrame(frame);
    };
    this.loop = requestAnimationFrame(frame);
  }

  async arrive({ sequence, captured, value, payload }: Frame): Promise<void> {
    // a machine that cannot keep up skips pictures instead of falling behind; nobody sees a hidden page
    if (this.decoding >= MOST_DECODING || document.hidden) return;
    this.decoding++;
    try {
      const sheet = await decode(payload);
      const picture = { sheet, captured, value };
      const due = this.timing(picture, performance.now());
      if (due === null) sheet.close();
      else this.queue.put({ sequence, due, item: picture });
    } catch {
      // a picture that cannot be read is one picture less; the last one stays
    } finally {
      this.decoding--;
    }
  }

  /** Drop what waits; `fresh` for a connection that counts anew. */
  clear(fresh = false): void {
    this.queue.clear(fresh);
  }

  close(): void {
    cancelAnimationFrame(this.loop);
  }

  private tick(now: number): void {
    this.stage.tick(now);
    const next = this.queue.take(now + HALF_FRAME);
    if (next === null) return;
    this.stage.show(next.item.sheet, now);
    this.onShown({ ...next.item, sequence: next.sequence, at: now });
  }
}

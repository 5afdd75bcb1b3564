/**
 * What is heard, or what is seen: one thing at a time.
 *
 * Opening may take as long as it wants (a permission is asked for, a file is decoded) and changes nothing;
 * the change itself happens at once, in one turn of the event loop. So changes never interleave, whatever
 * their order, and the one that was asked for last wins.
 */

import type { Signal } from '@preact/signals';

/** Something that was opened. Both functions return at once. */
export interface Opened {
  start: () => void;
  /** also of what was never started */
  stop: () => void;
}

export type Opener = () => Promise<Opened>;

const NOTHING: Opened = { start: () => undefined, stop: () => undefined };
export const nothing: Opener = async () => NOTHING;

export class Lane<T extends string> {
  private turn = 0;
  private open: Opened = NOTHING;

  /** `changed` is called after each change, `failed` with what went wrong where nothing newer was asked for. */
  constructor(
    private readonly now: Signal<T>,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Open and turn to it; false when that failed, or something else was chosen meanwhile. */
  async take(what: T, opener: Opener, failed = this.failed): Promise<boolean> {
    const turn = ++this.turn;
    let next: Opened;
    try {
      next = await opener();
    } catch (error) {
      if (turn === this.turn) failed(error);
      return false;
    }
    if (turn !== this.turn) {
      next.stop();
      return false;
    }
    const before = this.open;
    this.open = next;
    this.now.value = what;
    // the new one first: between the two there is no gap
    next.start();
    before.stop();
    this.changed();
    return true;
  }
}

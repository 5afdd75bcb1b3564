/** Pictures that wait for their moment. Newest wins: of all that are due, only the last is shown. */

export interface Waiting<T> {
  sequence: number;
  /** when to show it, ms */
  due: number;
  item: T;
}

const LONGEST = 90;

export class ShowQueue<T> {
  private waiting: Waiting<T>[] = [];
  private shown = -1;

  constructor(private readonly drop: (item: T) => void) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Decoding may finish out of order, so pictures are sorted in. */
  put(entry: Waiting<T>): void {
    if (entry.sequence <= this.shown) {
      this.drop(entry.item);
      return;
    }
    const at = this.waiting.findLastIndex((other) => other.sequence < entry.sequence);
    this.waiting.splice(at + 1, 0, entry);
    if (this.waiting.length > LONGEST) this.discard(this.waiting.splice(0, 1));
  }

  /** The picture to show at `now`, if another than before. */
  take(now: number): Waiting<T> | null {
    const last = this.waiting.findLastIndex((entry) => entry.due <= now);
    if (last < 0) return null;
    const due = this.waiting.splice(0, last + 1);
    const chosen = due.pop() ?? null;
    this.discard(due);
    if (chosen !== null) this.shown = chosen.sequence;
    return chosen;
  }

  /** Drop what waits; `fresh` when sequence numbers start anew. */
  clear(fresh = false): void {
    this.discard(this.waiting.splice(0));
    if (fresh) this.shown = -1;
  }

  private discard(entries: Waiting<T>[]): void {
    for (const entry of entries) this.drop(entry.item);
  }
}

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

  /** `drop` is told which one was shown, or waits, in its place; null for none. */
  constructor(private readonly drop: (item: T, next: T | null) => void) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Decoding may finish out of order, so pictures are sorted in. */
  put(entry: Waiting<T>): void {
    if (entry.sequence <= this.shown) {
      this.drop(entry.item, null);
      return;
    }
    const at = this.waiting.findLastIndex((other) => other.sequence < entry.sequence);
    this.waiting.splice(at + 1, 0, entry);
    if (this.waiting.length > LONGEST) {
      const [oldest] = this.waiting.splice(0, 1);
      if (oldest !== undefined) this.drop(oldest.item, this.waiting[0]?.item ?? null);
    }
  }

  /** The picture to show at `now`, if another than before. */
  take(now: number): Waiting<T> | null {
    const last = this.waiting.findLastIndex((entry) => entry.due <= now);
    if (last < 0) return null;
    const due = this.waiting.splice(0, last + 1);
    const chosen = due[due.length - 1] ?? null;
    due.slice(0, -1).forEach((entry, i) => {
      this.drop(entry.item, due[i + 1]?.item ?? null);
    });
    if (chosen !== null) this.shown = chosen.sequence;
    return chosen;
  }

  /** The one that is due next, of those that wait. */
  get next(): Waiting<T> | null {
    return this.waiting[0] ?? null;
  }

  /** Drop what waits; `fresh` when sequence numbers start anew. */
  clear(fresh = false): void {
    this.discard(this.waiting.splice(0));
    if (fresh) this.shown = -1;
  }

  private discard(entries: Waiting<T>[]): void {
    for (const entry of entries) this.drop(entry.item, null);
  }
}

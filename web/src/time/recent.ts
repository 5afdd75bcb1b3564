/** The last `size` numbers, and their quantiles. */
export class Recent {
  private readonly kept: number[] = [];
  private next = 0;

  constructor(private readonly size: number) {}

  add(value: number): void {
    this.kept[this.next] = value;
    this.next = (this.next + 1) % this.size;
  }

  get count(): number {
    return this.kept.length;
  }

  clear(): void {
    this.kept.length = 0;
    this.next = 0;
  }

  /** Value below which a share `q` (0..1) lies; NaN when empty. */
  quantile(q: number): number {
    const sorted = [...this.kept].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  }
}

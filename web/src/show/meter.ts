/** Figures of what is shown, twice a second. */

import { figures } from '../state/store';
import { Recent } from '../time/recent';

export class Meter {
  private readonly ages = new Recent(60);
  private readonly offs = new Recent(60);
  private count = 0;
  private since = performance.now();

  shown(at: number, captured: number, offMs: number): void {
    this.count++;
    if (!Number.isNaN(captured)) this.ages.add(at - captured);
    if (!Number.isNaN(offMs)) this.offs.add(offMs);
    if (at - this.since < 500) return;
    figures.value = {
      fps: (this.count * 1000) / (at - this.since),
      ageMs: this.ages.quantile(0.5),
      offMs: this.offs.quantile(0.5),
    };
    this.count = 0;
    this.since = at;
  }

  /** Another source: what was measured before says nothing. */
  reset(): void {
    this.ages.clear();
    this.offs.clear();
  }
}

/** Figures of what is shown, twice a second; when nothing is shown any more they say so. */

import { figures } from '../state/store';
import { Recent } from '../time/recent';

const EVERY_MS = 500;
/** without a new picture for so long the figures are of the past, ms */
const STALE_MS = 1500;

export class Meter {
  private readonly ages = new Recent(60);
  private readonly offs = new Recent(60);
  private readonly between = new Recent(120);
  private framed = Number.NaN;
  private frames = 0;
  private count = 0;
  private since = performance.now();
  private last = Number.NEGATIVE_INFINITY;

  constructor() {
    setInterval(() => {
      const now = performance.now();
      const still = now - this.last;
      // nobody sees a hidden page's pictures, so it shows none
      if (document.hidden || figures.peek() === null || still < STALE_MS) return;
      figures.value = {
        screenFps: 0,
        motionMs: Number.NaN,
        fps: 0,
        ageMs: Number.NaN,
        offMs: Number.NaN,
        stillMs: still,
      };
      this.reset();
    }, EVERY_MS);
  }

  /** A frame of the screen. */
  frame(at: number): void {
    const between = at - this.framed;
    this.framed = at;
    // longer ones are a hidden page
    if (between < 500) this.between.add(between);
    this.frames++;
  }

  shown(at: number, captured: number, offMs: number): void {
    this.last = at;
    this.count++;
    if (!Number.isNaN(captured)) this.ages.add(at - captured);
    if (!Number.isNaN(offMs)) this.offs.add(offMs);
    if (at - this.since < EVERY_MS) return;
    figures.value = {
      screenFps: (this.frames * 1000) / (at - this.since),
      motionMs: this.between.quantile(0.5),
      fps: (this.count * 1000) / (at - this.since),
      ageMs: this.ages.quantile(0.5),
      offMs: this.offs.quantile(0.5),
      stillMs: 0,
    };
    this.count = this.frames = 0;
    this.since = at;
  }

  /** Another source: what was measured before says nothing. */
  reset(): void {
    this.ages.clear();
    this.offs.clear();
  }
}

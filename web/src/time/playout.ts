/**
 * When to show each picture so that they come at an even rate.
 *
 * A picture is shown at the moment it was captured plus a delay that all pictures share. The delay
 * is the latency nine in ten pictures stay below, and it changes so slowly that motion stays even.
 */

import { Recent } from './recent';

const REMEMBERED = 60;
const QUANTILE = 0.9;
/** how much the delay may change per second shown: so little that nobody sees motion slow down or speed up */
const SLEW = 0.08;
/** latency so far off is a new situation, not jitter, ms */
const JUMP_MS = 250;

export class Playout {
  private readonly latencies = new Recent(REMEMBERED);
  private delay = Number.NaN;
  private captured = Number.NEGATIVE_INFINITY;
  private due = Number.NEGATIVE_INFINITY;
  private arrived = Number.NaN;
  private interval = 40;

  /** The delay in force, ms. */
  get delayMs(): number {
    return Number.isNaN(this.delay) ? 0 : this.delay;
  }

  /** Forget the past: another source has another latency. */
  reset(): void {
    this.latencies.clear();
    this.delay = Number.NaN;
    this.captured = Number.NEGATIVE_INFINITY;
    this.due = Number.NEGATIVE_INFINITY;
  }

  /** When to show a picture captured at `captured` that is ready at `now`; all in ms of one clock. */
  schedule(captured: number, now: number): number {
    this.learn(captured, now);
    // several pictures may answer to the same input: spread them instead of dropping them
    const even = Math.max(captured + this.delay, this.due + this.interval / 2);
    this.due = Math.min(even, now + this.delay);
    this.captured = Math.max(this.captured, captured);
    return this.due;
  }

  private learn(captured: number, now: number): void {
    if (now - this.arrived < 1000) this.interval += 0.1 * (now - this.arrived - this.interval);
    this.arrived = now;
    this.latencies.add(Math.max(0, now - captured));
    const target = this.latencies.quantile(QUANTILE);
    const off = target - this.delay;
    if (Number.isNaN(this.delay) || Math.abs(off) > JUMP_MS) {
      this.delay = target;
      return;
    }
    const passed = Math.min(200, Math.max(0, captured - this.captured));
    this.delay += Math.min(SLEW * passed, Math.max(-SLEW * passed, off));
  }
}

/**
 * How many pixels to draw the picture with.
 *
 * What a drawing costs cannot be measured where it happens: browsers do it later, elsewhere. But a machine
 * that is overloaded misses display frames, and that shows.
 */

import { Recent } from '../time/recent';

const SIDES = [360, 540, 810, 1200, 1800, 2560] as const;
const START = 2;
const JUDGED = 60;
/** share of the display's own interval from which frames count as missed, and below which there is room */
const MISSED = 1.5;
const ROOM = 1.15;
/** calm judgements before more pixels are tried; doubled each time that went wrong */
const PATIENCE = 2;
const MOST_PATIENCE = 256;

export class Effort {
  private at = START;
  private calm = 0;
  private patience = PATIENCE;
  private raised = false;
  private fastest = Number.POSITIVE_INFINITY;
  private readonly intervals = new Recent(JUDGED);

  /** Longest side to draw with, pixels. */
  get longest(): number {
    return SIDES[this.at] ?? SIDES[0];
  }

  /** The time between two display frames, ms. True when `longest` changed. */
  frame(interval: number): boolean {
    this.intervals.add(interval);
    if (this.intervals.count < JUDGED) return false;
    this.fastest = Math.max(4, Math.min(this.fastest, this.intervals.quantile(0.1)));
    const ratio = this.intervals.quantile(0.6) / this.fastest;
    this.intervals.clear();
    if (ratio > MISSED) return this.lower();
    this.calm = ratio < ROOM ? this.calm + 1 : 0;
    return this.calm >= this.patience && this.raise();
  }

  private lower(): boolean {
    this.calm = 0;
    if (this.raised) this.patience = Math.min(MOST_PATIENCE, this.patience * 2);
    this.raised = false;
    if (this.at === 0) return false;
    this.at--;
    return true;
  }

  private raise(): boolean {
    this.calm = 0;
    if (this.at === SIDES.length - 1) return false;
    this.raised = true;
    this.at++;
    return true;
  }
}

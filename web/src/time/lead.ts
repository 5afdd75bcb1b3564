/**
 * How far ahead of the sound pictures must be asked for, so that they are here when it gets there.
 *
 * Too short and pictures come late; too long and controls answer late. One in ten may be just in time.
 */

import { Recent } from './recent';

const REMEMBERED = 40;
const SLACK = 0.02;
/** two keys of a model that draws one in a second and a half */
const LONGEST = 3;

export class Lead {
  /** seconds */
  seconds = 0.12;
  private readonly slacks = new Recent(REMEMBERED);

  /** A picture was ready `slack` seconds before its time (negative: late). */
  arrived(slack: number): void {
    this.slacks.add(slack);
    if (this.slacks.count < 8) return;
    const short = SLACK - this.slacks.quantile(0.1);
    // lateness is seen, so it is mended fast; room is given back slowly
    const step = short > 0 ? 0.15 * short : 0.02 * short;
    this.seconds = Math.min(LONGEST, Math.max(0, this.seconds + step));
  }

  /** Another place in the song, another song: slack seen before says nothing. */
  reset(): void {
    this.slacks.clear();
  }
}

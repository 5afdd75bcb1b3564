/**
 * Where the song is, between two readings of a media element's own clock.
 *
 * An element's `currentTime` moves in small steps; readings only pull the straight line gently.
 */

/** readings further off than this are a jump, seconds */
const JUMP = 0.08;
const PULL = 0.05;

export class SongClock {
  private position = 0;
  private at = 0;
  private speed = 0;

  /** Whether the song moves. */
  get playing(): boolean {
    return this.speed > 0;
  }

  /** A reading: at `now` (ms) the element said `position` (s). True when the song jumped, started or stopped. */
  observe(now: number, position: number, speed: number): boolean {
    const off = position - this.where(now);
    const jumped = speed !== this.speed || Math.abs(off) > JUMP;
    this.position = jumped ? position : this.where(now) + PULL * off;
    this.at = now;
    this.speed = speed;
    return jumped;
  }

  /** Position at `now` (ms), seconds. */
  where(now: number): number {
    return this.position + ((now - this.at) / 1000) * this.speed;
  }

  /** The moment (ms) at which the song reaches `position` (s); never when it stands still. */
  when(position: number): number {
    if (this.speed <= 0) return Number.POSITIVE_INFINITY;
    return this.at + ((position - this.position) / this.speed) * 1000;
  }
}

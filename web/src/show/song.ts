/** The song: played here, heard by the server, pictures timed to what the room hears. */

import { Lead } from '../time/lead';
import { SongClock } from '../time/songclock';
import type { Deck } from './deck';

/** pictures further off than this were meant for before a seek, seconds */
const STALE = 1.0;
const EVENTS = ['play', 'playing', 'pause', 'seeked', 'seeking', 'ratechange', 'ended'] as const;

export class SongPlayer {
  readonly lead = new Lead();
  private readonly clock = new SongClock();
  private current: Deck | null = null;
  private readonly look = (): void => this.observe();

  /** `jumped` is called when the song starts, stops or jumps; `latency` is of the sound, seconds. */
  constructor(
    private readonly latency: () => number,
    private readonly jumped: () => void,
  ) {}

  /** The song that is loaded. */
  get deck(): Deck | null {
    return this.current;
  }

  /** Play another song from now on; the one before is closed by who opened it. */
  use(deck: Deck): void {
    for (const event of EVENTS) this.current?.element.removeEventListener(event, this.look);
    this.current = deck;
    for (const event of EVENTS) deck.element.addEventListener(event, this.look);
    this.lead.reset();
    this.observe();
  }

  get playing(): boolean {
    return this.clock.playing;
  }

  get rate(): number {
    return this.current?.element.playbackRate ?? 1;
  }

  /** Position that is heard at page time `now` (ms), seconds. */
  heardAt(now: number): number {
    return Math.max(0, this.clock.where(now) - (this.playing ? this.latency() : 0));
  }

  /** Read the element's clock; call often. */
  observe(): void {
    if (this.current === null) return;
    const { paused, ended, seeking, readyState, playbackRate, currentTime } = this.current.element;
    const runs = !paused && !ended && !seeking && readyState > 2;
    if (this.clock.observe(performance.now(), currentTime, runs ? playbackRate : 0)) {
      this.lead.reset();
      this.jumped();
    }
  }

  /**
   * When to show a picture meant for `position` (s), `offsetMs` after its sound; null: too far off. It is asked for so
   * that it is here `aheadMs` before.
   */
  due(position: number, offsetMs: number, now: number, aheadMs = 0): number | null {
    if (!this.playing) return now;
    const due = this.clock.when(position + this.latency()) + offsetMs;
    const slack = (due - now) / 1000;
    if (slack > this.lead.seconds + STALE || slack < -STALE) return null;
    this.lead.arrived(slack - aheadMs / 1000);
    return due;
  }
}

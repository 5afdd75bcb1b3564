/**
 * Which keys are seen at a moment, and where the camera has them: `show/display.py`'s `Display`, at the screen's rate.
 *
 * Every key goes on with the camera as it went lately. When the next one is known before its time (a song), it is
 * approached: the way there is known, and the picture fades over. When nobody could know it, it begins where the
 * last one is seen and bends into its own path, so that nothing jumps.
 */

import type { Composition } from '../picture/mix';
import { back, compose, type Motion, part, REST } from '../picture/motion';
import type { Sheet } from '../picture/sheet';

export interface Key {
  sheet: Sheet;
  /** the camera's way since the key before */
  motion: Motion;
  /** it has nothing to do with the one before */
  cut: boolean;
}

/** after a key came whose picture nobody could know before, seconds; at most half of the time between two keys */
const CROSSFADE_SECONDS = 0.12;
/** in which a path that was guessed bends into the one that was right; what is left after it is 1/e */
const SETTLE_SECONDS = 0.3;
/** how much of the past counts for the speed at which the camera is believed to go on, seconds */
const FORGET_SECONDS = 0.7;
/** without news for longer the camera stands still, seconds */
const LONGEST_GUESS = 2;
const REMEMBERED = 32;

export class KeyTrack {
  private key: Key | null = null;
  private at = 0;
  private before: Key | null = null;
  /** from the key before to the newest, as it was shown when that came */
  private seen = REST;
  /** what the newest key is moved by beside its own way, when it came */
  private off = REST;
  private fade = 0;
  private ways: { motion: Motion; seconds: number }[] = [];
  private rate = REST;
  private approach: { next: Key; since: number; from: Motion; left: Motion } | null = null;

  /** The newest key. */
  get newest(): Key | null {
    return this.key;
  }

  /** The keys whose pictures are still needed. */
  holds(key: Key): boolean {
    return key === this.key || key === this.before;
  }

  /** Another source, another place in the song: what was seen stays until the next key. */
  reset(): void {
    this.ways = [];
    this.rate = this.off = this.seen = REST;
    this.before = this.approach = null;
  }

  /** `key` is due at `at` (ms). */
  put(key: Key, at: number): void {
    const last = this.key;
    const approached = this.approach?.next === key;
    const alike =
      last !== null && last.sheet.width * key.sheet.height === key.sheet.width * last.sheet.height;
    if (last === null || key.cut || !alike) {
      this.reset();
    } else {
      const seconds = Math.max(1e-3, (at - this.at) / 1000);
      this.seen = approached ? key.motion : this.way(at);
      // where the picture is now, if the model changed nothing: seen from the new key
      this.off = approached ? REST : compose(back(key.motion), this.seen);
      this.before = approached ? null : last;
      this.fade = Math.min(CROSSFADE_SECONDS, seconds / 2);
      this.ways.push({ motion: key.motion, seconds });
      if (this.ways.length > REMEMBERED) this.ways.shift();
      this.rate = this.lately();
    }
    this.approach = null;
    this.key = key;
    this.at = at;
  }

  /** What is seen at `now` (ms); `next` is due at `due`, where it is known. Null before the first key. */
  show(now: number, next: Key | null, due: number): Composition | null {
    const { key } = this;
    if (key === null) return null;
    const since = (now - this.at) / 1000;
    if (this.before !== null && since >= this.fade) this.before = null;
    if (this.before === null) this.approaching(now, next, due);
    const way = this.way(now);
    const { before, approach } = this;
    if (approach !== null) {
      return {
        first: key.sheet,
        firstMotion: way,
        second: approach.next.sheet,
        secondMotion: compose(back(approach.next.motion), way),
        share: share(now, approach.since, this.due),
      };
    }
    if (before === null)
      return { first: key.sheet, firstMotion: way, second: null, secondMotion: REST, share: 0 };
    return {
      first: before.sheet,
      // the same place on the screen, seen from the key before
      firstMotion: compose(compose(this.seen, back(this.off)), way),
      second: key.sheet,
      secondMotion: way,
      share: since / this.fade,
    };
  }

  private due = 0;

  private approaching(now: number, next: Key | null, due: number): void {
    const alike = next !== null && next.sheet.width === this.key?.sheet.width;
    if (next === null || next.cut || !alike || due <= now) {
      if (this.approach !== null) this.leave(now);
      return;
    }
    this.due = due;
    if (this.approach?.next === next) return;
    if (this.approach !== null) this.leave(now);
    const from = this.way(now);
    this.approach = { next, since: now, from, left: compose(back(from), next.motion) };
  }

  /** What was approached does not come: go on from here. */
  private leave(now: number): void {
    this.off = this.way(now);
    this.at = now;
    this.approach = null;
  }

  /** From the newest key to `now`, as it is shown. */
  private way(now: number): Motion {
    const { approach } = this;
    if (approach !== null)
      return compose(approach.from, part(approach.left, share(now, approach.since, this.due)));
    const since = Math.min(LONGEST_GUESS, Math.max(0, (now - this.at) / 1000));
    return compose(part(this.off, Math.exp(-since / SETTLE_SECONDS)), part(this.rate, since));
  }

  /** The camera's way in a second, as it went in the last moments. */
  private lately(): Motion {
    let motion = REST;
    let seconds = 0;
    for (let i = this.ways.length - 1; i >= 0 && seconds < FORGET_SECONDS; i--) {
      const way = this.ways[i];
      if (way === undefined) break;
      motion = compose(way.motion, motion);
      seconds += way.seconds;
    }
    return seconds > 0 ? part(motion, 1 / seconds) : REST;
  }
}

function share(now: number, since: number, due: number): number {
  return Math.min(1, Math.max(0, (now - since) / Math.max(1, due - since)));
}

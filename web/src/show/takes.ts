/** What is taken from the stage: pictures, recordings, portraits of looks. */

import type { Composition } from '../picture/mix';
import { download, Recorder, still, thumbnail } from '../picture/recorder';
import type { Stage } from '../picture/stage';
import { clockTime } from '../picture/time';
import { lit } from '../state/looks';
import { changedAt } from '../state/settings';
import * as store from '../state/store';
import { addPiece, dropTake, type Take, takeFile, takes } from '../state/vault';

/** a look is on show this long before its picture goes on its card, ms */
const SETTLED_MS = 3000;
/** without locks: a recording that nobody has written to for so long has lost its page, ms */
const ORPHANED_MS = 5000;
/** in which a browser has begun to read a file that it was given, ms */
const READ_MS = 60_000;

export class Takes {
  private recorder: Recorder | null = null;
  private settling = 0;

  constructor(
    private readonly stage: Stage,
    private readonly sound: () => MediaStream,
  ) {}

  /** Something is seen, once a frame of the screen. */
  frame(seen: Composition): void {
    this.recorder?.draw(seen);
  }

  async snapshot(): Promise<void> {
    if (this.stage.current !== null) download(await still(this.stage.current));
  }

  /** Start recording, or stop and save. */
  async record(): Promise<void> {
    if (this.recorder !== null) {
      this.recorder.stop();
      return;
    }
    if (this.stage.current === null) return;
    const take: Take = {
      id: crypto.getRandomValues(new Uint32Array(2)).join(''),
      name: '',
      type: '',
      started: Date.now(),
      last: Date.now(),
    };
    const kept = new Pieces(take);
    try {
      this.recorder = new Recorder(this.stage.current, this.sound(), (data) => kept.add(data));
    } catch {
      store.notice.value =
        'This browser cannot record: use a recent Chrome, Edge, Firefox or Safari.';
      return;
    }
    Object.assign(take, { name: this.recorder.name, type: this.recorder.type });
    store.recording.value = { since: performance.now() };
    const { over } = this.recorder;
    // so that other windows see that it has not lost its page
    void navigator.locks?.request(lockOf(take.id), () => over);
    await over;
    this.recorder = null;
    store.recording.value = null;
    download(await kept.file());
    setTimeout(() => void dropTake(take.id).catch(() => undefined), READ_MS);
  }

  /** Recordings that a reload or a crash has cut off are offered, one after the other. */
  async offerLost(): Promise<void> {
    const all = await takes().catch(() => []);
    const written = await beingWritten();
    const take = all.find(({ id, last }) =>
      written === null ? Date.now() - last > ORPHANED_MS : !written.has(lockOf(id)),
    );
    if (take === undefined) {
      // without locks, one that was cut off just now looks like one that another window writes
      if (all.length > 0 && written === null) setTimeout(() => void this.offerLost(), ORPHANED_MS);
      return;
    }
    const drop = async (): Promise<void> => {
      await dropTake(take.id);
      await this.offerLost();
    };
    const length = clockTime((take.last - take.started) / 1000);
    store.offer.value = {
      text: `A recording of ${length} was cut off; all of it is here.`,
      stays: true,
      choices: [
        {
          label: 'Save it',
          run: () =>
            void takeFile(take).then((file) => {
              download(file);
              setTimeout(() => void drop(), READ_MS);
            }),
        },
        { label: 'Throw it away', run: () => void drop() },
      ],
    };
  }

  /** A look is on show: once it has settled, its picture goes on its card, if it is still there then. */
  settle(id: string): void {
    clearTimeout(this.settling);
    const settled = Math.max(0, SETTLED_MS - (performance.now() - changedAt()));
    this.settling = window.setTimeout(() => void this.portrait(id), settled);
  }

  private async portrait(id: string): Promise<void> {
    const picture = this.stage.current;
    if (picture === null || lit.peek() !== id) return;
    if (performance.now() - changedAt() < SETTLED_MS - 1) {
      this.settle(id);
      return;
    }
    store.thumbnails.value = { ...store.thumbnails.peek(), [id]: await thumbnail(picture) };
  }
}

function lockOf(take: string): string {
  return `phosphene-take-${take}`;
}

/** Locks of recordings that some window writes; null where the browser does not tell. */
async function beingWritten(): Promise<Set<string> | null> {
  if (navigator.locks === undefined) return null;
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map(({ name = '' }) => name));
}

/** The pieces of a recording: on disk, or in memory where the browser keeps nothing. */
class Pieces {
  private count = 0;
  private inMemory: Blob[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly take: Take) {}

  add(data: Blob): void {
    const at = this.count++;
    this.take.last = Date.now();
    this.writing = this.writing.then(async () => {
      if (this.inMemory.length === 0) {
        try {
          await addPiece({ ...this.take }, at, data);
          return;
        } catch {
          store.notice.value =
            'The browser has no room on disk for the recording: it is kept in memory, and a reload would lose it.';
        }
      }
      this.inMemory.push(data);
    });
  }

  async file(): Promise<File> {
    await this.writing;
    const { name, type } = this.take;
    const onDisk = this.count > this.inMemory.length ? [await takeFile(this.take)] : [];
    return new File([...onDisk, ...this.inMemory], name, { type });
  }
}

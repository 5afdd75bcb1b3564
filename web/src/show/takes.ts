/** What is taken from the stage: pictures, recordings, portraits of looks. */

import type { Composition } from '../picture/mix';
import { download, Recorder, still, thumbnail } from '../picture/recorder';
import type { Stage } from '../picture/stage';
import * as store from '../state/store';

/** a look is on show this long before its picture goes on its card, ms */
const SETTLED_MS = 3000;

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
    try {
      this.recorder = new Recorder(this.stage.current, this.sound());
    } catch {
      store.notice.value =
        'This browser cannot record: use a recent Chrome, Edge, Firefox or Safari.';
      return;
    }
    store.recording.value = { since: performance.now() };
    download(await this.recorder.file);
    this.recorder = null;
    store.recording.value = null;
  }

  /** A look was chosen: once it is there, its picture goes on its card. */
  settle(name: string): void {
    store.activeLook.value = name;
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => void this.portrait(name), SETTLED_MS);
  }

  async portrait(name: string): Promise<void> {
    const picture = this.stage.current;
    if (picture === null || store.activeLook.peek() !== name) return;
    store.thumbnails.value = { ...store.thumbnails.peek(), [name]: await thumbnail(picture) };
  }
}

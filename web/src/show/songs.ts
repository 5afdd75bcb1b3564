/** A song on its way to the server, and what the server found in it. */

import { hello, notice, type SongInfo, song } from '../state/store';
import type { SongNews } from '../wire/messages';
import type { SongPlayer } from './song';
import { upload } from './upload';

export class Songs {
  private file: File | null = null;
  private pending = '';
  private heard = '';
  private running = new AbortController();

  constructor(
    private readonly player: SongPlayer,
    private readonly ready: () => void,
  ) {}

  /** The server's name of the song, once it was heard to the end; empty before. */
  get id(): string {
    return this.heard;
  }

  get loaded(): boolean {
    return this.file !== null;
  }

  load(file: File): void {
    this.file = file;
    this.player.load(file);
    void this.send();
  }

  /** A new session knows nothing of the song. */
  async send(): Promise<void> {
    const session = hello.peek()?.session;
    const { file } = this;
    this.heard = this.pending = '';
    this.running.abort();
    this.running = new AbortController();
    if (file === null || session === undefined) return;
    const { signal } = this.running;
    song.value = { ...empty(file.name), text: 'on its way' };
    try {
      const { id } = await upload(session, file, (progress) => patch({ progress }), signal);
      if (!signal.aborted) this.pending = id;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      patch({ state: 'failed', text: 'its sound is followed as it plays' });
      notice.value = text;
    }
  }

  /** The server tells how far it is; news may be faster than the upload's own answer. */
  news(news: SongNews): void {
    if (this.pending !== '' && news.id !== this.pending) return;
    if (this.file === null || this.heard === news.id) return;
    const { state, progress, text, duration, tempo, beats, sections, loudness } = news;
    patch({
      state: state === 'receiving' ? 'sending' : state,
      text: state === 'ready' ? '' : text,
      progress,
      ...(duration !== undefined && { duration }),
      ...(tempo !== undefined && { tempo }),
      ...(beats !== undefined && { beats }),
      ...(sections !== undefined && { sections }),
      ...(loudness !== undefined && { loudness }),
    });
    if (state === 'ready') {
      this.heard = news.id;
      this.ready();
    }
    if (state === 'failed') notice.value = text;
  }
}

function empty(name: string): SongInfo {
  return {
    name: name.replace(/\.[^.]+$/, ''),
    text: '',
    progress: 0,
    state: 'sending',
    duration: 0,
    tempo: 0,
    beats: [],
    sections: [],
    loudness: [],
  };
}

function patch(values: Partial<SongInfo>): void {
  if (song.value !== null) song.value = { ...song.value, ...values };
}

/** A song on its way to the server, and what the server found in it. */

import { hello, notice, type SongInfo, song, stood } from '../state/store';
import type { SongNews } from '../wire/messages';
import { upload } from './upload';

/** songs that are passed over within this are not sent, ms */
const SETTLED_MS = 300;
/** in which a session that goes on tells what it knows of its songs, ms */
const NEWS_MS = 1500;

export class Songs {
  private file: File | null = null;
  private pending = '';
  private heard = '';
  private running = new AbortController();
  private timer = 0;

  constructor(private readonly ready: () => void) {}

  /** The server's name of the song, once it was heard to the end; empty before. */
  get id(): string {
    return this.heard;
  }

  /** Have the song heard; `known` is the server's name of it from before a reload. */
  load(file: File, known = ''): void {
    this.file = file;
    this.heard = this.pending = '';
    this.running.abort();
    clearTimeout(this.timer);
    song.value = { ...empty(file.name), text: 'on its way' };
    if (known !== '') {
      this.pending = known;
      const told = this.told.get(known);
      if (told !== undefined) this.news(told);
    }
    if (this.heard === '') {
      this.timer = window.setTimeout(
        () => {
          if (this.heard === '') void this.send();
        },
        known === '' ? SETTLED_MS : NEWS_MS,
      );
    }
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
      if (signal.aborted) return;
      this.pending = id;
      this.ids.set(mark(file), id);
      const told = this.told.get(id);
      if (told !== undefined) this.news(told);
    } catch (error) {
      if (signal.aborted) return;
      patch({ state: 'failed', text: 'its sound is followed as it plays' });
      notice.value = error instanceof Error ? error.message : String(error);
    }
  }

  private readonly ids = new Map<string, string>();
  private readonly listeners = new Set<(news: SongNews) => void>();

  /** What the server calls a file that it has; empty where it has it not. */
  idOf(file: File): string {
    return this.ids.get(mark(file)) ?? '';
  }

  /** Have a song heard that is played later; resolves with what was found in it. */
  async hear(file: File): Promise<SongNews> {
    const session = hello.peek()?.session;
    if (session === undefined) throw new Error('The line is cut.');
    const known = this.told.get(this.idOf(file));
    if (known?.state === 'ready') return known;
    const { id } = await upload(session, file, () => undefined, new AbortController().signal);
    return new Promise((resolve, reject) => {
      const look = (news: SongNews | undefined): void => {
        if (news?.id !== id || (news.state !== 'ready' && news.state !== 'failed')) return;
        this.listeners.delete(look);
        if (news.state === 'failed') reject(new Error(news.text));
        else {
          this.ids.set(mark(file), id);
          resolve(news);
        }
      };
      this.listeners.add(look);
      look(this.told.get(id));
    });
  }

  /** the newest of each song: it may be faster than the upload's own answer */
  private readonly told = new Map<string, SongNews>();

  /** The server tells how far it is. */
  news(news: SongNews): void {
    this.told.set(news.id, news);
    for (const listener of this.listeners) listener(news);
    if (this.file === null || this.heard === news.id || news.id !== this.pending) return;
    const { state, progress, text, duration, tempo, beats, bars, sections, loudness } = news;
    patch({
      state: state === 'receiving' ? 'sending' : state,
      text: state === 'ready' ? '' : text,
      progress,
      ...(duration !== undefined && { duration }),
      ...(tempo !== undefined && { tempo }),
      ...(beats !== undefined && { beats }),
      ...(bars !== undefined && { bars }),
      ...(sections !== undefined && { sections }),
      ...(loudness !== undefined && { loudness }),
    });
    if (state === 'ready') {
      this.heard = news.id;
      stood.value = { ...stood.peek(), known: news.id };
      this.ready();
    }
    if (state === 'failed') {
      patch({ text: 'its sound is followed as it plays' });
      notice.value = text;
    }
  }

  /** Another session: its songs are others. */
  forget(): void {
    this.told.clear();
    this.ids.clear();
  }
}

/** The same of a file that was dropped and of its copy in the browser's store. */
function mark({ name, size, lastModified }: File): string {
  return `${size} ${lastModified} ${name}`;
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
    bars: [],
    sections: [],
    loudness: [],
  };
}

function patch(values: Partial<SongInfo>): void {
  if (song.value !== null) song.value = { ...song.value, ...values };
}

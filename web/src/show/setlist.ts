/** Plays a set: brings its songs to the server, tells it the cues, and goes on from song to song. */

import { effect } from '@preact/signals';
import { download } from '../picture/recorder';
import { fromFile, looksUsed, type SetFile, type SetSong, toFile } from '../set/model';
import { named, valuesOf } from '../state/looks';
import {
  analyses,
  chosenCue,
  edit,
  gap,
  keepAnalysis,
  keptSongs,
  learn,
  opened,
  playingSong,
  problem,
  set,
  states,
} from '../state/set';
import * as store from '../state/store';
import { keepFile, keptFile, unpin } from '../state/vault';
import type { Values } from '../wire/messages';
import { complain, type Sources } from './sources';

const LOOK_EVERY_MS = 50;
/** in which a set that is being edited comes to rest, ms */
const SETTLED_MS = 300;
/** a song this near to its end is over, seconds */
const OVER = 0.12;
const WANTED = 'Drop the songs of this set on the page';

export class Setlist {
  private readonly files = new Map<string, File>();
  private timer = 0;
  private told = '';
  private hearing: Promise<void> = Promise.resolve();
  private going = false;

  constructor(private readonly sources: Sources) {
    effect(() => {
      void [set.value, store.hello.value];
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.tell(), SETTLED_MS);
    });
    effect(() => {
      // a session that is new has heard none of the songs
      if (store.hello.value !== null) void this.hearAll();
    });
    setInterval(() => this.look(), LOOK_EVERY_MS);
    // songs that were taken out came back with an undo until the page was closed
    void unpin(set.peek().songs.flatMap(({ key }) => key ?? [])).catch(() => undefined);
  }

  /** Put files at the end of the set. */
  async add(files: readonly File[]): Promise<void> {
    const songs: SetSong[] = [];
    for (const file of files) {
      const key = await keepFile(file, true).catch(() => newKey());
      this.files.set(key, file);
      songs.push({ name: file.name, key, cues: [], ...(await hashed(file)) });
    }
    // a file that the set wants is no new song
    const missing = set.peek().songs;
    for (const song of songs) {
      const place = missing.find((one) => !this.here(one) && sameFile(one, song));
      if (place !== undefined)
        learn(place, { key: song.key ?? '', ...(song.sha256 && { sha256: song.sha256 }) });
    }
    const fresh = songs.filter(({ key }) => !set.peek().songs.some((one) => one.key === key));
    if (store.notice.peek().startsWith(WANTED) && set.peek().songs.every((one) => this.here(one)))
      store.notice.value = '';
    if (fresh.length > 0)
      edit(fresh.length === 1 ? `adding ${fresh[0]?.name}` : 'adding songs', (before) => ({
        ...before,
        songs: [...before.songs, ...fresh],
      }));
    if (set.peek().songs.length === fresh.length) opened.value = 0;
    await this.hearAll();
  }

  /** Take a song out; undone, it is there again. */
  remove(index: number): void {
    const name = set.peek().songs[index]?.name ?? '';
    edit(`taking out ${name}`, (before) => ({
      ...before,
      songs: before.songs.toSpliced(index, 1),
    }));
    const now = playingSong.peek();
    if (index <= now) playingSong.value = index === now ? -1 : now - 1;
    if (index <= opened.peek() && opened.peek() > 0) opened.value = opened.peek() - 1;
    chosenCue.value = -1;
  }

  /** Play the song at `index`; `fade` seconds over the one that plays. */
  async play(index: number, fade = 0): Promise<boolean> {
    const song = set.peek().songs[index];
    if (song === undefined) return false;
    gap.value = null;
    const file = await this.file(song);
    if (file === null) {
      store.notice.value = `“${song.name}” is missing: drop its file on the page.`;
      return false;
    }
    this.going = true;
    try {
      const known = this.sources.songs.idOf(file);
      const resume = { key: song.key ?? '', at: 0, play: true, known, fade };
      if (!(await this.sources.playSong(file, resume))) return false;
      playingSong.value = index;
      if (opened.peek() !== index) chosenCue.value = -1;
      opened.value = index;
      // the next one is ready before it is needed
      void this.hearAll();
      return true;
    } finally {
      this.going = false;
    }
  }

  /** The song `by` places further; the first where none plays. */
  async step(by: number): Promise<void> {
    const now = playingSong.peek();
    await this.play(now < 0 ? opened.peek() : now + by);
  }

  /** Whether a song's file is in this browser. */
  here(song: SetSong): boolean {
    return (
      song.key !== undefined && (this.files.has(song.key) || states.peek()[song.key] !== 'missing')
    );
  }

  async file(song: SetSong): Promise<File | null> {
    const { key } = song;
    if (key === undefined) return null;
    const known = await this.stored(key);
    if (known === null) state(key, 'missing');
    return known;
  }

  private async stored(key: string): Promise<File | null> {
    if (key === '') return null;
    const known = this.files.get(key) ?? (await keptFile(key).catch(() => null));
    if (known !== null) this.files.set(key, known);
    return known;
  }

  /** The file of the set as it is now. */
  get text(): string {
    return `${JSON.stringify(this.whole, null, 1)}\n`;
  }

  /** Save it; with its songs, or by their names and hashes. */
  async save(packed: boolean): Promise<void> {
    const name = `${set.peek().name.trim() || 'phosphene'}.set`;
    if (!packed) {
      download(new File([this.text], name, { type: 'application/json' }));
      return;
    }
    const { pack } = await import('../set/pack');
    const songs = new Map<string, File>();
    const { whole } = this;
    const listed = await Promise.all(
      set.peek().songs.map(async (song, index) => {
        const file = await this.file(song);
        const path = `songs/${String(index + 1).padStart(2, '0')} ${song.name}`;
        if (file !== null) songs.set(path, file);
        return { ...whole.songs[index], ...(file !== null && { path }) } as SetSong;
      }),
    );
    const text = JSON.stringify({ ...whole, songs: listed }, null, 1);
    download(await pack(name, text, songs));
    if (songs.size < listed.length)
      store.notice.value = 'Songs that are missing here are not packed.';
  }

  /** Open a set's file, packed or not; false where it is none. */
  async open(file: File): Promise<boolean> {
    const packed = (await file.slice(0, 2).text()) === 'PK';
    const found = packed ? await (await import('../set/pack')).unpack(file) : null;
    const next = fromFile(found?.text ?? (await file.text()));
    if (next === null) return false;
    const songs = await Promise.all(
      next.songs.map(async (song) => {
        const inside = found?.songs.get(song.path ?? '');
        if (inside !== undefined) {
          const named = new File([inside], song.name);
          const key = await keepFile(named, true).catch(() => newKey());
          this.files.set(key, named);
          return { ...song, key };
        }
        const key = keptSongs.peek()[song.sha256 ?? ''] ?? '';
        const { key: _, ...rest } = song;
        return (await this.stored(key)) === null ? rest : { ...rest, key };
      }),
    );
    edit(`opening ${file.name}`, () => ({ ...next, songs }));
    [opened.value, chosenCue.value, playingSong.value] = [0, -1, -1];
    store.setOpen.value = true;
    await this.hearAll();
    const missing = set.peek().songs.filter((song) => song.key === undefined);
    if (missing.length > 0)
      store.notice.value = `${WANTED}: ${missing.map(({ name }) => name).join(', ')}.`;
    return true;
  }

  /** A new, empty set; undone, the old one is there again. */
  clear(): void {
    edit('the new set', (before) => ({
      ...before,
      name: '',
      songs: [],
      looks: {},
      deck: [],
    }));
    [opened.value, chosenCue.value, playingSong.value] = [0, -1, -1];
  }

  private get whole(): SetFile {
    const now = set.peek();
    const looks: Record<string, Values> = {};
    for (const name of looksUsed(now)) {
      const look = named(name);
      const values = look === undefined ? now.looks[name] : valuesOf(look);
      if (values !== undefined) looks[name] = values;
    }
    return toFile(now, looks, store.changed.peek());
  }

  /** Tell the server the cues. */
  private async tell(): Promise<void> {
    const session = store.hello.peek()?.session;
    if (session === undefined || store.hello.peek()?.role !== 'perform') return;
    const now = set.peek();
    const plays = now.songs.length > 0 || now.autopilot.order !== 'off';
    const address = new URL(`api/sessions/${session}/set`, location.href);
    // what the show happens to look like now is nothing that a cue hangs on
    const body = JSON.stringify({ ...this.whole, settings: {} });
    if (`${session} ${body}` === this.told || (!plays && this.told === '')) return;
    try {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(address, { method: 'PUT', body, headers });
      const told = (await answer.json()) as { message?: string; songs?: { problem?: string }[] };
      const wrong = answer.ok ? told.songs?.find(({ problem }) => problem)?.problem : told.message;
      problem.value = wrong?.replace(/^the set: /, '') ?? '';
      if (answer.ok) this.told = `${session} ${body}`;
    } catch {
      // the line is cut: the next session is told
    }
  }

  /** Have all songs heard, one after the other, the one at `first` before the others: the next one. */
  private hearAll(first = playingSong.peek() + 1): Promise<void> {
    const { songs } = set.peek();
    const order = [...songs.slice(first), ...songs.slice(0, first)];
    this.hearing = this.hearing.then(async () => {
      for (const song of order) await this.hear(song, order.indexOf(song) < 2);
    });
    return this.hearing;
  }

  /** What is known of a song already is enough, unless it is `soon` to be played. */
  private async hear(song: SetSong, soon: boolean): Promise<void> {
    const file = await this.file(song);
    const key = song.key ?? '';
    if (file === null || store.hello.peek() === null) return;
    const known = song.sha256 !== undefined && song.sha256 in analyses.peek();
    // the one that plays is sent by who plays it
    const there =
      this.sources.songs.idOf(file) !== '' || this.sources.player.deck?.key === song.key;
    if (known && (!soon || there)) return state(key, '');
    state(key, known ? '' : 'listening to it');
    try {
      const news = await this.sources.songs.hear(file);
      const { sha256 = '', duration = 0, tempo = 0 } = news;
      const { beats = [], bars = [], sections = [], loudness = [] } = news;
      if (song.sha256 !== undefined && song.sha256 !== sha256)
        store.notice.value = `“${song.name}” is another file than the set was made with.`;
      keepAnalysis(sha256, { duration, tempo, beats, bars, sections, loudness });
      learn(song, { sha256 });
      keptSongs.value = { ...keptSongs.peek(), [sha256]: key };
      state(key, '');
      // now its cues can be laid, and what is wrong with them be said
      this.told = '';
      await this.tell();
    } catch (error) {
      state(key, 'not heard');
      if (store.linkState.peek() === 'open') complain(error);
    }
  }

  /** Goes on when a song ends. */
  private look(): void {
    const { player } = this.sources;
    const now = playingSong.peek();
    const song = set.peek().songs[now];
    const { deck } = player;
    store.songTime.now = deck?.element.currentTime ?? null;
    if (song === undefined || deck === null || this.going || store.hearing.peek() !== 'song')
      return;
    if (deck.key !== song.key) {
      // something else was dropped: the set waits until it is asked to go on
      playingSong.value = -1;
      gap.value = null;
      return;
    }
    const { currentTime, duration, ended, playbackRate } = deck.element;
    const left = (duration - currentTime) / playbackRate;
    const { how, seconds } = set.peek().between;
    const last = now + 1 >= set.peek().songs.length;
    if (last || how === 'stop' || Number.isNaN(left)) return;
    if (how === 'crossfade' && deck.playing && left <= seconds) void this.play(now + 1, left);
    else if (ended || left < OVER) this.wait(now + 1, how === 'gap' ? seconds : 0);
    else gap.value = null;
  }

  /** The pause between two songs, seen as it passes. */
  private wait(next: number, seconds: number): void {
    const left = (gap.peek() ?? seconds) - LOOK_EVERY_MS / 1000;
    if (left > 0) gap.value = left;
    else void this.play(next);
  }
}

function state(key: string, text: string): void {
  if (states.peek()[key] !== text) states.value = { ...states.peek(), [key]: text };
}

function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(2)).join('');
}

function sameFile(one: SetSong, other: SetSong): boolean {
  return one.sha256 !== undefined && other.sha256 !== undefined
    ? one.sha256 === other.sha256
    : one.name === other.name;
}

/** The hash of a file, where the browser can make one: only secure pages can. */
async function hashed(file: File): Promise<{ sha256?: string }> {
  if (crypto.subtle === undefined) return {};
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return {
    sha256: [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join(''),
  };
}

/** A set: songs in order with cues. Its file is the server's (`phosphene.show.sets`); docs/sets.md explains it. */

import type { Json, Values } from '../wire/messages';

export interface Cue {
  /** seconds in the song */
  at?: number;
  /** instead: a bar, counted from 1 */
  bar?: number;
  look?: string;
  prompt?: string;
  /** seconds from prompt to prompt */
  transition?: number;
  set?: Values;
  blackout?: boolean;
  scene?: true;
}

export interface SetSong {
  name: string;
  path?: string;
  sha256?: string;
  cues: Cue[];
  /** of its file in the browser's store; not part of a file */
  key?: string;
}

export const ORDERS = { off: 'Off', 'in order': 'In order', shuffled: 'Shuffled' } as const;
export const HOWS = { gap: 'Gap', crossfade: 'Crossfade', stop: 'Stop' } as const;

export interface SetFile {
  phosphene_set: 1;
  name: string;
  settings?: Values;
  looks: Record<string, Values>;
  deck: string[];
  autopilot: { order: keyof typeof ORDERS; looks: string[]; seed: number };
  between: { how: keyof typeof HOWS; seconds: number };
  songs: SetSong[];
}

/** What the server found in a song, kept so that its waveform is there at once. */
export interface Analysis {
  duration: number;
  tempo: number;
  beats: number[];
  bars: number[];
  sections: number[];
  loudness: number[];
}

export function emptySet(seed: number): SetFile {
  return {
    phosphene_set: 1,
    name: '',
    looks: {},
    deck: [],
    autopilot: { order: 'off', looks: [], seed },
    between: { how: 'gap', seconds: 2 },
    songs: [],
  };
}

/** Where a cue lies, seconds; NaN for a bar that nobody knows yet. */
export function placeOf(cue: Cue, bars: readonly number[]): number {
  return cue.at ?? bars[(cue.bar ?? 0) - 1] ?? Number.NaN;
}

/** The bar that is nearest to `at`, seconds; `at` itself without bars. */
export function snap(at: number, bars: readonly number[]): number {
  return bars.reduce(
    (best, bar) => (Math.abs(bar - at) < Math.abs(best - at) ? bar : best),
    bars[0] ?? at,
  );
}

/** The start of the bar `by` bars further. */
export function barAfter(at: number, by: number, bars: readonly number[]): number {
  if (bars.length === 0) return Math.max(0, at + by);
  const index = bars.indexOf(snap(at, bars)) + by;
  return bars[Math.min(bars.length - 1, Math.max(0, index))] ?? at;
}

/** `bar 17`, or `1:02.5` where it is on none. */
export function whereText(at: number, bars: readonly number[]): string {
  const index = bars.findIndex((bar) => Math.abs(bar - at) < 0.02);
  if (index >= 0) return `bar ${index + 1}`;
  const minutes = Math.floor(at / 60);
  return `${minutes}:${(at - 60 * minutes).toFixed(1).padStart(4, '0')}`;
}

/** What a cue does, in a few words. */
export function whatText(cue: Cue): string {
  const said: string[] = [];
  if (cue.look !== undefined) said.push(cue.look);
  if (cue.prompt !== undefined) said.push(`“${cue.prompt}”`);
  if (cue.blackout !== undefined) said.push(cue.blackout ? 'Blackout' : 'Light');
  if (cue.scene) said.push('New place');
  if (cue.set !== undefined)
    said.push(...Object.keys(cue.set).map((path) => path.split('.')[1] ?? path));
  if (said.length === 0 && cue.transition !== undefined) said.push(`${cue.transition} s`);
  return said.join(', ');
}

/** A cue moved to `at`. */
export function moved({ bar: _, ...cue }: Cue, at: number): Cue {
  return { ...cue, at: Number(at.toFixed(4)) };
}

/** In the order of the song. */
export function inOrder(cues: readonly Cue[], bars: readonly number[]): Cue[] {
  return [...cues].sort((a, b) => (placeOf(a, bars) || 0) - (placeOf(b, bars) || 0));
}

/** A song taken out and put in before another one. */
export function reordered<T>(list: readonly T[], from: number, to: number): T[] {
  const [taken] = list.slice(from, from + 1);
  const others = list.toSpliced(from, 1);
  return taken === undefined ? [...list] : others.toSpliced(to, 0, taken);
}

/** A set as its file says it: complete, and nothing of this browser's in it. */
export function toFile(set: SetFile, looks: Record<string, Values>, settings: Values): SetFile {
  const songs = set.songs.map(({ key: _, ...song }) => song);
  return { ...set, settings, looks, songs };
}

/** Looks that a set needs, by name. */
export function looksUsed({ deck, autopilot, songs, looks }: SetFile): string[] {
  const cued = songs.flatMap(({ cues }) => cues.flatMap(({ look }) => look ?? []));
  return [...new Set([...Object.keys(looks), ...deck, ...autopilot.looks, ...cued])];
}

/** A set from a file's text; null where it is none. Throws a sentence for one that is newer. */
export function fromFile(text: string): SetFile | null {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(data) || typeof data.phosphene_set !== 'number') return null;
  if (data.phosphene_set > 1)
    throw new Error('This set was written by a newer phosphene: update this one.');
  const usual = emptySet(0);
  const songs = Array.isArray(data.songs) ? data.songs.flatMap(asSong) : [];
  return {
    ...usual,
    ...(data as Partial<SetFile>),
    autopilot: { ...usual.autopilot, ...(isRecord(data.autopilot) ? data.autopilot : {}) },
    between: { ...usual.between, ...(isRecord(data.between) ? data.between : {}) },
    songs,
  };
}

function asSong(song: unknown): SetSong[] {
  if (!isRecord(song) || typeof song.name !== 'string') return [];
  return [{ ...song, name: song.name, cues: Array.isArray(song.cues) ? (song.cues as Cue[]) : [] }];
}

function isRecord(value: unknown): value is Record<string, Json & object> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The set that is edited and played, kept in the browser as it is changed. */

import { computed, signal } from '@preact/signals';
import {
  type Analysis,
  type Cue,
  emptySet,
  fromFile,
  inOrder,
  type SetFile,
  type SetSong,
} from '../set/model';
import { is, remembered } from './remember';
import { did } from './undo';

/** songs whose waveforms are kept from one evening to the next */
const ANALYSES = 60;

export const set = remembered<SetFile>(
  'set',
  emptySet(Math.floor(Math.random() * 2 ** 32)),
  (value) => fromFile(JSON.stringify(value)) !== null,
);
/** by the hash of the file */
export const analyses = remembered<Record<string, Analysis>>('analyses', {}, is.record);
/** where songs that were heard lie in the browser's store, by their hash */
export const keptSongs = remembered<Record<string, string>>('songs', {}, is.record);
/** the song whose waveform is open */
export const opened = remembered('setSong', 0, (value) => typeof value === 'number');
/** the song of the set that plays; -1 for none. Outlives a reload, as the song does. */
export const playingSong = remembered(
  'setPlays',
  -1,
  (value) => typeof value === 'number',
  sessionStorage,
);
/** the cue that is being edited, of the opened song */
export const chosenCue = signal(-1);
export const snapping = remembered('snap', true, is.boolean);
/** how far each song is, by its place: on its way, missing, wrong */
export const states = signal<Record<string, string>>({});
/** what of the set cannot be played, as the server says it */
export const problem = signal('');
/** seconds until the next song; null while none is waited for */
export const gap = signal<number | null>(null);
/** whether pads are learned one after the other */
export const deckLearning = signal(false);

export const openedSong = computed<SetSong | undefined>(() => set.value.songs[opened.value]);

export function analysisOf(song: SetSong | undefined): Analysis | undefined {
  return song?.sha256 === undefined ? undefined : analyses.value[song.sha256];
}

export function keepAnalysis(sha256: string, analysis: Analysis): void {
  const others = Object.entries(analyses.peek()).filter(([known]) => known !== sha256);
  analyses.value = Object.fromEntries([...others.slice(1 - ANALYSES), [sha256, analysis]]);
}

/** Change the set; it can be undone. */
export function edit(what: string, change: (before: SetFile) => SetFile): void {
  const before = set.peek();
  set.value = change(before);
  did(what, () => {
    set.value = before;
  });
}

/** What is found out about a song is no edit. */
export function learn(song: SetSong, known: Partial<SetSong>): void {
  const { songs } = set.peek();
  const index = songs.findIndex(
    (one) => one === song || (song.key !== undefined && one.key === song.key),
  );
  const found = songs[index];
  if (found !== undefined)
    set.value = { ...set.peek(), songs: songs.with(index, { ...found, ...known }) };
}

/** Change the cues of the song at `index`; the one that is chosen stays chosen. */
export function editCues(
  what: string,
  index: number,
  change: (cues: Cue[]) => Cue[],
  choose?: Cue,
): void {
  const song = set.peek().songs[index];
  if (song === undefined) return;
  const bars = analysisOf(song)?.bars ?? [];
  const cues = inOrder(change(song.cues), bars);
  edit(what, (before) => ({ ...before, songs: before.songs.with(index, { ...song, cues }) }));
  if (choose !== undefined) chosenCue.value = cues.indexOf(choose);
}

/** Modulation: what is heard, counted or turned moves a setting, on top of where its slider stands. */

import type { Control } from '../controls/schema';
import type { Json } from '../wire/messages';
import { change, setting } from './settings';
import { did } from './undo';

export const PATH = 'react.routes';
/** sections whose settings are looked at for every frame: what a route may move */
const SECTIONS = ['stream', 'latent', 'prompt', 'camera', 'react'];
/** of a slider's range: what a new route adds at most */
const USUAL = 0.25;

export interface Route {
  source: string;
  target: string;
  gain: number;
  range: [number, number] | null;
  attack: number;
  release: number;
  curve: number;
  quantise: string;
  beats: number;
  shape: string;
}

export interface Source {
  /** what the server calls it */
  source: string;
  label: string;
  help: string;
  /** what else a new route of it says */
  with?: Partial<Route>;
}

const NOTES = ['C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B'];

export const SOURCES: readonly Source[] = [
  { source: 'bass', label: 'Bass', help: 'Loudness of the bass' },
  { source: 'mid', label: 'Mid', help: 'Loudness of the mids' },
  { source: 'treble', label: 'Treble', help: 'Loudness of the treble' },
  { source: 'onset', label: 'Onset', help: 'Every attack', with: { release: 0.15 } },
  { source: 'is_beat', label: 'Beat', help: 'Every beat', with: { release: 0.2 } },
  { source: 'downbeat', label: 'Bar', help: 'The first beat of every bar', with: { release: 0.5 } },
  {
    source: 'energy',
    label: 'Energy',
    help: 'How loud it is',
    with: { attack: 0.2, release: 0.5 },
  },
  { source: 'build', label: 'Build', help: 'How far the music has built up' },
  {
    source: 'chroma.C',
    label: 'Chroma',
    help: 'How strong one of the twelve notes is',
    with: { release: 0.3 },
  },
  { source: 'lfo', label: 'LFO', help: 'To and fro, in time with the beat', with: { beats: 8 } },
  {
    source: 'random',
    label: 'Random',
    help: 'Anew with every beat',
    with: { attack: 0.1, release: 0.1 },
  },
  { source: 'controller:1', label: 'Controller', help: 'A knob: move it to choose it' },
];
export const NOTE_SOURCES = NOTES.map((note) => `chroma.${note}`);

export function routes(): Route[] {
  const value = setting(PATH).value;
  return Array.isArray(value) ? (value as unknown as Route[]) : [];
}

/** Whether a route may move it. */
export function drivable({ kind, path }: Control): boolean {
  return kind === 'slider' && SECTIONS.includes(path.split('.')[0] ?? '');
}

/** `Bass`, `Chroma A`, `Knob of X`. */
export function sourceLabel(source: string): string {
  const known = SOURCES.find((one) => one.source === source);
  if (source.startsWith('chroma.')) return `Chroma ${source.slice(7)}`;
  if (source.startsWith('controller:')) return source.slice(11);
  return known?.label ?? source.replaceAll('_', ' ');
}

function put(what: string, next: readonly Route[]): void {
  const before = setting(PATH).peek();
  change(PATH, next as unknown as Json);
  did(what, () => change(PATH, before));
}

/** Drive a slider from a source. */
export function addRoute(control: Control, source: string): void {
  const known = SOURCES.find((one) => one.source === source);
  const route: Route = {
    source,
    target: control.path,
    gain: Number(((control.max - control.min) * USUAL).toPrecision(2)),
    range: null,
    attack: 0,
    release: 0,
    curve: 1,
    quantise: 'none',
    beats: 4,
    shape: 'sine',
    ...known?.with,
  };
  put(`driving ${control.label}`, [...routes(), route]);
}

/** Change the route at `index`; undefined takes it away. */
export function setRoute(index: number, route: Route | undefined): void {
  const all = routes();
  if (route === undefined) put('removing a source', all.toSpliced(index, 1));
  else change(PATH, all.with(index, route) as unknown as Json);
}

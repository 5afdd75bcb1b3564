/** The settings: what the page shows, what is on its way, what is in force. */

import { batch, type Signal, signal } from '@preact/signals';
import { flatten, Outbox, same } from '../controls/outbox';
import type { Section } from '../controls/schema';
import type { Json, Values } from '../wire/messages';
import { changed, started } from './store';

export const liveSections = signal<Section[]>([]);
/** what the server refused, by setting */
export const complaints = signal<Record<string, string>>({});

const cells = new Map<string, Signal<Json>>();
const outbox = new Outbox();
let defaults: Values = {};
const inForce: Values = {};
let scheduled = false;
let send: (values: Values, id: number) => boolean = () => false;

/** The setting as the page shows it; null until the server has said what it is. */
export function setting(path: string): Signal<Json> {
  const known = cells.get(path) ?? signal<Json>(inForce[path] ?? null);
  cells.set(path, known);
  return known;
}

export function numberSetting(path: string, otherwise = 0): number {
  const value = setting(path).value;
  return typeof value === 'number' ? value : otherwise;
}

export function defaultOf(path: string): Json {
  return defaults[path] ?? null;
}

/** All settings in force, by path. */
export function all(): Values {
  return { ...inForce };
}

export function connect(sender: typeof send): void {
  send = sender;
}

/** Somebody moved a control. */
export function change(path: string, value: Json): void {
  setting(path).value = value;
  if (path in complaints.peek()) forgive([path]);
  outbox.put(path, value);
  if (scheduled) return;
  scheduled = true;
  // a hidden page has no animation frames, but MIDI still plays it
  if (document.hidden) setTimeout(flush, 16);
  else requestAnimationFrame(flush);
}

export function changeAll(values: Values): void {
  batch(() => {
    for (const [path, value] of Object.entries(values)) change(path, value);
  });
}

/** A new session: what it starts with, and then what this browser remembers. */
export function begin(config: Record<string, Json>, resumed: boolean): void {
  const values = flatten(config);
  if (resumed) {
    if (Object.keys(defaults).length === 0) defaults = started.peek();
    outbox.retry();
    receive(values);
    flush();
    return;
  }
  const known = Object.entries(changed.peek()).filter(
    ([path, value]) => path in values && !same(value, values[path]),
  );
  defaults = values;
  started.value = values;
  receive(values);
  changeAll(Object.fromEntries(known));
}

/** The server says what is in force. */
export function receive(values: Record<string, Json>, id?: number): void {
  const flat = flatten(values);
  const asked = id === undefined ? {} : outbox.settle(id);
  batch(() => {
    for (const [path, value] of Object.entries(flat)) {
      inForce[path] = value;
      if (!outbox.holds(path)) setting(path).value = value;
    }
    forgive(Object.keys(asked));
  });
  remember();
}

/** The server refused a change: the control says why and goes back. */
export function refuse(id: number, message: string, path?: string | null): void {
  const asked = outbox.settle(id);
  const named = path ?? Object.keys(asked)[0];
  batch(() => {
    for (const [other, value] of Object.entries(asked)) {
      if (outbox.holds(other)) continue;
      setting(other).value = inForce[other] ?? null;
      // all or nothing: what was not at fault is asked for once more
      if (named !== undefined && other !== named) change(other, value);
    }
    if (named !== undefined) complaints.value = { ...complaints.value, [named]: message };
  });
}

function flush(): void {
  scheduled = false;
  const ready = outbox.flush();
  if (ready !== null && !send(ready.values, ready.id)) outbox.retry();
}

function forgive(paths: string[]): void {
  const left = Object.entries(complaints.peek()).filter(([path]) => !paths.includes(path));
  if (left.length < Object.keys(complaints.peek()).length) {
    complaints.value = Object.fromEntries(left);
  }
}

function remember(): void {
  const differing = Object.entries(inForce).filter(
    ([path, value]) => path in defaults && !same(value, defaults[path]),
  );
  changed.value = Object.fromEntries(differing);
}

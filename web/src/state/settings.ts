/** The settings: what the page shows, what is on its way, what is in force. */

import { batch, type Signal, signal } from '@preact/signals';
import { flatten, Outbox, same, type When } from '../controls/outbox';
import type { Section } from '../controls/schema';
import type { Json, On, Values } from '../wire/messages';
import { changed, held, quantise, started, unsent } from './store';

export const liveSections = signal<Section[]>([]);
/** what the server refused, by setting */
export const complaints = signal<Record<string, string>>({});

/** of one moment: tomorrow's show must not begin in the dark */
const OF_THE_MOMENT = new Set(['live.light', 'live.blackout', 'live.freeze']);

const cells = new Map<string, Signal<Json>>();
const outbox = new Outbox();
let defaults: Values = {};
const inForce: Values = {};
let scheduled = false;
let touched = Number.NEGATIVE_INFINITY;
let send: (values: Values, id: number, when: When) => boolean = () => false;

/** what waits for a moment of the music, by path */
export const waiting = signal<Record<string, On>>({});

/** what must answer at once, whatever the others wait for */
const AT_ONCE = new Set([
  ...[...OF_THE_MOMENT, 'video.limit_flashes', 'live.fade_seconds', 'prompt.transition'],
  ...['prompt.transition_seconds', 'prompt.transition_unit', 'inference.width', 'inference.height'],
]);

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

/** All settings as the page shows them, by path: what is in force, and what is on its way. */
export function all(): Values {
  return wished(Object.keys(inForce));
}

export function wished(paths: readonly string[]): Values {
  return Object.fromEntries(paths.map((path) => [path, setting(path).peek()]));
}

/** Page time at which a setting was last changed, ms. */
export function changedAt(): number {
  return touched;
}

export function connect(sender: typeof send): void {
  send = sender;
}

/** Somebody moved a control. */
export function change(path: string, value: Json, when: When = quantise.peek()): void {
  touched = performance.now();
  setting(path).value = value;
  if (path in complaints.peek()) forgive([path]);
  outbox.put(path, value, AT_ONCE.has(path) ? 'now' : when);
  if (scheduled) return;
  scheduled = true;
  // a hidden page has no animation frames, but MIDI still plays it
  if (document.hidden) setTimeout(flush, 16);
  else requestAnimationFrame(flush);
}

export function changeAll(values: Values, when?: When): void {
  batch(() => {
    for (const [path, value] of Object.entries(values)) change(path, value, when);
  });
}

/** What waits is done now. */
export function dontWait(): void {
  changeAll(wished(Object.keys(waiting.peek())), 'now');
}

/** What waits is not done: everything stays as it is. */
export function letBe(): void {
  const paths = Object.keys(waiting.peek());
  changeAll(Object.fromEntries(paths.map((path) => [path, inForce[path] ?? null])), 'now');
}

/**
 * A connection: to a session that goes on, or to a new one, which gets what this browser remembers.
 *
 * What was changed while there was none is newer than both, and is asked for again.
 */
export function begin(config: Record<string, Json>, resumed: boolean): void {
  const values = flatten(config);
  outbox.retry();
  for (const [path, value] of Object.entries(unsent.peek())) {
    if (path in values && !outbox.holds(path)) change(path, value, 'now');
  }
  if (resumed && Object.keys(started.peek()).length > 0) defaults = started.peek();
  else started.value = defaults = values;
  // read before the server's word is written down over it
  const known = resumed ? {} : { ...changed.peek(), ...held.peek() };
  receive(values);
  const older = Object.entries(known).filter(
    ([path, value]) => path in values && !outbox.holds(path) && !same(value, values[path]),
  );
  changeAll(Object.fromEntries(older), 'now');
  flush();
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
  note();
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
      if (named !== undefined && other !== named) change(other, value, 'now');
    }
    if (named !== undefined) complaints.value = { ...complaints.value, [named]: message };
  });
  note();
}

function flush(): void {
  scheduled = false;
  const sent = outbox.flush().map(({ values, id, when }) => send(values, id, when));
  if (sent.includes(false)) outbox.retry();
  note();
}

/** What has no answer yet survives a reload. */
function note(): void {
  const open = outbox.open();
  if (!same(open, unsent.peek())) unsent.value = open;
  const kept = outbox.kept();
  if (!same(kept, waiting.peek())) waiting.value = kept;
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
  changed.value = Object.fromEntries(differing.filter(([path]) => !OF_THE_MOMENT.has(path)));
  held.value = Object.fromEntries(differing.filter(([path]) => OF_THE_MOMENT.has(path)));
}

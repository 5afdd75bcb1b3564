/** Looks: the server's and one's own, which of them is on show, and how one is taken. */

import { batch, computed } from '@preact/signals';
import { same } from '../controls/outbox';
import type { Preset } from '../controls/presets';
import { looksUsed } from '../set/model';
import type { Values } from '../wire/messages';
import { set } from './set';
import { changeAll, defaultOf, setting, wished } from './settings';
import { chosenLook, hello, presets, thumbnails } from './store';
import { did } from './undo';

export interface Look {
  /** `look:Ocean` as it ships, `own:Ocean` for one's own: a name may be given twice */
  id: string;
  name: string;
  values: Values;
  own: boolean;
}

/** All of them, in the order of their keys. */
export const allLooks = computed<Look[]>(() => [
  ...(hello.value?.looks ?? []).map(({ name, values }) => ({
    id: `look:${name}`,
    name,
    values,
    own: false,
  })),
  ...presets.value.map(({ name, values }) => ({ id: `own:${name}`, name, values, own: true })),
]);

/** The look on show: the one that was taken last, while all of its settings are in force. */
export const lit = computed(() => {
  const look = find(chosenLook.value, allLooks.value);
  if (look === undefined) return '';
  const whole = Object.entries(look.values).every(([path, value]) =>
    same(setting(path).value, value),
  );
  return whole ? look.id : '';
});

export function find(id: string, list = allLooks.peek()): Look | undefined {
  return list.find((look) => look.id === id);
}

/** The look of this name that ships, or one's own, which counts more. */
export function named(name: string): Look | undefined {
  return find(`own:${name}`) ?? find(`look:${name}`);
}

/** Whether a cue asks for a look that neither this server, this browser nor the set knows. */
export function isLost(name: string | undefined): boolean {
  if (name === undefined) return false;
  const known = allLooks.value.some((look) => look.name === name) || name in set.value.looks;
  return !known && hello.value !== null;
}

/** A cue or the autopilot took a look: its card says so. */
export function litByName(name: string): void {
  const look = named(name);
  if (look !== undefined) chosenLook.value = look.id;
}

/** What to set for a look: its own values, and the usual ones where only other looks set any. */
export function valuesOf(look: Look): Values {
  if (look.own) return look.values;
  const governed = (hello.peek()?.looks ?? []).flatMap(({ values }) => Object.keys(values));
  const usual = Object.fromEntries([...new Set(governed)].map((path) => [path, defaultOf(path)]));
  return { ...usual, ...look.values };
}

/** Take a look; undone, everything is as it was. */
export function takeLook(look: Look): void {
  const values = valuesOf(look);
  const before = wished(Object.keys(values));
  const chosen = chosenLook.peek();
  batch(() => {
    chosenLook.value = look.id;
    changeAll(values);
  });
  did(`the look ${look.name}`, () => {
    chosenLook.value = chosen;
    changeAll(before);
  });
}

/** The look `by` places further, round and round. */
export function lookAfter(by: number): Look | undefined {
  const list = allLooks.peek();
  const at = list.findIndex(({ id }) => id === chosenLook.peek());
  return list.at((Math.max(at, by > 0 ? at : 0) + by) % list.length);
}

/** Keep `preset` under its name; an older one of that name comes back when it is undone. */
export function keepLook(preset: Preset): void {
  const id = `own:${preset.name}`;
  const old = presets.peek().find(({ name }) => name === preset.name);
  const picture = thumbnails.peek()[id];
  presets.value = [...presets.peek().filter((one) => one !== old), preset].sort((a, b) =>
    a.name.localeCompare(b.name),
  );
  forgetPicture(id);
  chosenLook.value = id;
  did(`keeping ${preset.name}`, () => {
    const others = presets.peek().filter(({ name }) => name !== preset.name);
    presets.value = old === undefined ? others : [...others, old];
    forgetPicture(id);
    if (old !== undefined) putPicture(id, picture);
  });
}

export function deleteLook(name: string): void {
  const id = `own:${name}`;
  const old = presets.peek().find((preset) => preset.name === name);
  const picture = thumbnails.peek()[id];
  if (old === undefined) return;
  presets.value = presets.peek().filter((preset) => preset !== old);
  forgetPicture(id);
  // cues that take it go on doing so
  if (looksUsed(set.peek()).includes(name))
    set.value = { ...set.peek(), looks: { ...set.peek().looks, [name]: old.values } };
  did(`deleting ${name}`, () => {
    presets.value = [...presets.peek().filter((preset) => preset.name !== name), old].sort((a, b) =>
      a.name.localeCompare(b.name),
    );
    putPicture(id, picture);
  });
}

function putPicture(id: string, picture: string | undefined): void {
  if (picture !== undefined) thumbnails.value = { ...thumbnails.peek(), [id]: picture };
}

function forgetPicture(id: string): void {
  const { [id]: _, ...others } = thumbnails.peek();
  thumbnails.value = others;
}

/** What the page remembers from one evening to the next. */

import { effect, type Signal, signal } from '@preact/signals';

/** A signal that keeps its value in the browser; `check` guards against what an older page left there. */
export function remembered<T>(
  name: string,
  initial: T,
  check: (value: unknown) => boolean,
  where: Storage = localStorage,
): Signal<T> {
  const key = `phosphene.${name}`;
  const kept = signal(load(where, key, initial, check));
  let first = true;
  effect(() => {
    const value = kept.value;
    if (first) first = false;
    else store(where, key, value);
  });
  return kept;
}

/** What an older page kept under `name`. */
export function recall(name: string): unknown {
  return load<unknown>(localStorage, `phosphene.${name}`, null, () => true);
}

export const is = {
  boolean: (value: unknown): boolean => typeof value === 'boolean',
  text: (value: unknown): boolean => typeof value === 'string',
  record: (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
  share: (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1,
  texts: (value: unknown): boolean =>
    Array.isArray(value) && value.every((one) => typeof one === 'string'),
  list: Array.isArray as (value: unknown) => boolean,
  oneOf:
    (...values: unknown[]) =>
    (value: unknown): boolean =>
      values.includes(value),
};

function load<T>(where: Storage, key: string, initial: T, check: (value: unknown) => boolean): T {
  try {
    const value: unknown = JSON.parse(where.getItem(key) ?? 'null');
    return value !== null && check(value) ? (value as T) : initial;
  } catch {
    return initial;
  }
}

function store(where: Storage, key: string, value: unknown): void {
  try {
    where.setItem(key, JSON.stringify(value));
  } catch {
    // private windows and full disks forget; the show goes on
  }
}

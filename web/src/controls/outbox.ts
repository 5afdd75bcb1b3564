/**
 * Changes on their way to the server: a flood becomes one message per animation frame, the last
 * value of each setting wins, and an answer to an older message never undoes a newer change.
 */

import type { Json, On, Values } from '../wire/messages';

/** When a change is to happen. */
export type When = 'now' | On;

export interface Batch {
  id: number;
  values: Values;
  when: When;
}

export class Outbox {
  private waiting = new Map<string, { value: Json; when: When }>();
  private readonly sent = new Map<number, Batch>();
  private id = 0;

  put(path: string, value: Json, when: When = 'now'): void {
    this.waiting.set(path, { value, when });
  }

  /** What to send now: a message for each moment that is waited for. */
  flush(): Batch[] {
    const batches = new Map<When, Batch>();
    for (const [path, { value, when }] of this.waiting) {
      const batch = batches.get(when) ?? { id: ++this.id, values: {}, when };
      batch.values[path] = value;
      batches.set(when, batch);
      this.sent.set(batch.id, batch);
    }
    this.waiting.clear();
    return [...batches.values()];
  }

  /** The server answered `id`: what was asked for in it. */
  settle(id: number): Values {
    const values = this.sent.get(id)?.values ?? {};
    this.sent.delete(id);
    return values;
  }

  /** Whether a newer wish for `path` than the server's word is still on its way. */
  holds(path: string): boolean {
    return this.waiting.has(path) || [...this.sent.values()].some(({ values }) => path in values);
  }

  /** Everything that has had no answer, the newest of each. */
  open(): Values {
    const unsent = Object.fromEntries([...this.waiting].map(([path, { value }]) => [path, value]));
    return Object.assign({}, ...[...this.sent.values()].map(({ values }) => values), unsent);
  }

  /** What the server keeps for a moment of the music, by path. */
  kept(): Record<string, On> {
    const kept: Record<string, On> = {};
    for (const { values, when } of this.sent.values())
      if (when !== 'now') for (const path of Object.keys(values)) kept[path] = when;
    return kept;
  }

  /** The line was cut: whatever had no answer is asked for again. */
  retry(): void {
    for (const [path, value] of Object.entries(this.open()))
      this.waiting.set(path, { value, when: this.waiting.get(path)?.when ?? 'now' });
    this.sent.clear();
  }
}

/** Nested or flat settings as `section.name` paths; lists stay whole. */
export function flatten(values: Record<string, Json>, prefix = ''): Values {
  const flat: Values = {};
  for (const [name, value] of Object.entries(values)) {
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (nested) Object.assign(flat, flatten(value, `${prefix}${name}.`));
    else flat[prefix + name] = value;
  }
  return flat;
}

/** Equal settings, lists compared by content. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

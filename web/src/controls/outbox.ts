/**
 * Changes on their way to the server: a flood becomes one message per animation frame, the last
 * value of each setting wins, and an answer to an older message never undoes a newer change.
 */

import type { Json, Values } from '../wire/messages';

export interface Batch {
  id: number;
  values: Values;
}

export class Outbox {
  private waiting: Values = {};
  private readonly sent = new Map<number, Values>();
  private id = 0;

  put(path: string, value: Json): void {
    this.waiting[path] = value;
  }

  /** What to send now, or nothing. */
  flush(): Batch | null {
    if (Object.keys(this.waiting).length === 0) return null;
    const batch = { id: ++this.id, values: this.waiting };
    this.sent.set(batch.id, batch.values);
    this.waiting = {};
    return batch;
  }

  /** The server answered `id`: what was asked for in it. */
  settle(id: number): Values {
    const values = this.sent.get(id) ?? {};
    this.sent.delete(id);
    return values;
  }

  /** Whether a newer wish for `path` than the server's word is still on its way. */
  holds(path: string): boolean {
    return path in this.waiting || [...this.sent.values()].some((values) => path in values);
  }

  /** Everything that has had no answer, the newest of each. */
  open(): Values {
    return Object.assign({}, ...this.sent.values(), this.waiting) as Values;
  }

  /** The line was cut: whatever had no answer is asked for again. */
  retry(): void {
    this.waiting = this.open();
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

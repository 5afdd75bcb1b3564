/** What was done last can be undone: prompts, looks, seeds, things thrown away. */

import { signal } from '@preact/signals';

export interface Step {
  /** what it takes back, as in "Undone: the look Ocean" */
  what: string;
  back: () => void;
}

const MOST = 60;
export const steps = signal<readonly Step[]>([]);

export function did(what: string, back: () => void): void {
  steps.value = [...steps.peek(), { what, back }].slice(-MOST);
}

/** Take the last step back; what it was, or nothing. */
export function undo(): string | null {
  const last = steps.peek().at(-1);
  if (last === undefined) return null;
  steps.value = steps.peek().slice(0, -1);
  last.back();
  return last.what;
}

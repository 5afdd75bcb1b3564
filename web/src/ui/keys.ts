/** The keyboard, and when the interface steps back. */

import type { Show } from '../show/show';
import * as store from '../state/store';
import type { Action } from './actions';

const IDLE_AFTER_MS = 3500;
const TEXT = 'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]';

/** Keys do what the list says, but never while somebody writes. */
export function listenToKeys(show: Show, list: readonly Action[]): void {
  const byKey = new Map(list.flatMap((action) => action.keys.map((key) => [key, action] as const)));
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.key === 'Escape') {
      leave(target);
      return;
    }
    if (target.closest(TEXT) !== null || store.helpOpen.peek()) return;
    // these keys already mean something on what has the focus
    if (target.closest('button, a, summary') !== null && event.key === ' ') return;
    if (
      target.closest('input[type=range], [role=slider]') !== null &&
      event.key.startsWith('Arrow')
    )
      return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const look = store.hello.peek()?.looks[Number(key) - 1];
    if (/^[1-9]$/.test(key) && look !== undefined) show.look(look.name);
    else if (byKey.has(key)) byKey.get(key)?.run();
    else return;
    event.preventDefault();
  });
}

function leave(target: Element): void {
  // not left to the dialog's close event: that comes late, and the keys before it would be lost
  store.helpOpen.value = false;
  if (store.learning.peek()) {
    store.learning.value = false;
    store.learningFor.value = '';
  } else if (target.closest('.drawer') !== null && target instanceof HTMLElement) {
    target.blur();
  }
}

/** The interface fades when nobody moves, and comes back at once. */
export function watchIdle(): void {
  let timer = 0;
  const rest = (): void => {
    const busy = document.activeElement?.matches(TEXT) ?? false;
    const held = document.querySelector('.panel:hover') !== null;
    if (busy || held || store.pinned.peek() || store.helpOpen.peek() || store.learning.peek())
      wake();
    else store.idle.value = true;
  };
  const wake = (): void => {
    store.idle.value = false;
    clearTimeout(timer);
    timer = window.setTimeout(rest, IDLE_AFTER_MS);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin', 'dragover']) {
    addEventListener(event, wake, { passive: true });
  }
  wake();
}

/** The keyboard, and when the interface steps back. */

import { bind } from '../controls/midi';
import type { Show } from '../show/show';
import { allLooks, find } from '../state/looks';
import * as store from '../state/store';
import { type Action, runAction, takeBack } from './actions';

const IDLE_AFTER_MS = 3500;
const TEXT = 'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]';
export const LOOK_KEYS = 20;

/** Keys do what the list says, but never while somebody writes. */
export function listenToKeys(show: Show, list: readonly Action[]): void {
  const byKey = new Map(list.flatMap((action) => action.keys.map((key) => [key, action] as const)));
  addEventListener('keydown', (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      const undoes = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === 'z';
      if (!undoes || target.closest(TEXT) !== null) return;
      event.preventDefault();
      takeBack();
      return;
    }
    if (event.key === 'Escape') {
      leave(target);
      return;
    }
    if (target.closest(TEXT) !== null || store.helpOpen.peek()) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (learnKey(key)) {
      event.preventDefault();
      return;
    }
    // these keys already mean something on what has the focus
    if (target.closest('button, a, summary') !== null && key === ' ') return;
    const slides = key.startsWith('Arrow') || key.startsWith('Page');
    if (target.closest('input[type=range], [role=slider]') !== null && slides) return;
    if (!play(show, list, event, key, byKey)) return;
    event.preventDefault();
  });
}

function play(
  show: Show,
  list: readonly Action[],
  event: KeyboardEvent,
  key: string,
  byKey: ReadonlyMap<string, Action>,
): boolean {
  const learned = store.bindings.peek()[`keyboard/key:${key}`]?.target;
  const look = find(learned ?? '') ?? lookOf(event);
  if (look !== undefined && !event.repeat) show.look(look);
  else if (learned?.startsWith('do:')) runAction(list, learned);
  else if (byKey.has(key)) byKey.get(key)?.run();
  else return look !== undefined;
  return true;
}

/**
 * What was clicked or dragged gives the keys back: the next space plays, and does not press it again.
 * Whoever came to it with the keyboard keeps it.
 */
export function giveKeysBack(): void {
  const leaveIt = (): void => {
    const at = document.activeElement;
    if (
      at instanceof HTMLElement &&
      at.matches('button, summary, a, [type=range], [type=checkbox]')
    )
      at.blur();
  };
  addEventListener('click', ({ detail }) => detail > 0 && leaveIt());
  addEventListener('pointerup', ({ target }) => {
    if (target instanceof Element && target.matches('[type=range]')) leaveIt();
  });
  addEventListener('change', ({ target }) => {
    if (target instanceof HTMLSelectElement) target.blur();
  });
}

/** 1 to 9 and 0 are the first ten looks, with Shift the next ten. */
function lookOf(event: KeyboardEvent) {
  // the place of the key, not its letter: Shift makes another one of it on every keyboard
  const digit = /^Digit([0-9])$/.exec(event.code)?.[1];
  if (digit === undefined) return undefined;
  const at = (Number(digit) + 9) % 10;
  return allLooks.peek()[at + (event.shiftKey ? 10 : 0)];
}

/** The key of the look at `index`, for its card; empty beyond the last. */
export function lookKey(index: number): string {
  if (index >= LOOK_KEYS) return '';
  return `${index >= 10 ? '⇧' : ''}${(index + 1) % 10}`;
}

/** In learn mode a key is learned as a pad would be. */
function learnKey(key: string): boolean {
  const target = store.learningFor.peek();
  if (target === '' || key === 'Tab' || key === 'Shift' || key === 'Enter' || key === ' ')
    return false;
  if (!target.startsWith('do:') && find(target) === undefined)
    store.notice.value = 'A slider needs a knob: a key can only press.';
  else {
    const source = `keyboard/key:${key}`;
    store.bindings.value = bind(store.bindings.peek(), source, { target, mode: 'absolute' });
    store.learningFor.value = '';
  }
  return true;
}

function leave(target: Element): void {
  // not left to the dialog's close event: that comes late, and the keys before it would be lost
  store.helpOpen.value = false;
  if (store.learning.peek()) {
    store.learning.value = false;
    store.learningFor.value = '';
  } else if (target instanceof HTMLElement && target !== document.body) target.blur();
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

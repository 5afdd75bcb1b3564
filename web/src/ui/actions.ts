/** Everything that a key, a pad or a button can do. */

import type { Show } from '../show/show';
import { change, numberSetting } from '../state/settings';
import * as store from '../state/store';

export interface Action {
  id: string;
  label: string;
  /** as in KeyboardEvent.key */
  keys: string[];
  run: () => void;
}

export const NUDGE_MS = 10;
const LARGEST_SEED = 2 ** 32 - 1;

export function rollSeed(): void {
  change('inference.seed', Math.floor(Math.random() * LARGEST_SEED));
}

export function toggleFullScreen(): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else if (document.fullscreenEnabled) void document.documentElement.requestFullscreen();
  else
    store.notice.value =
      'This browser has no full screen: add the page to the home screen instead.';
}

export function toggleFit(): void {
  store.fit.value = store.fit.peek() === 'cover' ? 'contain' : 'cover';
}

export function actions(show: Show): Action[] {
  const act = (id: string, label: string, keys: string[], run: () => void): Action => ({
    id: `do:${id}`,
    label,
    keys,
    run,
  });
  return [
    act('full', 'Full screen', ['f'], toggleFullScreen),
    act('fit', 'Fill the window, or show all of the picture', ['c'], toggleFit),
    act('play', 'Play or pause the song', [' '], () => void show.sources.playPause()),
    act('scene', 'Go to a new place', ['n'], () => show.scene()),
    act('dice', 'Roll a new seed', ['d'], rollSeed),
    act('up', 'More reactive', ['ArrowUp'], () => react(0.1)),
    act('down', 'Less reactive', ['ArrowDown'], () => react(-0.1)),
    act('tap', 'Tap the beat', ['t'], () => show.beat('tap')),
    act('half', 'Half the tempo', ['['], () => show.beat('half')),
    act('double', 'Double the tempo', [']'], () => show.beat('double')),
    act('earlier', 'Beats a little earlier', [','], () => show.beat('nudge', -NUDGE_MS)),
    act('later', 'Beats a little later', ['.'], () => show.beat('nudge', NUDGE_MS)),
    act('release', 'Follow the sound again', ['l'], () => show.beat('release')),
    act('snapshot', 'Save a picture', ['s'], () => void show.takes.snapshot()),
    act('record', 'Record, or stop', ['r'], () => void show.takes.record()),
    act('prompt', 'Write a prompt', ['p'], () => focusIn('#prompt-0')),
    act('search', 'Search all settings', ['/'], () => focusIn('#search')),
    act('controls', 'Show or hide the controls', ['o'], () => {
      store.drawerOpen.value = !store.drawerOpen.peek();
    }),
    act('midi', 'Learn a MIDI knob', ['m'], () => {
      store.learning.value = !store.learning.peek();
    }),
    act('help', 'This list', ['?', 'h'], () => {
      store.helpOpen.value = !store.helpOpen.peek();
    }),
  ];
}

function react(by: number): void {
  const value = numberSetting('react.reactivity', 1) + by;
  change('react.reactivity', Number(Math.min(4, Math.max(0, value)).toFixed(2)));
}

function focusIn(selector: string): void {
  store.drawerOpen.value = true;
  requestAnimationFrame(() => document.querySelector<HTMLElement>(selector)?.focus());
}

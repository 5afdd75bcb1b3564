/** Everything that a key, a pad or a button can do. */

import type { When } from '../controls/outbox';
import type { Show } from '../show/show';
import { find, lookAfter, valuesOf } from '../state/looks';
import { edit } from '../state/set';
import { change, changeAll, numberSetting, setting } from '../state/settings';
import * as store from '../state/store';
import { did, undo } from '../state/undo';
import { openOutput } from './output';
import { saveScore } from './Score';
import { cueHere } from './SetWave';

export interface Action {
  id: string;
  label: string;
  /** as in KeyboardEvent.key */
  keys: string[];
  /** other words for it */
  also?: string;
  run: () => void;
}

/** words that people look for, by action */
const ALSO: Record<string, string> = {
  blackout: 'black dark panic off',
  freeze: 'hold still pause panic',
  safe: 'panic reset back',
  brighter: 'brightness master dim',
  darker: 'brightness master dim',
  strobe: 'flashes epilepsy flicker',
  mute: 'silence sound',
  tap: 'bpm tempo beat',
  half: 'bpm',
  double: 'bpm',
  scene: 'scene cut jump',
  dice: 'random',
  snapshot: 'screenshot photo png still',
  record: 'capture video film',
  keep: 'score record all',
  score: 'record save ten minutes render',
  set: 'setlist songs cues deck autopilot',
  cue: 'marker set',
  quantise: 'quantize sync beat bar section launch wait',
  autopilot: 'auto shuffle looks sections',
  song: 'next track setlist',
  output: 'projector beamer display monitor',
  midi: 'controller map',
  fit: 'crop cover contain letterbox',
};

export const NUDGE_MS = 10;
const LARGEST_SEED = 2 ** 32 - 1;

export function rollSeed(): void {
  const before = setting('inference.seed').peek();
  change('inference.seed', Math.floor(Math.random() * LARGEST_SEED));
  did('the new seed', () => change('inference.seed', before));
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

/** Switch a setting that is on or off. */
export function toggle(path: string): void {
  change(path, setting(path).peek() !== true);
}

/** Back to what is known to be good: the last look, whole, in full light, moving, without strobes. */
export function backToSafe(): void {
  const look = find(store.chosenLook.peek());
  changeAll({
    ...(look === undefined ? {} : valuesOf(look)),
    'live.blackout': false,
    'live.freeze': false,
    'live.light': 1,
    'video.limit_flashes': true,
  });
}

export function takeBack(): void {
  const what = undo();
  store.offer.value = null;
  store.notice.value = what === null ? 'There is nothing to undo.' : `Undone: ${what}.`;
}

export function runAction(list: readonly Action[], id: string): void {
  list.find((action) => action.id === id)?.run();
}

export function actions(show: Show): Action[] {
  const act = (id: string, label: string, keys: string[], run: () => void): Action => ({
    id: `do:${id}`,
    label,
    keys,
    also: ALSO[id] ?? '',
    run,
  });
  const step = (by: number): void => {
    const look = lookAfter(by);
    if (look !== undefined) show.look(look);
  };
  return [
    act('blackout', 'Blackout, or light again', ['b'], () => toggle('live.blackout')),
    act('freeze', 'Freeze the picture, or let it go', ['x'], () => toggle('live.freeze')),
    act('safe', 'Back to the last look, in full light', ['Backspace'], backToSafe),
    act('brighter', 'Master light up', ['+', '='], () => light(0.1)),
    act('darker', 'Master light down', ['-'], () => light(-0.1)),
    act('strobe', 'Strobe-safe on, off', ['q'], () => toggle('video.limit_flashes')),
    act('mute', 'Mute the room', ['v'], () => {
      store.muted.value = !store.muted.peek();
    }),
    act('louder', 'Volume up', ['PageUp'], () => loud(0.05)),
    act('quieter', 'Volume down', ['PageDown'], () => loud(-0.05)),
    act('next', 'Next look', ['ArrowRight'], () => step(1)),
    act('previous', 'Look before', ['ArrowLeft'], () => step(-1)),
    act('undo', 'Undo', ['u'], takeBack),
    act('tap', 'Tap the beat', ['t'], () => show.beat('tap')),
    act('half', 'Half the tempo', ['['], () => show.beat('half')),
    act('double', 'Double the tempo', [']'], () => show.beat('double')),
    act('earlier', 'Beats a little earlier', [','], () => show.beat('nudge', -NUDGE_MS)),
    act('later', 'Beats a little later', ['.'], () => show.beat('nudge', NUDGE_MS)),
    act('release', 'Follow the sound again', ['l'], () => show.beat('release')),
    act('play', 'Play or pause', [' '], () => void show.sources.playPause()),
    act('scene', 'Go to a new place', ['n'], () => show.scene()),
    act('dice', 'Roll a new seed', ['d'], rollSeed),
    act('up', 'More reactive', ['ArrowUp'], () => react(0.1)),
    act('down', 'Less reactive', ['ArrowDown'], () => react(-0.1)),
    act('prompt', 'Write a prompt', ['p'], () => focusIn('#prompt-0')),
    act('record', 'Record, or stop', ['r'], () => void show.takes.record()),
    act('snapshot', 'Save a picture', ['s'], () => void show.takes.snapshot()),
    act('full', 'Full screen', ['f'], toggleFullScreen),
    act('output', 'Output window for the second screen', ['w'], () => void openOutput()),
    act('fit', 'Fill the window, or show all of the picture', ['c'], toggleFit),
    act('set', 'Show or hide the set', ['e'], toggleSet),
    act('cue', 'A cue in the set, where the song is', ['k'], cueHere),
    act('song', 'Next song of the set', ['j'], () => void show.setlist.step(1)),
    act('autopilot', 'Autopilot: off, in order, shuffled', ['a'], nextAutopilot),
    act('quantise', 'Changes wait for a beat, a bar, a section', ['g'], nextQuantise),
    act('keep', 'Keep all of the show for its score', ['y'], () =>
      show.keep(!store.scoring.peek()),
    ),
    act('score', 'Save the score of the show', ['i'], () => void saveScore()),
    act('search', 'Search all settings', ['/'], () => focusIn('#search')),
    act('controls', 'Show or hide the controls', ['o'], () => {
      store.drawerOpen.value = !store.drawerOpen.peek();
      if (store.drawerOpen.peek() && innerWidth < 1000) store.setOpen.value = false;
    }),
    act('midi', 'Learn a knob, a pad or a key', ['m'], () => {
      store.learning.value = !store.learning.peek();
    }),
    act('help', 'This list', ['?', 'h'], () => {
      store.helpOpen.value = !store.helpOpen.peek();
    }),
  ];
}

export function toggleSet(): void {
  const open = !store.setOpen.peek();
  store.setOpen.value = open;
  // a small screen has room for one of them
  if (open && innerWidth < 1000) store.drawerOpen.value = false;
}

const WHENS: When[] = ['now', 'beat', 'bar', 'section'];

export function nextQuantise(): void {
  store.quantise.value = WHENS[(WHENS.indexOf(store.quantise.peek()) + 1) % WHENS.length] ?? 'now';
}

function nextAutopilot(): void {
  const orders = ['off', 'in order', 'shuffled'] as const;
  edit('the autopilot', (before) => {
    const order = orders[(orders.indexOf(before.autopilot.order) + 1) % orders.length] ?? 'off';
    store.notice.value = `Autopilot: ${order}.`;
    return { ...before, autopilot: { ...before.autopilot, order } };
  });
}

function react(by: number): void {
  nudge('react.reactivity', by, 4);
}

function light(by: number): void {
  nudge('live.light', by, 1);
}

function nudge(path: string, by: number, most: number): void {
  const value = numberSetting(path, 1) + by;
  change(path, Number(Math.min(most, Math.max(0, value)).toFixed(2)));
}

function loud(by: number): void {
  store.muted.value = false;
  store.volume.value = Number(Math.min(1, Math.max(0, store.volume.peek() + by)).toFixed(2));
}

function focusIn(selector: string): void {
  const focus = (): void => document.querySelector<HTMLElement>(selector)?.focus();
  // at once where that can be: what is typed next belongs there
  if (store.drawerOpen.peek()) focus();
  else {
    store.drawerOpen.value = true;
    requestAnimationFrame(focus);
  }
}

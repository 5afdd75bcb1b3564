/** Web MIDI: knobs and pads play the page. */

import { bind, type Moved, read, scaled } from '../controls/midi';
import type { Control } from '../controls/schema';
import type { Show } from '../show/show';
import { change, liveSections, setting } from '../state/settings';
import * as store from '../state/store';
import type { Action } from './actions';

/** Ask for the controllers; a browser without Web MIDI, or a no, becomes a sentence. True when they play. */
export async function startMidi(show: Show, list: readonly Action[]): Promise<boolean> {
  try {
    const access = await navigator.requestMIDIAccess();
    const attend = (): void => {
      for (const input of access.inputs.values()) {
        input.onmidimessage = ({ data }) => {
          const moved = data === null ? null : read(data);
          if (moved !== null) handle(show, list, moved);
        };
      }
    };
    access.onstatechange = attend;
    attend();
    if (access.inputs.size === 0) store.notice.value = 'No MIDI controller is plugged in yet.';
    return true;
  } catch {
    store.learning.value = false;
    store.notice.value =
      'This browser gives no access to MIDI: use Chrome, Edge or Firefox and allow it.';
    return false;
  }
}

function handle(show: Show, list: readonly Action[], moved: Moved): void {
  const waiting = store.learningFor.peek();
  if (waiting !== '' && !moved.released) {
    store.bindings.value = bind(store.bindings.peek(), moved.source, waiting);
    store.learningFor.value = '';
    return;
  }
  const target = store.bindings.peek()[moved.source];
  if (target === undefined) return;
  if (target.startsWith('look:')) {
    if (pressed(moved)) show.look(target.slice(5));
  } else if (target.startsWith('do:')) {
    if (pressed(moved)) list.find((action) => action.id === target)?.run();
  } else turn(target, moved);
}

/** A pad struck, or a knob past its middle. */
function pressed({ source, amount, released }: Moved): boolean {
  return !released && (source.startsWith('note') || amount > 0.5);
}

function turn(path: string, moved: Moved): void {
  const control = find(path);
  if (control === undefined) return;
  switch (control.kind) {
    case 'switch':
      if (moved.source.startsWith('cc')) change(path, moved.amount > 0.5);
      else if (!moved.released) change(path, setting(path).peek() !== true);
      break;
    case 'choice': {
      const at = Math.min(
        control.choices.length - 1,
        Math.floor(moved.amount * control.choices.length),
      );
      change(path, control.choices[at] ?? null);
      break;
    }
    case 'slider':
      if (!moved.released)
        change(path, scaled(moved.amount, control.min, control.max, control.step));
  }
}

function find(path: string): Control | undefined {
  return liveSections
    .peek()
    .flatMap((section) => section.controls)
    .find((control) => control.path === path);
}

/** Web MIDI: knobs and pads play the page. */

import { MidiClock } from '../controls/clock';
import {
  bind,
  bound,
  Edge,
  type Mapping,
  type Message,
  type Mode,
  nameOf,
  Pickup,
  read,
  type Source,
  scaled,
  turned,
  Watcher,
} from '../controls/midi';
import type { Control } from '../controls/schema';
import type { Show } from '../show/show';
import { find as findLook } from '../state/looks';
import { routes } from '../state/routes';
import { deckLearning } from '../state/set';
import { change, liveSections, setting } from '../state/settings';
import * as store from '../state/store';
import { type Action, runAction } from './actions';
import { nextInDeck } from './Deck';
import { byHand, showOnControllers } from './lights';

/** detents of an endless knob from one end of a slider to the other, and from one choice to the next */
const DETENTS = 100;
const DETENTS_A_CHOICE = 3;
/** ticks of a MIDI clock, 24 of which are a beat, between two words to the server */
const TOLD_EVERY = 6;
/** a clock that says nothing for so long leads no more, ms */
const SILENCE_MS = 700;

/** Ask for the controllers; a no becomes a sentence that helps. True when they play. */
export async function startMidi(show: Show, list: readonly Action[]): Promise<boolean> {
  if (navigator.requestMIDIAccess === undefined) {
    sorry(
      isSecureContext
        ? 'This browser has no MIDI: use Chrome, Edge or Firefox.'
        : 'Browsers give MIDI only to secure pages: open phosphene as localhost or over https.',
    );
    return false;
  }
  let access: MIDIAccess;
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    sorry('MIDI was not allowed: allow it with the symbol beside the address, then press M again.');
    return false;
  }
  const player = new Player(show, list);
  let stopLights = (): void => undefined;
  const attend = (): void => {
    const seen = new Map<string, number>();
    const names: string[] = [];
    for (const input of access.inputs.values()) {
      if (input.state === 'disconnected') continue;
      const device = nameIn(seen, input);
      names.push(device);
      input.onmidimessage = ({ data, timeStamp }) => {
        if (data !== null && (data[0] ?? 0) >= 0xf0) player.time(device, data, timeStamp);
        const message = data === null ? null : read(data);
        if (message !== null) player.hear(device, message);
      };
    }
    stopLights();
    stopLights = showOnControllers(byDevice(access.outputs.values()));
    const gone = store.controllers.peek().filter((name) => !names.includes(name));
    store.controllers.value = names;
    if (gone.length > 0) store.notice.value = `${gone.join(', ')} was unplugged.`;
  };
  access.onstatechange = attend;
  attend();
  if (store.controllers.peek().length === 0 && store.learning.peek())
    store.notice.value =
      'No MIDI controller is plugged in yet; a key of the keyboard will do, too.';
  return true;
}

/** Two of the same make are told apart by their order. */
function nameIn(seen: Map<string, number>, port: MIDIPort): string {
  const name = (port.name ?? 'Controller').replaceAll('/', ' ');
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  return count === 1 ? name : `${name} #${count}`;
}

function byDevice(outputs: Iterable<MIDIOutput>): Map<string, MIDIOutput> {
  const seen = new Map<string, number>();
  const there = [...outputs].filter(({ state }) => state !== 'disconnected');
  return new Map(there.map((output) => [nameIn(seen, output), output]));
}

function sorry(text: string): void {
  store.notice.value = text;
}

/** What is known of one control while the page is open. */
class Touch {
  readonly watcher = new Watcher();
  readonly edge = new Edge();
  readonly pickup = new Pickup();
  detents = 0;
}

class Player {
  private readonly touches = new Map<Source, Touch>();

  constructor(
    private readonly show: Show,
    private readonly list: readonly Action[],
  ) {}

  private readonly clocks = new Map<string, MidiClock>();
  private leads = '';

  /** Clock and transport of a device; the first that counts is followed until it stops. */
  time(device: string, data: ArrayLike<number>, t: number): void {
    if (!store.followClock.peek()) return;
    const clock = this.clocks.get(device) ?? new MidiClock();
    this.clocks.set(device, clock);
    const said = clock.hear(data, t);
    const { sources } = this.show;
    const deck = sources.deck;
    if ((said === 'start' || said === 'continue') && deck !== null && !deck.playing) {
      if (said === 'start') deck.element.currentTime = 0;
      void sources.playPause();
    } else if (said === 'stop' && deck?.playing) void sources.playPause();
    if (said !== 'tick' || (this.leads !== '' && this.leads !== device)) return;
    this.leads = device;
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => {
      this.leads = '';
      this.show.count({ tempo: 0, beats: 0, t: performance.now(), running: false });
    }, SILENCE_MS);
    if (++this.ticks % TOLD_EVERY > 0) return;
    const count = clock.count(t);
    if (count !== null) this.show.count(count);
  }

  private silence = 0;
  private ticks = 0;

  hear(device: string, message: Message): void {
    const own = `${device}/${message.control}`;
    const touch = this.touches.get(own) ?? new Touch();
    this.touches.set(own, touch);
    const waiting = store.learningFor.peek();
    if (waiting !== '' && !message.released) {
      store.bindings.value = bind(store.bindings.peek(), own, {
        target: waiting,
        mode: touch.watcher.see(message.value, 'absolute'),
      });
      store.learningFor.value = deckLearning.peek() ? nextInDeck(waiting) : '';
      if (store.learningFor.peek() === '' && deckLearning.peek())
        deckLearning.value = store.learning.value = false;
      // the movement that taught it plays nothing yet
      touch.edge.press(message, 'absolute', performance.now());
      return;
    }
    if (!message.pad) {
      // routes know a knob by its device and its number
      const name = `${device} ${nameOf(message.control)}`;
      store.lastKnob.value = name;
      if (routes().some(({ source }) => source === `controller:${name}`))
        this.show.turn(name, Math.min(1, message.value / 127));
    }
    byHand(own);
    const found = bound(store.bindings.peek(), device, message.control);
    if (found === null) return;
    const [source, mapping] = found;
    this.play(source, mapping, touch, message);
  }

  private play(source: Source, mapping: Mapping, touch: Touch, message: Message): void {
    const mode = message.pad ? 'absolute' : touch.watcher.see(message.value, mapping.mode);
    if (mode !== mapping.mode)
      store.bindings.value = { ...store.bindings.peek(), [source]: { ...mapping, mode } };
    const { target } = mapping;
    // an older page called all of them look:
    const look = findLook(target) ?? findLook(target.replace(/^look:/, 'own:'));
    if (look !== undefined) {
      if (touch.edge.press(message, mode, performance.now())) this.show.look(look);
    } else if (target.startsWith('do:')) {
      if (touch.edge.press(message, mode, performance.now())) runAction(this.list, target);
    } else if (target === 'page:volume') {
      const volume = this.slide(source, touch, message, mode, VOLUME, store.volume.peek());
      if (volume !== null) store.volume.value = volume;
    } else this.turn(source, target, touch, message, mode);
  }

  private turn(source: Source, path: string, touch: Touch, message: Message, mode: Mode): void {
    const control = find(path);
    if (control === undefined) return;
    const now = setting(path).peek();
    const steps = turned(mode, message.value);
    switch (control.kind) {
      case 'switch':
        if (message.pad) {
          if (!message.released) change(path, now !== true);
        } else if (mode !== 'absolute') change(path, steps > 0);
        else change(path, message.value >= (now === true ? 48 : 64));
        break;
      case 'choice': {
        const last = control.choices.length - 1;
        let at = Math.min(last, Math.floor((message.value / 128) * control.choices.length));
        if (message.pad) {
          if (message.released) return;
          at = (control.choices.indexOf(now) + 1) % control.choices.length;
        } else if (mode !== 'absolute') {
          touch.detents += steps;
          const moved = Math.trunc(touch.detents / DETENTS_A_CHOICE);
          touch.detents -= moved * DETENTS_A_CHOICE;
          at = Math.min(last, Math.max(0, control.choices.indexOf(now) + moved));
        }
        change(path, control.choices[at] ?? null);
        break;
      }
      case 'slider': {
        if (message.released) return;
        const value = this.slide(source, touch, message, mode, control, Number(now ?? control.min));
        if (value !== null) change(path, value);
      }
    }
  }

  /** The new value of a slider; null while the knob has to be brought to where it stands. */
  private slide(
    source: Source,
    touch: Touch,
    message: Message,
    mode: Mode,
    { min, max, step }: Pick<Control, 'min' | 'max' | 'step'>,
    now: number,
  ): number | null {
    if (mode !== 'absolute') {
      const detent = Math.max(step, (max - min) / DETENTS);
      const value = now + turned(mode, message.value) * detent;
      return scaled((value - min) / (max - min), min, max, step);
    }
    const amount = message.value / 127;
    const current = (now - min) / (max - min);
    const soft = store.takeover.peek() && !message.pad;
    if (soft && !touch.pickup.has(amount, current)) {
      wait(source, amount < current ? 'up' : 'down');
      return null;
    }
    wait(source, null);
    const value = scaled(amount, min, max, step);
    touch.pickup.leave((value - min) / (max - min));
    return value;
  }
}

const VOLUME = { min: 0, max: 1, step: 0.01 };

/** Which way a knob has to be turned to pick its value up. */
function wait(source: Source, way: 'up' | 'down' | null): void {
  const { [source]: before, ...others } = store.pickups.peek();
  if ((before ?? null) === way) return;
  store.pickups.value = way === null ? others : { ...others, [source]: way };
}

function find(path: string): Control | undefined {
  return liveSections
    .peek()
    .flatMap((section) => section.controls)
    .find((control) => control.path === path);
}

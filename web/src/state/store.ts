/** What the page knows: signals that the interface reads. Who changes them is in `show/`. */

import { signal } from '@preact/signals';
import { type Bindings, fromOlder, type Source } from '../controls/midi';
import type { When } from '../controls/outbox';
import type { Preset } from '../controls/presets';
import type { Fit } from '../picture/fit';
import type { LinkState } from '../wire/link';
import type { Heard, Hello, Stats, Values } from '../wire/messages';
import { is, recall, remembered } from './remember';

export type Hear = 'nothing' | 'song' | 'mic' | 'tab' | 'video' | 'soundcard';
export type See = 'nothing' | 'camera' | 'tab' | 'video' | 'server';

export interface SongInfo {
  name: string;
  /** what happens to it, in words; empty once it was heard */
  text: string;
  progress: number;
  state: 'sending' | 'analysing' | 'ready' | 'failed';
  duration: number;
  tempo: number;
  beats: number[];
  /** seconds at which bars begin */
  bars: number[];
  sections: number[];
  /** loudness along the song, 0..1 */
  loudness: number[];
}

export interface Figures {
  /** frames of the screen in a second, each of them moved to its moment */
  screenFps: number;
  /** from the moment that a motion is meant for to the next one, ms */
  motionMs: number;
  /** pictures that the model drew, in a second */
  fps: number;
  /** from the moment something happened to the moment its picture is seen, ms */
  ageMs: number;
  /** song: how far the picture is behind (+) or before (-) the sound, ms */
  offMs: number;
  /** for how long nothing new has been shown, ms; 0 while pictures come */
  stillMs: number;
}

export interface Offer {
  text: string;
  choices: { label: string; run: () => void }[];
  stays?: boolean;
}

/** How the show stood, for a reload to go on with. */
export interface Stood {
  hear: Hear;
  see: See;
  /** keys of the files in the browser's store; empty without */
  song: string;
  film: string;
  /** the server's name of the song */
  known: string;
  songAt: number;
  filmAt: number;
  playing: boolean;
}

export type Device = 'camera' | 'mic';
export interface Trouble {
  /** in words; empty when it is well */
  text: string;
  /** it has to be opened anew */
  gone: boolean;
}

export const linkState = signal<LinkState>('connecting');
export const farewell = signal('');
export const hello = signal<Hello | null>(null);
export const stats = signal<Stats | null>(null);
export const figures = signal<Figures | null>(null);
export const notice = signal('');
/** something that can be done about what just happened; goes by itself after a while, unless it stays */
export const offer = signal<Offer | null>(null);

export const hearing = signal<Hear>('nothing');
export const seeing = signal<See>('nothing');
export const song = signal<SongInfo | null>(null);
export const playing = signal(false);
/** the browser holds the sound back until somebody touches the page */
export const soundHeld = signal(false);
export const microphones = signal<MediaDeviceInfo[]>([]);
export const cameras = signal<MediaDeviceInfo[]>([]);

export const troubles = signal<Record<Device, Trouble>>({
  camera: { text: '', gone: false },
  mic: { text: '', gone: false },
});

export const recording = signal<{ since: number } | null>(null);
/** when what is changed is to happen */
export const quantise = signal<When>('now');
/** all of the show is kept for its score, not only the last ten minutes */
export const scoring = signal(false);
/** a score that was saved, and how it is drawn */
export const saved = signal<{ name: string; command: string } | null>(null);
/** a set that was saved, and how it is drawn */
export const savedSet = signal('');
/** where the song is, seconds; read on a key press, so no signal */
export const songTime: { now: number | null } = { now: null };
export const idle = signal(false);
export const helpOpen = signal(false);
export const learning = signal(false);
/** the control that waits for a knob to be moved */
export const learningFor = signal('');
/** the look that was taken last, as `kind:name`; it is lit while its settings are in force */
export const chosenLook = signal('');
/** the server composes a song to begin with */
export const composing = signal(false);
/** the tap that was heard last, and how many came in a row */
export const tapped = signal({ at: Number.NEGATIVE_INFINITY, count: 0 });

/** on a phone that is held upright, filling the window would show a third of the picture */
const phone = matchMedia('(pointer: coarse) and (max-width: 760px)').matches;
export const fit = remembered<Fit>(
  'fit',
  phone ? 'contain' : 'cover',
  is.oneOf('cover', 'contain'),
);
export const setOpen = remembered('setOpen', false, is.boolean);
export const drawerOpen = remembered('drawer', innerWidth >= 1000, is.boolean);
export const pinned = remembered('pinned', false, is.boolean);
export const mirrored = remembered('mirror', true, is.boolean);
export const tabPicture = remembered('tabPicture', false, is.boolean);
export const microphone = remembered('microphone', '', is.text);
export const camera = remembered('camera', '', is.text);
export const presets = remembered<Preset[]>('presets', [], is.list);
export const thumbnails = remembered<Record<string, string>>('thumbnails', {}, is.record);
export const bindings = remembered<Bindings>('controllers', fromOlder(recall('midi')), is.record);
/** controllers that are plugged in */
export const controllers = signal<string[]>([]);
/** knobs that have to be turned to their value before they move it, and which way */
export const pickups = signal<Record<Source, 'up' | 'down'>>({});
/** the knob that was turned last, by the name that routes call it */
export const lastKnob = signal('');
/** controllers show what is in force: lights of pads, faders with motors */
export const feedback = remembered('feedback', true, is.boolean);
/** the beat follows a controller's clock, and its transport plays the song */
export const followClock = remembered('clock', true, is.boolean);
export const takeover = remembered('takeover', true, is.boolean);
export const volume = remembered('volume', 1, is.share);
export const muted = remembered('muted', false, is.boolean);
/** somebody who has played before needs no word of welcome */
export const welcomed = remembered('welcomed', false, is.boolean);
/** prompts that were sent, the newest first */
export const pastPrompts = remembered<string[]>('prompts', [], is.texts);
export const stood = remembered<Stood>(
  'stood',
  {
    hear: 'nothing',
    see: 'nothing',
    song: '',
    film: '',
    known: '',
    songAt: 0,
    filmAt: 0,
    playing: false,
  },
  is.record,
  sessionStorage,
);
/** the session this window plays, and what it started with: a reload goes on with them */
export const session = remembered('session', '', is.text, sessionStorage);
export const started = remembered<Values>('started', {}, is.record, sessionStorage);
/** what was changed and has had no answer yet: a reload while the line is cut must not lose it */
export const unsent = remembered<Values>('unsent', {}, is.record, sessionStorage);
/** darkness, a frozen picture: they outlive the server, but not this window */
export const held = remembered<Values>('held', {}, is.record, sessionStorage);
/** settings that differ from what the server starts with */
export const changed = remembered<Values>('changed', {}, is.record);

/** the newest analysis; read on every display frame, so no signal */
export const heard: { now: Heard | null } = { now: null };

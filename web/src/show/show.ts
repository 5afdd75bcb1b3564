/** The show: the line to the server, the sources, the picture. One per page. */

import { effect } from '@preact/signals';
import type { Count } from '../controls/clock';
import { same } from '../controls/outbox';
import { type Schema, sections } from '../controls/schema';
import type { Composition } from '../picture/mix';
import type { Stage } from '../picture/stage';
import { type Look, litByName, takeLook } from '../state/looks';
import * as settings from '../state/settings';
import * as store from '../state/store';
import { did } from '../state/undo';
import {
  type Accent,
  type Beat,
  Beats,
  beatOfPulse,
  beatOfSong,
  beatsAt,
  hardness,
  NONE,
} from '../time/beats';
import { Playout } from '../time/playout';
import { Link, type LinkState } from '../wire/link';
import type { BeatAction, ConfigNews, FromServer, Heard, ToServer, Values } from '../wire/messages';
import { rememberShow, restoreShow, stayAwake, watchDevices } from './comeback';
import { Display, type Picture, type Shown, shapes } from './display';
import { Meter } from './meter';
import { Setlist } from './setlist';
import { Sources } from './sources';
import { Takes } from './takes';

const CLOCK_EVERY_MS = 200;
/** a longer pause between two taps begins another count, ms; the server counts so, too */
const TAP_PAUSE_MS = 2500;
/** of the song: further ahead no picture is made, seconds */
const LONGEST_LEAD = 5;

export class Show {
  readonly sources: Sources;
  readonly takes: Takes;
  readonly setlist: Setlist;
  private readonly link: Link;
  private readonly playout = new Playout();
  private readonly meter = new Meter();
  private readonly beats = new Beats();
  private readonly display: Display;
  private set = { of: [] as readonly number[], tempo: 0, beats: [] as readonly number[] };
  /** of the input of the picture shown last, ms, until the server knows */
  private age: number | null = null;

  constructor(private readonly stage: Stage) {
    this.link = new Link(
      shapes(stage.why),
      {
        state: (state) => this.linked(state),
        message: (message) => this.message(message),
        picture: (frame) => {
          this.link.send({ type: 'ack', sequence: frame.sequence, age: this.age });
          this.age = null;
          void this.display.arrive(frame);
        },
      },
      store.session.peek(),
    );
    this.sources = new Sources(this.link, () => this.switched());
    this.setlist = new Setlist(this.sources);
    this.takes = new Takes(stage, () => this.sources.sound.stream);
    this.display = new Display(
      stage,
      (picture, ready) => this.due(picture, ready),
      (shown) => this.shown(shown),
      (now, interval) => this.accent(now, interval),
      (seen, now, pushed) => this.frame(seen, now, pushed),
    );
    settings.connect((values, id, when) =>
      this.link.send({ type: 'set', values, id, ...(when !== 'now' && { on: when }) }),
    );
    setInterval(() => this.clock(), CLOCK_EVERY_MS);
    // at once and without the server, which does the same for everybody else who watches
    effect(() => {
      this.display.frozen = settings.setting('live.freeze').value === true;
    });
    effect(() => {
      const dark = settings.setting('live.blackout').value === true;
      stage.darken(dark, Number(settings.setting('live.fade_seconds').peek() ?? 0));
    });
  }

  async start(): Promise<void> {
    this.link.open();
    rememberShow(this.sources);
    watchDevices(this.sources);
    stayAwake();
    await Promise.all([this.learnSettings(), restoreShow(this.sources)]);
    await this.takes.offerLost();
  }

  private async learnSettings(): Promise<void> {
    const answer = await fetch(new URL('api/schema', location.href));
    settings.liveSections.value = sections((await answer.json()) as Schema);
  }

  /** Why the picture is not drawn on a graphics card; empty where it is. */
  get plainly(): string {
    return this.stage.why;
  }

  connectAgain(): void {
    this.link.open();
  }

  beat(action: BeatAction, ms = 0): void {
    const t = performance.now();
    if (!this.say({ type: 'beat', action, t, ms })) return;
    if (action !== 'tap') return;
    const { at, count } = store.tapped.peek();
    store.tapped.value = { at: t, count: t - at < TAP_PAUSE_MS ? count + 1 : 1 };
  }

  scene(): void {
    const when = store.quantise.peek();
    this.say({ type: 'scene', ...(when !== 'now' && { on: when }) });
  }

  look(look: Look): void {
    takeLook(look);
    this.takes.settle(look.id);
  }

  /** What is for this moment only makes no sense later: without a line it is refused, and said so. */
  private say(message: ToServer): boolean {
    const sent = store.linkState.peek() === 'open' && this.link.send(message);
    if (!sent) store.notice.value = 'The line is cut: that was not done.';
    return sent;
  }

  private linked(state: LinkState): void {
    store.linkState.value = state;
    if (state === 'open') store.farewell.value = '';
    else this.sources.grabber.reset();
  }

  private message(message: FromServer): void {
    switch (message.type) {
      case 'hello': {
        const resumed = message.session === store.session.peek();
        store.session.value = message.session;
        store.hello.value = message;
        this.display.clear(true);
        this.playout.reset();
        this.clock();
        settings.begin(message.config, resumed);
        this.sources.announce();
        if (!resumed && !this.sources.restoring) void this.sources.tellSong();
        break;
      }
      case 'heard':
        store.heard.now = message;
        break;
      case 'ready':
        this.sources.grabber.credit(message.credits);
        break;
      case 'stats':
        store.stats.value = message;
        break;
      case 'song':
        this.sources.songs.news(message);
        break;
      case 'config':
        if (message.by === 'controller') turnedOutside(message.values);
        this.changed(message);
        break;
      case 'record':
        store.scoring.value = message.on;
        break;
      case 'error':
        if (typeof message.id === 'number')
          settings.refuse(message.id, message.message, message.path);
        else if (message.code === 'song') void this.sources.tellSong();
        else store.notice.value = message.message;
        break;
      case 'bye':
        store.farewell.value = message.message;
        break;
    }
  }

  /** Another program counts beats: MIDI clock. */
  count({ tempo, beats, t, running }: Count): void {
    this.link.send({ type: 'tempo', tempo, beats, t: Math.max(0, t), running });
  }

  /** A knob that a route listens to was turned, 0..1. */
  turn(name: string, value: number): void {
    this.link.send({ type: 'controllers', values: { [name]: value } });
  }

  /** Keep all of the show from now on for its score, or its last ten minutes again. */
  keep(on: boolean): void {
    this.say({ type: 'record', on });
  }

  /** Settings changed: asked for here, or by a cue, whose picture is on its way. */
  private changed({ values, id, look, position }: ConfigNews): void {
    const take = (): void => {
      settings.receive(values, asNumber(id));
      if (look !== undefined) litByName(look);
    };
    const { player } = this.sources;
    const early = position === undefined ? 0 : position - player.heardAt(performance.now());
    const late = player.playing && early > 0 && early < LONGEST_LEAD;
    if (late) setTimeout(take, (early * 1000) / player.rate + offsetMs());
    else take();
  }

  private clock(): void {
    const { player } = this.sources;
    const t = performance.now();
    if (store.hearing.peek() !== 'song' || player.deck === null) {
      store.playing.value = this.sources.deck?.playing ?? false;
      this.link.send({ type: 'clock', t });
      return;
    }
    player.observe();
    store.playing.value = player.playing;
    this.link.send({
      type: 'clock',
      t,
      position: player.heardAt(t),
      playing: player.playing,
      rate: player.rate,
      lead: player.lead.seconds,
    });
  }

  /** Another source, or the song jumped: what waits was meant for before. */
  private switched(): void {
    this.display.clear();
    this.playout.reset();
    this.meter.reset();
    this.clock();
  }

  private due({ captured, value }: Picture, ready: number): number | null {
    if (!Number.isNaN(value) && store.hearing.peek() === 'song') {
      // the key after it is approached while it is seen, so it must be here by then
      return this.sources.player.due(value, offsetMs(), ready, this.display.interval);
    }
    return Number.isNaN(captured) ? ready : this.playout.schedule(captured, ready);
  }

  /** What the beat does to the picture now. */
  private accent(now: number, interval: number): Accent {
    const knob = Number(settings.setting('camera.beat_punch').peek() ?? 0);
    const heard = store.heard.now;
    if (heard === null) return NONE;
    const beat = this.beatAt(now, heard);
    const strength = hardness(heard.bass, heard.energy);
    return this.beats.push(beat && { ...beat, strength }, knob, interval);
  }

  private beatAt(now: number, heard: Heard): Beat | null {
    const { player } = this.sources;
    const song = store.song.peek();
    const outer = heard.beat_from === 'link' || heard.beat_from === 'midi';
    if (!outer && store.hearing.peek() === 'song' && player.playing && song !== null) {
      const position = player.heardAt(now) - offsetMs() / 1000;
      return beatOfSong(this.songBeats(song, heard.tempo), position, 1);
    }
    const { beat_position: position, tempo, confidence, bass, energy } = heard;
    const t = heard.beat_t ?? heard.t;
    if (t === undefined) return null;
    return beatOfPulse({ t: t + offsetMs(), position, tempo, confidence, bass, energy }, now);
  }

  /** The song's beats as the performer has set them: halved, doubled. */
  private songBeats(song: store.SongInfo, tempo: number): readonly number[] {
    const { beats } = song;
    if (this.set.of !== beats || this.set.tempo !== tempo)
      this.set = { of: beats, tempo, beats: beatsAt(beats, song.tempo, tempo) };
    return this.set.beats;
  }

  /** Every frame of the screen. */
  private frame(seen: Composition, now: number, pushed: boolean): void {
    this.takes.frame(seen);
    this.meter.frame(now);
    this.stage.canvas.dispatchEvent(
      new CustomEvent('phosphene-frame', {
        detail: { at: now, pushed, turn: seen.firstMotion.turn },
      }),
    );
  }

  private shown({ sequence, captured, value, at }: Shown): void {
    const { player } = this.sources;
    const inSong = !Number.isNaN(value) && player.playing;
    const off = inSong ? (player.heardAt(at) - value) * 1000 - offsetMs() : Number.NaN;
    this.meter.shown(at, captured, off);
    // a song's pictures are made ahead, so their age says nothing
    if (!inSong && !Number.isNaN(captured)) this.age = Math.max(0, at - captured);
    // for programs around the page: tests, benchmarks, kiosks
    this.stage.canvas.dispatchEvent(
      new CustomEvent('phosphene-shown', { detail: { sequence, captured, value, at, off } }),
    );
  }
}

function offsetMs(): number {
  return Number(settings.setting('live.latency_offset_ms').peek() ?? 0);
}

function asNumber(id: number | string | null | undefined): number | undefined {
  return typeof id === 'number' ? id : undefined;
}

/** a fader that is moved is one step to undo, ms */
const ONE_MOVE_MS = 1000;
let lastMove = { at: Number.NEGATIVE_INFINITY, paths: '' };

/** A controller changed settings beside this page: that can be undone here, too. */
function turnedOutside(values: Values): void {
  const before = Object.entries(settings.wished(Object.keys(values))).filter(
    ([path, value]) => value !== null && !same(value, values[path]),
  );
  const paths = before.map(([path]) => path).join();
  const now = performance.now();
  const goes = paths === lastMove.paths && now - lastMove.at < ONE_MOVE_MS;
  lastMove = { at: now, paths };
  if (before.length > 0 && !goes)
    did('what a controller changed', () => settings.changeAll(Object.fromEntries(before)));
}

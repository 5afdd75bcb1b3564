/** The show: the line to the server, the sources, the picture. One per page. */

import { type Schema, sections } from '../controls/schema';
import type { Stage } from '../picture/stage';
import * as settings from '../state/settings';
import * as store from '../state/store';
import { Playout } from '../time/playout';
import { Link, type LinkState } from '../wire/link';
import type { BeatAction, FromServer } from '../wire/messages';
import { Display, type Picture, type Shown } from './display';
import { Meter } from './meter';
import { Sources } from './sources';
import { Takes } from './takes';

const CLOCK_EVERY_MS = 200;

export class Show {
  readonly sources: Sources;
  readonly takes: Takes;
  private readonly link: Link;
  private readonly playout = new Playout();
  private readonly meter = new Meter();
  private readonly display: Display;
  /** of the input of the picture shown last, ms, until the server knows */
  private age: number | null = null;

  constructor(private readonly stage: Stage) {
    this.link = new Link(
      {},
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
    this.takes = new Takes(stage, () => this.sources.sound.stream);
    this.display = new Display(
      stage,
      (picture, ready) => this.due(picture, ready),
      (shown) => this.shown(shown),
    );
    settings.connect((values, id) => this.link.send({ type: 'set', values, id }));
    setInterval(() => this.clock(), CLOCK_EVERY_MS);
  }

  async start(): Promise<void> {
    this.link.open();
    const answer = await fetch(new URL('api/schema', location.href));
    settings.liveSections.value = sections((await answer.json()) as Schema);
  }

  connectAgain(): void {
    this.link.open();
  }

  beat(action: BeatAction, ms = 0): void {
    this.link.send({ type: 'beat', action, t: performance.now(), ms });
  }

  scene(): void {
    this.link.send({ type: 'scene' });
  }

  look(name: string): void {
    this.link.send({ type: 'preset', name });
    this.takes.settle(name);
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
        if (!resumed) void this.sources.tellSong();
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
        settings.receive(message.values, asNumber(message.id));
        break;
      case 'error':
        if (typeof message.id === 'number')
          settings.refuse(message.id, message.message, message.path);
        else store.notice.value = message.message;
        break;
      case 'bye':
        store.farewell.value = message.message;
        break;
    }
  }

  private clock(): void {
    const { player } = this.sources;
    const t = performance.now();
    if (store.hearing.peek() !== 'song') {
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
      rate: player.element.playbackRate,
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
      return this.sources.player.due(value, offsetMs(), ready);
    }
    return Number.isNaN(captured) ? ready : this.playout.schedule(captured, ready);
  }

  private shown({ sheet, sequence, captured, value, at }: Shown): void {
    this.takes.shown(sheet);
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

/** What the picture reacts to: one thing to hear and one to see at a time, switched at once. */

import { Grabber } from '../capture/grabber';
import { setting } from '../state/settings';
import * as store from '../state/store';
import { keepFile } from '../state/vault';
import { Kind } from '../wire/frame';
import type { Link } from '../wire/link';
import type { ServerHear } from '../wire/messages';
import { Deck } from './deck';
import { Lane, nothing, type Opener } from './lane';
import { Ears, Eyes } from './openers';
import { Tab } from './shared';
import { SongPlayer } from './song';
import { Songs } from './songs';
import { Sound } from './sound';

/** films larger than this are not kept over a reload: the copy would take too long */
const LARGEST_KEPT = 1_000_000_000;

/** How a file goes on after a reload. */
export interface Resume {
  key: string;
  at: number;
  play: boolean;
  /** the server's name of the song */
  known?: string;
  /** the song before goes on under it for so long, seconds */
  fade?: number;
}

export class Sources {
  readonly player: SongPlayer;
  readonly songs: Songs;
  readonly grabber: Grabber;
  readonly sound: Sound;
  film: Deck | null = null;
  /** until a reload is made good, the server plays on as it did, and nothing is written down */
  restoring = true;
  private readonly tab = new Tab(() => this.tabEnded());
  private readonly ears: Ears;
  private readonly eyes: Eyes;
  private readonly hearing: Lane<store.Hear>;
  private readonly seeing: Lane<store.See>;
  private loads = 0;
  private pictures = 0;
  private wanted: Deck | null = null;
  private fading = 0;

  /** `changed` is called when pictures under way were meant for something else. */
  constructor(
    private readonly link: Link,
    private readonly changed: () => void,
  ) {
    this.sound = new Sound(link, () => void this.playWanted());
    this.player = new SongPlayer(() => this.sound.latency, changed);
    this.songs = new Songs(() => {
      if (store.hearing.peek() === 'song') void this.hear('song');
    });
    this.grabber = new Grabber({
      size: () => store.stats.peek()?.level ?? configuredSize(),
      mirrored: () => store.seeing.peek() === 'camera' && store.mirrored.peek(),
      ship: ({ jpeg, captured }) =>
        link.sendFrame({
          kind: Kind.pictureIn,
          sequence: this.pictures++,
          captured,
          value: 0,
          payload: jpeg,
        }),
    });
    this.ears = new Ears(this.sound, this.tab);
    this.eyes = new Eyes(this.grabber, this.sound, this.tab);
    this.hearing = new Lane(store.hearing, () => this.announce(), complain);
    this.seeing = new Lane(store.seeing, () => this.announce(), complain);
  }

  /** What plays with a transport: the song, or the film. */
  get deck(): Deck | null {
    if (store.hearing.peek() === 'song') return this.player.deck;
    return store.seeing.peek() === 'video' || store.hearing.peek() === 'video' ? this.film : null;
  }

  async hear(what: store.Hear, failed?: (error: unknown) => void): Promise<boolean> {
    const done = await this.hearing.take(what, this.ear(what), failed);
    if (done) this.troubled('mic', '', false);
    return done;
  }

  async see(what: store.See, failed?: (error: unknown) => void): Promise<boolean> {
    const done = await this.seeing.take(what, this.eye(what), failed);
    if (done) this.troubled('camera', '', false);
    return done;
  }

  /** Tell the server what is heard and seen; also after a reconnection. */
  announce(): void {
    if (this.restoring) return;
    const hear = this.serverHear();
    const seen = store.seeing.peek();
    const from = seen === 'server' ? 'server' : 'client';
    const message = { type: 'source', hear, see: seen !== 'nothing', see_from: from } as const;
    this.link.send(hear === 'song' ? { ...message, song: this.songs.id } : message);
    // credits end with seeing, and begin anew with it
    if (!message.see) this.grabber.reset();
    this.changed();
  }

  /** A new session knows nothing of the song: send it again, and follow its sound until it is heard. */
  async tellSong(): Promise<void> {
    this.songs.forget();
    const sent = this.songs.send();
    if (store.hearing.peek() === 'song') await this.hear('song');
    await sent;
  }

  /** Play a song; the one that plays goes on until this one is decoded. False when it cannot be played. */
  async playSong(file: File, resume?: Resume): Promise<boolean> {
    const load = ++this.loads;
    const deck = await open(file, 'song');
    if (deck === null) return false;
    if (load !== this.loads) {
      deck.close(); // another file came meanwhile
      return true;
    }
    if (resume !== undefined) {
      deck.key = resume.key;
      deck.element.currentTime = resume.at;
    }
    const fade = this.player.playing && store.hearing.peek() === 'song' ? (resume?.fade ?? 0) : 0;
    const before = this.player.deck;
    this.fading = fade;
    const done = await this.hearing.take('song', () => this.openSong(deck, resume?.known ?? ''));
    this.fading = 0;
    if (!done) return false;
    before?.fade(false, fade);
    deck.fade(true, fade);
    if (resume?.play !== false) await this.play(deck);
    if (deck.key === '') this.keep(deck);
    return true;
  }

  async playFilm(file: File, resume?: Resume): Promise<boolean> {
    const load = ++this.loads;
    const deck = await open(file, 'film');
    if (deck === null) return false;
    if (load !== this.loads) {
      deck.close();
      return true;
    }
    if (deck.video === null) {
      // a film's file with sound only
      deck.close();
      return this.playSong(file, resume);
    }
    if (resume !== undefined) {
      deck.key = resume.key;
      deck.element.currentTime = resume.at;
    }
    const old = this.film;
    this.film = deck;
    const seen = await this.see('video');
    await this.hear('video');
    old?.close();
    if (resume?.play !== false) await this.play(deck);
    if (deck.key === '' && file.size < LARGEST_KEPT) this.keep(deck);
    return seen;
  }

  /** Play or pause the song, or the film. */
  async playPause(): Promise<void> {
    const { deck } = this;
    if (deck === null) {
      if (this.player.deck !== null) await this.takeSong();
    } else if (deck.playing) {
      this.wanted = null;
      deck.element.pause();
    } else await this.play(deck);
  }

  /** Listen to the loaded song again, as it was left. */
  async takeSong(): Promise<void> {
    const { deck } = this.player;
    if (deck !== null && (await this.hear('song'))) await this.play(deck);
  }

  /** Paint over the loaded film again, and listen to it. */
  async takeFilm(): Promise<void> {
    if (this.film === null || !(await this.see('video'))) return;
    await this.hear('video');
    await this.play(this.film);
  }

  private ear(what: store.Hear): Opener {
    switch (what) {
      case 'song':
        return () => this.openSong(this.player.deck);
      case 'mic':
        return () => this.ears.microphone((text, gone) => this.troubled('mic', text, gone));
      case 'tab':
        return () => this.ears.tabSound();
      case 'video':
        return () => this.ears.film(this.loadedFilm());
      default:
        return nothing;
    }
  }

  private eye(what: store.See): Opener {
    switch (what) {
      case 'camera':
        return () => this.eyes.camera((text, gone) => this.troubled('camera', text, gone));
      case 'tab':
        return () => this.eyes.tabPicture();
      case 'video': {
        const deck = this.film;
        return () =>
          this.eyes.film(this.loadedFilm(), () => {
            if (store.seeing.peek() !== 'video' || this.film !== deck) deck?.element.pause();
          });
      }
      default:
        return nothing;
    }
  }

  private async openSong(deck: Deck | null, known = '') {
    if (deck === null) throw new Error('Choose a song first, or drop one anywhere.');
    const other = this.player.deck !== deck;
    const heard = !other && this.songs.id !== '';
    return this.ears.song(
      deck,
      heard,
      () => {
        if (!other) return;
        const old = this.player.deck;
        this.player.use(deck);
        // one that is faded out is closed when it is silent
        if (this.fading === 0) old?.close();
        this.songs.load(deck.file, known);
        store.stood.value = { ...store.stood.peek(), song: deck.key, known };
      },
      () => {
        if (this.player.deck !== deck) deck.close();
        // the same song, now known, plays on
        else if (store.hearing.peek() !== 'song') deck.element.pause();
      },
      () => (this.player.deck === deck ? 0 : this.fading),
    );
  }

  private loadedFilm(): Deck {
    if (this.film === null) throw new Error('Choose a video first, or drop one anywhere.');
    return this.film;
  }

  private async play(deck: Deck): Promise<void> {
    this.wanted = deck;
    await this.sound.wake();
    if (await deck.play()) this.wanted = null;
    else store.soundHeld.value = true;
  }

  /** What the browser held back begins with the first touch. */
  private async playWanted(): Promise<void> {
    const deck = this.wanted;
    if (deck !== null && deck === this.deck) await this.play(deck);
  }

  /** Keep the file in the browser, so that a reload finds it. */
  private keep(deck: Deck): void {
    const film = deck.video !== null;
    keepFile(deck.file).then(
      (key) => {
        deck.key = key;
        const current = film ? this.film === deck : this.player.deck === deck;
        if (current) store.stood.value = { ...store.stood.peek(), [film ? 'film' : 'song']: key };
      },
      () => undefined, // private windows keep nothing; the show goes on
    );
  }

  private serverHear(): ServerHear {
    const hear = store.hearing.peek();
    if (hear === 'nothing' || hear === 'soundcard') return hear;
    // until the server has heard the whole song, its sound is followed as it plays
    return hear === 'song' && this.songs.id !== '' ? 'song' : 'sound';
  }

  private troubled(device: 'camera' | 'mic', text: string, gone: boolean): void {
    store.troubles.value = { ...store.troubles.peek(), [device]: { text, gone } };
  }

  private tabEnded(): void {
    store.notice.value = 'Sharing the tab has ended.';
    if (store.hearing.peek() === 'tab') void this.hear('nothing');
    if (store.seeing.peek() === 'tab') void this.see('nothing');
  }
}

async function open(file: File, kind: 'song' | 'film'): Promise<Deck | null> {
  try {
    return await Deck.open(file, kind);
  } catch (error) {
    complain(error);
    return null;
  }
}

export function complain(error: unknown): void {
  store.notice.value = error instanceof Error ? error.message : String(error);
}

function configuredSize(): { width: number; height: number } {
  const side = (path: string): number => Number(setting(path).peek() ?? 256);
  return { width: side('inference.width'), height: side('inference.height') };
}

/** What the picture reacts to: one thing to hear and one to see at a time, switched at once. */

import { Grabber } from '../capture/grabber';
import { setting } from '../state/settings';
import * as store from '../state/store';
import { Kind } from '../wire/frame';
import type { Link } from '../wire/link';
import type { ServerHear } from '../wire/messages';
import { type Close, Ears, Eyes, nothing, type Opener } from './openers';
import { Film, Tab } from './shared';
import { SongPlayer } from './song';
import { Songs } from './songs';
import { Sound } from './sound';

export class Sources {
  readonly player: SongPlayer;
  readonly songs: Songs;
  readonly grabber: Grabber;
  readonly sound: Sound;
  readonly film = new Film();
  private readonly tab = new Tab(() => this.tabEnded());
  private readonly ears: Record<store.Hear, Opener>;
  private readonly eyes: Record<store.See, Opener>;
  private unhear: Close = () => undefined;
  private unsee: Close = () => undefined;
  private hearTurn = 0;
  private seeTurn = 0;
  private pictures = 0;

  /** `changed` is called when pictures under way were meant for something else. */
  constructor(
    private readonly link: Link,
    private readonly changed: () => void,
  ) {
    this.sound = new Sound(link);
    this.player = new SongPlayer(() => this.sound.latency, changed);
    this.songs = new Songs(this.player, () => {
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
    const ears = new Ears(this.sound, this.tab, this.film, this.player);
    const eyes = new Eyes(this.grabber, this.sound, this.tab, this.film);
    this.ears = {
      nothing,
      soundcard: nothing,
      song: () => ears.song(this.songs.id !== ''),
      mic: () => ears.microphone(),
      tab: () => ears.tabSound(),
      video: () => ears.filmSound(),
    };
    this.eyes = {
      nothing,
      camera: () => eyes.camera(),
      tab: () => eyes.tabPicture(),
      video: () => eyes.filmPicture(),
    };
  }

  async hear(what: store.Hear): Promise<void> {
    const turn = ++this.hearTurn;
    const close = await attempt(this.ears[what]);
    if (close === null) return;
    if (turn !== this.hearTurn) {
      close(); // something else was chosen while the browser asked
      return;
    }
    this.unhear();
    this.unhear = close;
    store.hearing.value = what;
    this.announce();
  }

  async see(what: store.See): Promise<void> {
    const turn = ++this.seeTurn;
    const close = await attempt(this.eyes[what]);
    if (close === null) return;
    if (turn !== this.seeTurn) {
      close();
      return;
    }
    this.unsee();
    this.unsee = close;
    store.seeing.value = what;
    this.announce();
  }

  /** Tell the server what is heard and seen; also after a reconnection. */
  announce(): void {
    const hear = this.serverHear();
    const message = { type: 'source', hear, see: store.seeing.peek() !== 'nothing' } as const;
    this.link.send(hear === 'song' ? { ...message, song: this.songs.id } : message);
    this.changed();
    if (store.hearing.peek() !== 'tab' && store.seeing.peek() !== 'tab') this.tab.close();
  }

  /** A new session knows nothing of the song: send it again, and follow its sound until it is heard. */
  async tellSong(): Promise<void> {
    const sent = this.songs.send();
    if (store.hearing.peek() === 'song') await this.hear('song');
    await sent;
  }

  async playSong(file: File): Promise<void> {
    this.songs.load(file);
    await this.hear('song');
    await this.playPause(true);
  }

  async playFilm(file: File): Promise<void> {
    this.film.load(file);
    await this.see('video');
    await this.hear('video');
  }

  async playPause(play = this.player.element.paused): Promise<void> {
    if (!this.songs.loaded) return;
    if (!play) {
      this.player.element.pause();
      return;
    }
    await this.sound.wake();
    await attempt(async () => {
      await this.player.element.play();
      return () => undefined;
    });
  }

  private serverHear(): ServerHear {
    const hear = store.hearing.peek();
    if (hear === 'nothing' || hear === 'soundcard') return hear;
    // until the server has heard the whole song, its sound is followed as it plays
    return hear === 'song' && this.songs.id !== '' ? 'song' : 'sound';
  }

  private tabEnded(): void {
    if (store.hearing.peek() === 'tab') void this.hear('nothing');
    if (store.seeing.peek() === 'tab') void this.see('nothing');
  }
}

/** Run an opener; what goes wrong becomes a notice. */
async function attempt(open: Opener): Promise<Close | null> {
  try {
    const close = await open();
    store.notice.value = '';
    return close;
  } catch (error) {
    store.notice.value = error instanceof Error ? error.message : String(error);
    return null;
  }
}

function configuredSize(): { width: number; height: number } {
  const side = (path: string): number => Number(setting(path).peek() ?? 256);
  return { width: side('inference.width'), height: side('inference.height') };
}

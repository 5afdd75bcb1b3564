/** Opens what can be heard and seen. Each opener returns how to close it again. */

import type { Grabber } from '../capture/grabber';
import * as store from '../state/store';
import { listDevices, openCamera, openMicrophone, stop, videoOf } from './inputs';
import type { Film, Tab } from './shared';
import type { SongPlayer } from './song';
import type { Sound } from './sound';

export type Close = () => void;
export type Opener = () => Promise<Close>;

export const nothing: Opener = async () => () => undefined;

export class Ears {
  private songNode: AudioNode | null = null;

  constructor(
    private readonly sound: Sound,
    private readonly tab: Tab,
    private readonly film: Film,
    private readonly player: SongPlayer,
  ) {}

  /** `known`: the server has heard all of it, so that only its clock is sent. */
  async song(known: boolean): Promise<Close> {
    const desk = await this.sound.desk();
    if (this.songNode === null) {
      this.songNode = desk.context.createMediaElementSource(this.player.element);
      this.songNode.connect(desk.context.destination);
      this.songNode.connect(desk.programme);
    }
    const unlisten = known ? () => undefined : await desk.listen(this.songNode);
    return () => {
      unlisten();
      // the same song, now known, plays on
      queueMicrotask(() => {
        if (store.hearing.peek() !== 'song') this.player.element.pause();
      });
    };
  }

  async microphone(): Promise<Close> {
    const stream = await openMicrophone(store.microphone.peek());
    store.microphones.value = await listDevices('audioinput');
    const silence = await this.stream(stream);
    return () => {
      silence();
      stop(stream);
    };
  }

  async tabSound(): Promise<Close> {
    const stream = await this.tab.open();
    if (stream.getAudioTracks().length > 0) return this.stream(stream);
    if (store.seeing.peek() !== 'tab') this.tab.close();
    throw new Error('It came without its sound: share it again with "share audio" ticked.');
  }

  async filmSound(): Promise<Close> {
    const desk = await this.sound.desk();
    return this.sound.play(this.film.sound(desk.context), true);
  }

  private async stream(stream: MediaStream): Promise<Close> {
    const desk = await this.sound.desk();
    return this.sound.play(desk.context.createMediaStreamSource(stream), false);
  }
}

export class Eyes {
  constructor(
    private readonly grabber: Grabber,
    private readonly sound: Sound,
    private readonly tab: Tab,
    private readonly film: Film,
  ) {}

  async camera(): Promise<Close> {
    const stream = await openCamera(store.camera.peek(), this.grabber.side);
    store.cameras.value = await listDevices('videoinput');
    const close = await this.watch(videoOf(stream));
    return () => {
      close();
      stop(stream);
    };
  }

  async tabPicture(): Promise<Close> {
    return this.watch(videoOf(await this.tab.open()));
  }

  async filmPicture(): Promise<Close> {
    // routed before it plays, or the element would sound by itself
    this.film.sound((await this.sound.desk()).context);
    return this.watch(this.film.element);
  }

  private async watch(video: HTMLVideoElement): Promise<Close> {
    await video.play();
    this.grabber.watch(video);
    return () => {
      video.pause();
      this.grabber.unwatch(video);
    };
  }
}

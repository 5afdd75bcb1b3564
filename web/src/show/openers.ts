/** Opens what can be heard and seen. */

import type { Grabber } from '../capture/grabber';
import * as store from '../state/store';
import type { Deck } from './deck';
import { listDevices, openCamera, openMicrophone, stop, videoOf } from './inputs';
import type { Opened } from './lane';
import type { Tab } from './shared';
import type { Sound } from './sound';

/** What becomes of a device's track, in words; empty when it is well again. `gone`: it will not come back by itself. */
export type Trouble = (text: string, gone: boolean) => void;

export class Ears {
  constructor(
    private readonly sound: Sound,
    private readonly tab: Tab,
  ) {}

  /** `known`: the server has heard all of it, so that only its clock is sent. */
  async song(
    deck: Deck,
    known: boolean,
    begin: () => void,
    end: () => void,
    /** for how long it is still heard when another comes, seconds */
    linger: () => number,
  ): Promise<Opened> {
    const desk = await this.sound.desk();
    const node = deck.sound(desk.context);
    return routed(() => desk.route(node, { room: true, server: !known }), begin, end, linger);
  }

  async film(deck: Deck): Promise<Opened> {
    const desk = await this.sound.desk();
    const node = deck.sound(desk.context);
    return routed(() => desk.route(node, { room: true, server: true }));
  }

  async microphone(trouble: Trouble): Promise<Opened> {
    const stream = await openMicrophone(store.microphone.peek());
    store.microphones.value = await listDevices('audioinput');
    const opened = await this.stream(stream);
    const unwatch = watchTracks(stream, 'microphone', trouble);
    return {
      start: opened.start,
      stop: () => {
        unwatch();
        opened.stop();
        stop(stream);
      },
    };
  }

  async tabSound(): Promise<Opened> {
    const stream = await this.tab.open();
    if (stream.getAudioTracks().length === 0) {
      this.tab.leave();
      throw new Error('It came without its sound: share it again with "share audio" ticked.');
    }
    const opened = await this.stream(stream);
    return {
      start: opened.start,
      stop: () => {
        opened.stop();
        this.tab.leave();
      },
    };
  }

  private async stream(stream: MediaStream): Promise<Opened> {
    const desk = await this.sound.desk();
    const node = desk.context.createMediaStreamSource(stream);
    return routed(() => desk.route(node, { room: false, server: true }));
  }
}

export class Eyes {
  constructor(
    private readonly grabber: Grabber,
    private readonly sound: Sound,
    private readonly tab: Tab,
  ) {}

  async camera(trouble: Trouble): Promise<Opened> {
    const stream = await openCamera(store.camera.peek(), this.grabber.side);
    store.cameras.value = await listDevices('videoinput');
    const video = videoOf(stream);
    try {
      await video.play();
    } catch (error) {
      stop(stream);
      throw error;
    }
    const unwatch = watchTracks(stream, 'camera', trouble);
    return this.watched(video, () => {
      unwatch();
      video.pause();
      stop(stream);
    });
  }

  async tabPicture(): Promise<Opened> {
    const video = videoOf(await this.tab.open());
    await video.play();
    return this.watched(video, () => {
      video.pause();
      this.tab.leave();
    });
  }

  /** `end` is called when it is no longer painted over. */
  async film(deck: Deck, end: () => void): Promise<Opened> {
    const { video } = deck;
    if (video === null) throw new Error(`“${deck.file.name}” has no picture.`);
    // routed before it plays, or the element would sound by itself
    deck.sound((await this.sound.desk()).context);
    return this.watched(video, end);
  }

  private watched(video: HTMLVideoElement, end: () => void): Opened {
    return {
      start: () => this.grabber.watch(video),
      stop: () => {
        this.grabber.unwatch(video);
        end();
      },
    };
  }
}

function routed(
  route: () => () => void,
  begin: () => void = () => undefined,
  end: () => void = () => undefined,
  linger: () => number = () => 0,
): Opened {
  let unroute = (): void => undefined;
  return {
    start: () => {
      begin();
      unroute = route();
    },
    stop: () => {
      const close = (): void => {
        unroute();
        end();
      };
      const seconds = linger();
      if (seconds > 0) setTimeout(close, seconds * 1000);
      else close();
    },
  };
}

function watchTracks(stream: MediaStream, what: string, trouble: Trouble): () => void {
  const off = new AbortController();
  for (const track of stream.getTracks()) {
    const on = (event: string, then: () => void): void =>
      track.addEventListener(event, then, { signal: off.signal });
    on('ended', () =>
      trouble(`The ${what} was unplugged or stopped. It is taken up again when it is back.`, true),
    );
    on('mute', () => trouble(`The system holds the ${what} back.`, false));
    on('unmute', () => trouble('', false));
  }
  return () => off.abort();
}

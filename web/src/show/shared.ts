/** What can be heard and seen at once: a shared tab, a video file. */

import { openTab, stop, videoOf } from './inputs';

/** Asked for once, used for sound, for pictures, or for both. */
export class Tab {
  private stream: MediaStream | null = null;

  /** `ended`: the performer stopped sharing. */
  constructor(private readonly ended: () => void) {}

  async open(): Promise<MediaStream> {
    if (this.stream?.active) return this.stream;
    const stream = await openTab();
    this.stream = stream;
    for (const track of stream.getTracks()) track.addEventListener('ended', this.ended);
    return stream;
  }

  close(): void {
    stop(this.stream);
    this.stream = null;
  }
}

export class Film {
  private video: HTMLVideoElement | null = null;
  private node: AudioNode | null = null;

  get loaded(): boolean {
    return this.video !== null;
  }

  load(file: Blob): void {
    if (this.video !== null) {
      this.video.pause();
      URL.revokeObjectURL(this.video.src);
    }
    this.video = videoOf(URL.createObjectURL(file));
    this.node = null;
  }

  get element(): HTMLVideoElement {
    if (this.video === null) throw new Error('Choose a video file first.');
    return this.video;
  }

  /** Its sound; an element can be routed only once, for good. */
  sound(context: AudioContext): AudioNode {
    this.node ??= context.createMediaElementSource(this.element);
    return this.node;
  }
}

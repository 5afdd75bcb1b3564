/** Takes pictures from a video element at the model's size, whenever the server has room for one. */

import { crop } from '../picture/fit';
import { Credits } from './credits';
import EncodeWorker from './encode.worker.ts?worker';

export interface Shot {
  jpeg: Uint8Array<ArrayBuffer>;
  /** page time at which the camera saw it, ms */
  captured: number;
}

export interface GrabberOptions {
  size: () => { width: number; height: number };
  mirrored: () => boolean;
  ship: (shot: Shot) => boolean;
}

/** a camera that claims older pictures than this has another clock, ms */
const OLDEST_MS = 500;
/** a paused video and a tab that stands still are painted over again and again, so that the show goes on, ms */
const AGAIN_MS = 100;

export class Grabber {
  private readonly worker = new EncodeWorker();
  private readonly credits = new Credits(() => this.grab());
  private readonly canvas = new OffscreenCanvas(1, 1);
  private video: HTMLVideoElement | null = null;
  private callback = 0;
  private seenAt = 0;
  private captured = 0;
  /** page time of the last picture from the camera, ms */
  private lastAt = 0;

  constructor(private readonly options: GrabberOptions) {
    this.worker.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const jpeg = new Uint8Array(data);
      this.credits.done(this.options.ship({ jpeg, captured: this.captured }));
    };
    setInterval(() => {
      const now = performance.now();
      if (this.video === null || now - this.lastAt < AGAIN_MS) return;
      this.seenAt = now;
      this.credits.offer();
    }, AGAIN_MS);
  }

  /** Longest side that is sent, pixels. */
  get side(): number {
    const { width, height } = this.options.size();
    return Math.max(width, height);
  }

  /** For how long nothing has come from what is watched, ms. */
  still(now: number): number {
    return this.video === null ? 0 : now - this.lastAt;
  }

  credit(more: number): void {
    this.credits.add(more);
  }

  /** Another connection counts anew. */
  reset(): void {
    this.credits.reset();
  }

  /** Take pictures from `video` from now on, or from nothing. */
  watch(video: HTMLVideoElement | null): void {
    if (this.video !== null) this.video.cancelVideoFrameCallback(this.callback);
    this.video = video;
    this.lastAt = performance.now();
    if (video !== null) this.next(video);
  }

  /** No more pictures from `video`; another one that came since goes on. */
  unwatch(video: HTMLVideoElement): void {
    if (this.video === video) this.watch(null);
  }

  private next(video: HTMLVideoElement): void {
    this.callback = video.requestVideoFrameCallback((now, { captureTime }) => {
      const known =
        captureTime !== undefined && captureTime <= now && now - captureTime < OLDEST_MS;
      this.seenAt = known ? captureTime : now;
      this.lastAt = now;
      this.credits.offer();
      this.next(video);
    });
  }

  private grab(): void {
    const { video, canvas } = this;
    const source = { width: video?.videoWidth ?? 0, height: video?.videoHeight ?? 0 };
    const context = canvas.getContext('2d', { alpha: false });
    if (video === null || source.width === 0 || context === null) {
      this.credits.done(false);
      return;
    }
    const { width, height } = this.options.size();
    if (canvas.width !== width || canvas.height !== height)
      Object.assign(canvas, { width, height });
    const part = crop(source, width, height);
    const mirrored = this.options.mirrored();
    context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
    context.imageSmoothingQuality = 'medium';
    context.drawImage(video, part.x, part.y, part.width, part.height, 0, 0, width, height);
    this.captured = this.seenAt;
    const bitmap = canvas.transferToImageBitmap();
    this.worker.postMessage(bitmap, [bitmap]);
  }
}

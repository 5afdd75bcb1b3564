/** The canvas that shows the picture, with its glow around it. */

import { accentHue } from './accent';
import { Effort } from './effort';
import { type Fit, place, resolution } from './fit';
import type { Sheet } from './sheet';

const SAMPLE = 16;
const SAMPLE_EVERY_MS = 400;
/** of the picture's light that falls beside it */
const GLOW = 0.3;

/** What is seen beside a picture that does not fill the window. */
export type Beside = 'glow' | 'black' | 'nothing';

export class Stage {
  private readonly context: CanvasRenderingContext2D;
  private readonly sample: CanvasRenderingContext2D;
  private readonly effort = new Effort();
  private ticked = 0;
  private picture: Sheet | null = null;
  private sampled = 0;
  private fit: Fit = 'cover';

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly beside: Beside,
    private readonly onHue: (hue: number) => void = () => undefined,
  ) {
    // what cannot be seen through need not be blended
    this.context = context2d(canvas, { alpha: beside === 'nothing' });
    const small = document.createElement('canvas');
    small.width = small.height = SAMPLE;
    // small and read often: better kept off the graphics card
    this.sample = context2d(small, { willReadFrequently: true });
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  /** The picture on show. */
  get current(): Sheet | null {
    return this.picture;
  }

  setFit(fit: Fit): void {
    this.fit = fit;
    this.draw();
  }

  show(picture: Sheet, now: number): void {
    this.picture?.close();
    this.picture = picture;
    this.draw();
    if (now - this.sampled > SAMPLE_EVERY_MS) {
      this.sampled = now;
      this.light(picture);
    }
  }

  /** Every display frame, whether it has a new picture or not. */
  tick(now: number): void {
    const interval = now - this.ticked;
    this.ticked = now;
    // longer ones are a hidden page
    if (interval < 500 && this.effort.frame(interval)) this.resize();
  }

  private draw(): void {
    const { picture, context, canvas } = this;
    if (picture === null) return;
    const box = place(this.fit, picture.width, picture.height, canvas);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = 'high';
    if (this.fit === 'contain') this.drawBeside();
    context.drawImage(picture.image, box.x, box.y, box.width, box.height);
  }

  private drawBeside(): void {
    const { context, canvas, sample } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (this.beside !== 'glow') return;
    context.globalAlpha = GLOW;
    context.drawImage(sample.canvas, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
  }

  private light(picture: Sheet): void {
    this.sample.drawImage(picture.image, 0, 0, SAMPLE, SAMPLE);
    const hue = accentHue(this.sample.getImageData(0, 0, SAMPLE, SAMPLE).data);
    if (hue !== null) this.onHue(hue);
  }

  private resize(): void {
    const ratio = devicePixelRatio || 1;
    const device = {
      width: this.canvas.clientWidth * ratio,
      height: this.canvas.clientHeight * ratio,
    };
    const { width, height } = resolution(device, this.effort.longest);
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.draw();
  }
}

function context2d(
  canvas: HTMLCanvasElement,
  options: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', options);
  if (context === null) throw new Error('This browser draws no pictures on a canvas.');
  return context;
}

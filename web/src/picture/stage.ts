/** The canvas that shows the picture, with its glow around it. */

import { accentHue } from './accent';
import { Brush, GLOW } from './brush';
import { Effort } from './effort';
import { type Fit, place, resolution } from './fit';
import { FlashGuard, WHOLE } from './flash';
import type { Composition } from './mix';
import type { Sheet } from './sheet';

const SAMPLE = 16;
const SAMPLE_EVERY_MS = 400;

/** What is seen beside a picture that does not fill the window. */
export type Beside = 'glow' | 'black' | 'nothing';

export class Stage {
  private readonly context: CanvasRenderingContext2D;
  private readonly sample: CanvasRenderingContext2D;
  private readonly effort = new Effort();
  private ticked = 0;
  private readonly brush = new Brush();
  private seen: Composition | null = null;
  private sampled = 0;
  private fit: Fit = 'cover';
  private readonly guard = new FlashGuard();
  /** flashes are held */
  guarded = true;

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

  /** The newest key on show. */
  get current(): Sheet | null {
    return this.seen === null ? null : (this.seen.second ?? this.seen.first);
  }

  /** Why it is not drawn on a graphics card; empty where it is. */
  get why(): string {
    return this.brush.why;
  }

  setFit(fit: Fit): void {
    this.fit = fit;
    this.draw();
  }

  /** Let no light out, or let it out again, within so many seconds. */
  darken(dark: boolean, seconds: number): void {
    this.canvas.style.transition = `opacity ${seconds}s linear`;
    this.canvas.style.opacity = dark ? '0' : '1';
  }

  /** What is seen now; once a display frame. */
  show(seen: Composition, now: number): void {
    this.seen = seen;
    this.draw(now);
    if (now - this.sampled > SAMPLE_EVERY_MS) {
      this.sampled = now;
      this.light(seen.second ?? seen.first);
    }
  }

  /** Every display frame, whether it has a new picture or not; one that is `held` is not even drawn finer. */
  tick(now: number, held = false): void {
    const interval = now - this.ticked;
    this.ticked = now;
    // longer ones are a hidden page
    if (!held && interval < 500 && this.effort.frame(interval)) this.resize();
  }

  /** Once more what is seen, or with a moment something new. */
  private draw(now: number | null = null): void {
    const { seen, context, canvas } = this;
    if (seen === null) return;
    const box = place(this.fit, seen.first.width, seen.first.height, canvas);
    const beside = this.fit === 'contain';
    if (beside) this.drawBeside();
    const held =
      now === null || !this.guarded
        ? WHOLE
        : this.guard.shown(this.brush.look(seen, box, canvas), now);
    const lit = { ...seen, light: (seen.light ?? 1) * held.light };
    this.brush.draw(context, lit, box, beside && this.beside === 'glow' ? GLOW : 0, held.share);
  }

  private drawBeside(): void {
    const { context, canvas, sample } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
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

/** Draws what is seen at a moment: on the graphics card, or where there is none as well as a 2-D canvas can. */

import type { Box } from './fit';
import { HEIGHT, WIDTH } from './flash';
import { GlPainter } from './gl';
import { type Composition, lateness, smoothstep } from './mix';
import type { Motion } from './motion';
import type { Sheet } from './sheet';

/** a factor of light that is nearer to 1 is not seen */
const UNSEEN = 0.01;
/** of the picture's light that falls beside it */
export const GLOW = 0.3;

type Drawing = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export class Brush {
  private readonly card: GlPainter;
  private readonly small = smallOne();

  constructor() {
    this.card = new GlPainter(new URLSearchParams(location.search).get('draw') === 'gl');
  }

  /** Why it is not drawn on a graphics card; empty where it is. */
  get why(): string {
    return this.card.why;
  }

  close(): void {
    this.card.close();
  }

  /** What the part of it that is seen would look like, small, for {@link FlashGuard}. */
  look(seen: Composition, box: Box, canvas: { width: number; height: number }): Uint8ClampedArray {
    const left = Math.max(0, box.x);
    const top = Math.max(0, box.y);
    const across = WIDTH / (Math.min(canvas.width, box.x + box.width) - left);
    const down = HEIGHT / (Math.min(canvas.height, box.y + box.height) - top);
    const into = {
      x: (box.x - left) * across,
      y: (box.y - top) * down,
      width: box.width * across,
      height: box.height * down,
    };
    const looked = this.card.look(seen, into);
    if (looked !== null) return looked;
    plain(this.small, seen, into);
    return this.small.getImageData(0, 0, WIDTH, HEIGHT).data;
  }

  /**
   * Draw into `context`, the picture into `box` and its `glow` around it; without it what is there stays. A `share`
   * below 1 lays it over the last one, which stays to the rest.
   */
  draw(context: Drawing, seen: Composition, box: Box, glow: number, share = 1): void {
    const { width, height } = context.canvas;
    // what is enlarged a lot shows the corners of its pixels, what is not costs less plain
    const crisp = box.width > 1.2 * (seen.first.field?.columns ?? seen.first.width);
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (this.card.paint(seen, width, height, box, glow, crisp)) {
      if (share >= 1) context.clearRect(0, 0, width, height);
      context.globalAlpha = share;
      context.drawImage(this.card.canvas, 0, 0);
      context.globalAlpha = 1;
      return;
    }
    if (share >= 1) {
      plain(context, seen, box);
      return;
    }
    const whole = new OffscreenCanvas(width, height).getContext('2d');
    if (whole === null) return;
    plain(whole, seen, box);
    context.globalAlpha = share;
    context.drawImage(whole.canvas, 0, 0);
    context.globalAlpha = 1;
  }
}

function smallOne(): OffscreenCanvasRenderingContext2D {
  const small = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d', {
    alpha: false,
    willReadFrequently: true,
  });
  if (small === null) throw new Error('This browser draws no pictures on a canvas.');
  return small;
}

/** Without ripples, and fading all at once. */
function plain(context: Drawing, seen: Composition, box: Box): void {
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  context.imageSmoothingEnabled = true;
  // 'high' would take the processor's time from the model
  context.imageSmoothingQuality = 'low';
  place(context, seen.first, seen.firstMotion, box);
  if (seen.second !== null && seen.share > 0) {
    context.globalAlpha = smoothstep(lateness(seen.share));
    if (context.globalAlpha > 0) place(context, seen.second, seen.secondMotion, box);
  }
  const light = seen.light ?? 1;
  if (Math.abs(light - 1) > UNSEEN) {
    // a colour dodge divides what is there by what is left of white
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.globalCompositeOperation = light > 1 ? 'color-dodge' : 'multiply';
    const grey = Math.round(255 * (light > 1 ? 1 - 1 / light : light));
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  context.restore();
}

/** The picture where it moved to, with its mirror images where it leaves the box. */
function place(context: Drawing, sheet: Sheet, motion: Motion, box: Box): void {
  const wide = box.width;
  const [re, im] = motion.turn;
  const aspect = box.height / box.width;
  const tiles = copies(motion, aspect);
  for (const [column, row] of tiles) {
    const flipX = column % 2 === 0 ? 1 : -1;
    const flipY = row % 2 === 0 ? 1 : -1;
    // the middle of the copy, in widths
    const x = column;
    const y = row * aspect;
    const middleX = box.x + box.width / 2 + wide * (re * x - im * y + motion.shift[0]);
    const middleY = box.y + box.height / 2 + wide * (im * x + re * y + motion.shift[1]);
    context.setTransform(re * flipX, im * flipX, -im * flipY, re * flipY, middleX, middleY);
    context.drawImage(sheet.image, -wide / 2, -box.height / 2, wide, box.height);
  }
}

const FURTHEST = 2;
const NEAR = 1e-6;

/** Which mirror images of a picture are seen in its box. */
function copies({ turn, shift }: Motion, aspect: number): [number, number][] {
  const size = turn[0] * turn[0] + turn[1] * turn[1];
  let [left, right, top, bottom] = [0, 0, 0, 0];
  for (const [cx, cy] of [
    [-0.5, -0.5],
    [0.5, -0.5],
    [0.5, 0.5],
    [-0.5, 0.5],
  ] as const) {
    const x = cx - shift[0];
    const y = cy * aspect - shift[1];
    const fromX = (turn[0] * x + turn[1] * y) / size;
    const fromY = (turn[0] * y - turn[1] * x) / size / aspect;
    // an edge that only touches the box's is no further copy
    left = Math.min(left, Math.round(fromX + NEAR));
    right = Math.max(right, Math.round(fromX - NEAR));
    top = Math.min(top, Math.round(fromY + NEAR));
    bottom = Math.max(bottom, Math.round(fromY - NEAR));
  }
  const found: [number, number][] = [];
  for (let row = Math.max(-FURTHEST, top); row <= Math.min(FURTHEST, bottom); row++) {
    for (let column = Math.max(-FURTHEST, left); column <= Math.min(FURTHEST, right); column++) {
      found.push([column, row]);
    }
  }
  return found;
}

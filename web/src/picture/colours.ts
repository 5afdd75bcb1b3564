/** Colours of fields: as in `lsd/painter.py`, and palettes mixed as in `palettes.py`. */

import type { Field } from './sheet';

/** light at 1 in a field; at a half it is 1, which shows the palette's own colour */
export const BRIGHTEST = 2;
/** of what exceeds white in one channel, how much the others are lifted */
export const SPILL = 0.35;
/** most by which a mixture of opposite hues is made more vivid */
const LIVELIER = 4;

/** A field coloured at its own size, on the processor. */
export function painted({ planes, columns, rows, palette, light }: Field): OffscreenCanvas {
  const canvas = new OffscreenCanvas(columns, 2 * rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return canvas;
  context.drawImage(planes, 0, 0);
  const { data } = context.getImageData(0, 0, columns, 2 * rows);
  const picture = context.createImageData(columns, rows);
  const below = 4 * columns * rows;
  for (let at = 0; at < below; at += 4) {
    const place = 3 * (data[at] ?? 0);
    const lit = (BRIGHTEST / 255) * (data[below + at] ?? 0);
    const [r, g, b] = [0, 1, 2].map((i) => (palette[place + i] ?? 0) * lit) as [
      number,
      number,
      number,
    ];
    const spilt = SPILL * Math.max(0, Math.max(r, g, b) - 255);
    picture.data[at] = Math.min(255, r + spilt) * light;
    picture.data[at + 1] = Math.min(255, g + spilt) * light;
    picture.data[at + 2] = Math.min(255, b + spilt) * light;
    picture.data[at + 3] = 255;
  }
  canvas.height = rows;
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** 256 x RGB, a `share` 0..1 of the way from one palette to another, in OKLab; see `palettes.mix`. */
export function mixed(
  one: Uint8Array<ArrayBuffer>,
  two: Uint8Array<ArrayBuffer>,
  share: number,
): Uint8Array<ArrayBuffer> {
  if (share <= 0) return one;
  if (share >= 1) return two;
  if (one.every((value, at) => value === two[at])) return one;
  const out = new Uint8Array(one.length);
  for (let at = 0; at < one.length; at += 3) {
    const a = toOklab(one, at);
    const b = toOklab(two, at);
    const between = (i: 0 | 1 | 2): number => a[i] + share * (b[i] - a[i]);
    const vivid = (1 - share) * Math.hypot(a[1], a[2]) + share * Math.hypot(b[1], b[2]);
    const own = Math.hypot(between(1), between(2));
    // the mean of two hues is duller than both: it gets their vividness back
    const more = Math.min(vivid / Math.max(own, 1e-6), LIVELIER);
    fromOklab([between(0), more * between(1), more * between(2)], out, at);
  }
  return out;
}

type Lab = [number, number, number];

/** OKLab of the sRGB at `at`. Ottosson, "A perceptual color space for image processing", 2020. */
export function toOklab(colours: ArrayLike<number>, at: number): Lab {
  const r = LINEAR[colours[at] ?? 0] ?? 0;
  const g = LINEAR[colours[at + 1] ?? 0] ?? 0;
  const b = LINEAR[colours[at + 2] ?? 0] ?? 0;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([light, a, b]: Lab, out: Uint8Array, at: number): void {
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  out[at] = curved(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  out[at + 1] = curved(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  out[at + 2] = curved(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
}

function curved(linear: number): number {
  const v = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055));
}

/** sRGB 0..255 to linear light */
const LINEAR = Float32Array.from({ length: 256 }, (_, value) => {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

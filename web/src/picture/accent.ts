/** The page is lit by the picture: its strongest hue colours the controls. */

import { toOklab } from './colours';

/**
 * Hue (OKLCH, degrees) of RGBA pixels, weighted by how colourful and bright they are; nothing for grey.
 * Conversion: Ottosson, "A perceptual color space for image processing", 2020.
 */
export function accentHue(pixels: Uint8ClampedArray): number | null {
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i + 3 < pixels.length; i += 4) {
    const [, a, b] = toOklab(pixels, i);
    const chroma = Math.hypot(a, b);
    sumA += a * chroma;
    sumB += b * chroma;
  }
  const count = pixels.length / 4;
  if (Math.hypot(sumA, sumB) < 0.0005 * count) return null;
  return ((Math.atan2(sumB, sumA) * 180) / Math.PI + 360) % 360;
}

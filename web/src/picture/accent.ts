/** The page is lit by the picture: its strongest hue colours the controls. */

/**
 * Hue (OKLCH, degrees) of RGBA pixels, weighted by how colourful and bright they are; nothing for grey.
 * Conversion: Ottosson, "A perceptual color space for image processing", 2020.
 */
export function accentHue(pixels: Uint8ClampedArray): number | null {
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i + 3 < pixels.length; i += 4) {
    const [a, b] = oklabAB(linear(pixels[i]), linear(pixels[i + 1]), linear(pixels[i + 2]));
    const chroma = Math.hypot(a, b);
    sumA += a * chroma;
    sumB += b * chroma;
  }
  const count = pixels.length / 4;
  if (Math.hypot(sumA, sumB) < 0.0005 * count) return null;
  return ((Math.atan2(sumB, sumA) * 180) / Math.PI + 360) % 360;
}

function linear(value = 0): number {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}

function oklabAB(r: number, g: number, b: number): [number, number] {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** Geometry of pictures in windows. */

export type Fit = 'cover' | 'contain';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a picture of `width` x `height` goes in a window so that it fills it, or is seen whole. */
export function place(
  fit: Fit,
  width: number,
  height: number,
  into: { width: number; height: number },
): Box {
  const across = into.width / width;
  const down = into.height / height;
  const scale = fit === 'cover' ? Math.max(across, down) : Math.min(across, down);
  const box = { width: width * scale, height: height * scale };
  return { x: (into.width - box.width) / 2, y: (into.height - box.height) / 2, ...box };
}

/** The middle part of a source that has the shape of `width` x `height`. */
export function crop(
  source: { width: number; height: number },
  width: number,
  height: number,
): Box {
  const scale = Math.min(source.width / width, source.height / height);
  const part = { width: Math.round(width * scale), height: Math.round(height * scale) };
  return {
    x: Math.round((source.width - part.width) / 2),
    y: Math.round((source.height - part.height) / 2),
    ...part,
  };
}

/**
 * Pixels to draw the picture with, for a window of `device` pixels: sharp where drawing is cheap,
 * fewer where it takes long (the browser stretches the rest), never more than the window has.
 */
export function resolution(
  device: { width: number; height: number },
  longest: number,
): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(device.width, device.height, 1));
  return {
    width: Math.max(1, Math.round(device.width * scale)),
    height: Math.max(1, Math.round(device.height * scale)),
  };
}

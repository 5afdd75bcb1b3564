/** A decoded picture, whichever way the browser decodes best; or a field, which is coloured where it is drawn. */

import type { FieldHead } from '../wire/frame';
import { painted } from './colours';

type Decoded = ImageBitmap | VideoFrame;

export interface Sheet {
  /** as it is seen; of a field a small one, for those who cannot colour it on a graphics card */
  readonly image: Decoded | OffscreenCanvas;
  width: number;
  height: number;
  close: () => void;
  field?: Field;
}

/** The built-in model's picture before its colours: place in the palette and light, one above the other, in grey. */
export interface Field {
  planes: Decoded;
  columns: number;
  rows: number;
  palette: Uint8Array<ArrayBuffer>;
  /** 0..1 */
  light: number;
}

/**
 * Decode a JPEG, or the planes of a field. Rejects what is none.
 *
 * `ImageDecoder` takes the bytes as they are; `createImageBitmap` wants a blob, whose way through the browser
 * takes several times as long as the decoding.
 */
export async function decode(jpeg: Uint8Array<ArrayBuffer>, head?: FieldHead): Promise<Sheet> {
  const image = await decoded(jpeg);
  const close = (): void => image.close();
  if (head === undefined) return { image, ...sides(image), close };
  const { width, height, columns, rows, palette, light } = head;
  const told = sides(image);
  if (told.width !== columns || told.height !== 2 * rows) {
    close();
    throw new Error('these are not the planes of a field of that size');
  }
  const field = { planes: image, columns, rows, palette, light };
  let small: OffscreenCanvas | null = null;
  return {
    get image() {
      small ??= painted(field);
      return small;
    },
    width,
    height,
    close,
    field,
  };
}

async function decoded(jpeg: Uint8Array<ArrayBuffer>): Promise<Decoded> {
  const type = 'image/jpeg';
  if (typeof ImageDecoder === 'undefined') return createImageBitmap(new Blob([jpeg], { type }));
  const decoder = new ImageDecoder({ data: jpeg, type });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

function sides(image: Decoded): { width: number; height: number } {
  return image instanceof ImageBitmap
    ? { width: image.width, height: image.height }
    : { width: image.displayWidth, height: image.displayHeight };
}

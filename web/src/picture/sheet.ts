/** A decoded picture, whichever way the browser decodes best. */

export interface Sheet {
  image: ImageBitmap | VideoFrame;
  width: number;
  height: number;
  close: () => void;
}

/**
 * Decode a JPEG. Rejects what is none.
 *
 * `ImageDecoder` takes the bytes as they are; `createImageBitmap` wants a blob, whose way through the browser
 * takes several times as long as the decoding.
 */
export async function decode(jpeg: Uint8Array<ArrayBuffer>): Promise<Sheet> {
  const type = 'image/jpeg';
  if (typeof ImageDecoder === 'undefined') {
    const image = await createImageBitmap(new Blob([jpeg], { type }));
    return { image, width: image.width, height: image.height, close: () => image.close() };
  }
  const decoder = new ImageDecoder({ data: jpeg, type });
  try {
    const { image } = await decoder.decode();
    const { displayWidth: width, displayHeight: height } = image;
    return { image, width, height, close: () => image.close() };
  } finally {
    decoder.close();
  }
}

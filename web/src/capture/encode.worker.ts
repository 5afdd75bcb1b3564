/** Off the page's thread: pictures to JPEG. */

const QUALITY = 0.88;
const canvas = new OffscreenCanvas(1, 1);

self.onmessage = async ({ data: bitmap }: MessageEvent<ImageBitmap>) => {
  const { width, height } = bitmap;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext('2d', { alpha: false })?.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
  const jpeg = await blob.arrayBuffer();
  self.postMessage(jpeg, { transfer: [jpeg] });
};

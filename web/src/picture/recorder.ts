/** Records what is shown, with its sound, into a file of the browser's best kind. */

import { Brush } from './brush';
import { place } from './fit';
import type { Composition } from './mix';
import { REST } from './motion';
import type { Sheet } from './sheet';

const KINDS = [
  'video/mp4;codecs=avc1.640028,mp4a.40.2',
  'video/webm;codecs=vp9,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
];
const BITS_PER_SECOND = 12_000_000;
/** a small model's picture is recorded larger, so that players and sites do not blur it, pixels */
const SHORTEST_SIDE = 720;
const PIECE_MS = 1000;

/** Hands over what it records piece by piece, so that a crash loses no more than the last. */
export class Recorder {
  private readonly canvas = document.createElement('canvas');
  private readonly brush = new Brush();
  private readonly context = this.canvas.getContext('2d', { alpha: false });
  private readonly recorder: MediaRecorder;
  /** of the file to be */
  readonly name: string;
  readonly type: string;
  /** resolves when the last piece was handed over */
  readonly over: Promise<void>;

  constructor(picture: Sheet, sound: MediaStream, piece: (data: Blob) => void) {
    const scale = Math.max(1, SHORTEST_SIDE / Math.min(picture.width, picture.height));
    // video coders want even sides
    this.canvas.width = 2 * Math.round((picture.width * scale) / 2);
    this.canvas.height = 2 * Math.round((picture.height * scale) / 2);
    this.draw(alone(picture));
    const stream = this.canvas.captureStream();
    for (const track of sound.getAudioTracks()) stream.addTrack(track);
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind)) ?? '';
    this.recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS_PER_SECOND });
    this.recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) piece(data);
    };
    this.over = new Promise((resolve) => {
      this.recorder.onstop = () => {
        this.brush.close();
        resolve();
      };
    });
    this.type = this.recorder.mimeType.split(';')[0] || 'video/webm';
    this.name = `phosphene ${stamp()}.${this.type === 'video/mp4' ? 'mp4' : 'webm'}`;
    this.recorder.start(PIECE_MS);
  }

  /** What is seen, moved and mixed as on the stage; another shape of picture fills the frame. */
  draw(seen: Composition): void {
    if (this.context === null) return;
    const { width, height } = seen.first;
    this.brush.draw(this.context, seen, place('cover', width, height, this.canvas), 0);
  }

  stop(): void {
    if (this.recorder.state !== 'inactive') this.recorder.stop();
  }
}

function alone(first: Sheet): Composition {
  return { first, firstMotion: REST, second: null, secondMotion: REST, share: 0 };
}

/** A picture as a PNG file, at least as large as a recording. */
export async function still(picture: Sheet): Promise<File> {
  const scale = Math.max(1, SHORTEST_SIDE / Math.min(picture.width, picture.height));
  const canvas = new OffscreenCanvas(picture.width * scale, picture.height * scale);
  const context = canvas.getContext('2d', { alpha: false });
  if (context !== null && picture.field !== undefined) {
    const brush = new Brush();
    brush.draw(context, alone(picture), place('cover', picture.width, picture.height, canvas), 0);
    brush.close();
  } else if (context !== null) {
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture.image, 0, 0, canvas.width, canvas.height);
  }
  const blob = await canvas.convertToBlob({ type: 'image/png' });
  return new File([blob], `phosphene ${stamp()}.png`, { type: 'image/png' });
}

/** A thumbnail as JPEG in base64, for cards. */
export async function thumbnail(picture: Sheet): Promise<string> {
  const canvas = new OffscreenCanvas(96, 96);
  const scale = 96 / Math.min(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  canvas
    .getContext('2d')
    ?.drawImage(picture.image, (96 - width) / 2, (96 - height) / 2, width, height);
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.7 });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}

/** Hand a file to the browser's downloads. */
export function download(file: File): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
}

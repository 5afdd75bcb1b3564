/** Binary messages of protocol 1: a 24-byte little-endian header, then the payload. */

import { isSound, type Motion, REST } from '../picture/motion';

export const PROTOCOL = 1;
export const HEADER_BYTES = 24;

/** after the header of a key: turn, shift and ripple of the camera since the key before, seconds; float32 */
export const WAY_BYTES = 28;
/** after a field's way: sizes of the picture and of a plane (u16), light (f32), then the palette */
const FIELD_BYTES = 12;
const PALETTE_BYTES = 768;
const CUT = 1;
const STROBES = 2;

export const Kind = { pictureIn: 1, soundIn: 2, pictureOut: 3, keyOut: 4, fieldOut: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** From the key before to this one. */
export interface Way {
  motion: Motion;
  /** of the show's time, seconds */
  span: number;
  /** they have nothing to do with each other */
  cut: boolean;
  /** flashes are not to be held in what is shown */
  strobes: boolean;
}

/** What colours a field: its planes are the payload. */
export interface FieldHead {
  /** of the picture to be seen, pixels */
  width: number;
  height: number;
  /** of a plane */
  columns: number;
  rows: number;
  /** 0..1 */
  light: number;
  /** 256 x RGB */
  palette: Uint8Array<ArrayBuffer>;
}

export interface Frame {
  kind: number;
  sequence: number;
  /** client clock (performance.now()), ms */
  captured: number;
  /** sample rate in Hz of sound, song position in seconds of a picture (NaN: no song) */
  value: number;
  payload: Uint8Array<ArrayBuffer>;
  /** of a key */
  way?: Way;
  field?: FieldHead;
}

export function pack(frame: Frame): ArrayBuffer {
  const message = new ArrayBuffer(HEADER_BYTES + frame.payload.byteLength);
  const view = new DataView(message);
  view.setUint8(0, PROTOCOL);
  view.setUint8(1, frame.kind);
  view.setUint32(4, frame.sequence >>> 0, true);
  view.setFloat64(8, frame.captured, true);
  view.setFloat64(16, frame.value, true);
  new Uint8Array(message, HEADER_BYTES).set(frame.payload);
  return message;
}

/** The frame, or nothing where the bytes are none of ours. The payload is not copied. */
export function unpack(message: ArrayBuffer): Frame | null {
  if (message.byteLength < HEADER_BYTES) return null;
  const view = new DataView(message);
  if (view.getUint8(0) !== PROTOCOL) return null;
  const kind = view.getUint8(1);
  const coloured = kind === Kind.fieldOut;
  const keyed = kind === Kind.keyOut || coloured;
  const body = HEADER_BYTES + (keyed ? WAY_BYTES : 0);
  const start = body + (coloured ? FIELD_BYTES + PALETTE_BYTES : 0);
  if (message.byteLength < start) return null;
  return {
    kind,
    sequence: view.getUint32(4, true),
    captured: view.getFloat64(8, true),
    value: view.getFloat64(16, true),
    payload: new Uint8Array(message, start),
    ...(keyed && { way: wayOf(view) }),
    ...(coloured && { field: fieldOf(view, body) }),
  };
}

function fieldOf(view: DataView<ArrayBuffer>, at: number): FieldHead {
  const [width = 1, height = 1, columns = 1, rows = 1] = [0, 2, 4, 6].map((i) =>
    Math.max(1, view.getUint16(at + i, true)),
  );
  const light = view.getFloat32(at + 8, true);
  const palette = new Uint8Array(view.buffer, at + FIELD_BYTES, PALETTE_BYTES);
  return { width, height, columns, rows, light, palette };
}

function wayOf(view: DataView): Way {
  const at = (i: number): number => view.getFloat32(HEADER_BYTES + 4 * i, true);
  const motion: Motion = { turn: [at(0), at(1)], shift: [at(2), at(3)], ripple: [at(4), at(5)] };
  const flags = view.getUint16(2, true);
  const cut = (flags & CUT) !== 0;
  const strobes = (flags & STROBES) !== 0;
  return isSound(motion)
    ? { motion, span: at(6), cut, strobes }
    : { motion: REST, span: 0, cut: true, strobes };
}

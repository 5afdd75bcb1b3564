/** Binary messages of protocol 1: a 24-byte little-endian header, then the payload. */

import { isSound, type Motion, REST } from '../picture/motion';

export const PROTOCOL = 1;
export const HEADER_BYTES = 24;

/** after the header of a key: turn, shift and ripple of the camera since the key before, seconds; float32 */
export const WAY_BYTES = 28;
const CUT = 1;

export const Kind = { pictureIn: 1, soundIn: 2, pictureOut: 3, keyOut: 4 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** From the key before to this one. */
export interface Way {
  motion: Motion;
  /** of the show's time, seconds */
  span: number;
  /** they have nothing to do with each other */
  cut: boolean;
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
  const keyed = kind === Kind.keyOut;
  const start = HEADER_BYTES + (keyed ? WAY_BYTES : 0);
  if (message.byteLength < start) return null;
  return {
    kind,
    sequence: view.getUint32(4, true),
    captured: view.getFloat64(8, true),
    value: view.getFloat64(16, true),
    payload: new Uint8Array(message, start),
    ...(keyed && { way: wayOf(view) }),
  };
}

function wayOf(view: DataView): Way {
  const at = (i: number): number => view.getFloat32(HEADER_BYTES + 4 * i, true);
  const motion: Motion = { turn: [at(0), at(1)], shift: [at(2), at(3)], ripple: [at(4), at(5)] };
  const cut = (view.getUint16(2, true) & CUT) !== 0;
  return isSound(motion) ? { motion, span: at(6), cut } : { motion: REST, span: 0, cut: true };
}

/** Binary messages of protocol 1: a 24-byte little-endian header, then the payload. */

export const PROTOCOL = 1;
export const HEADER_BYTES = 24;

export const Kind = { pictureIn: 1, soundIn: 2, pictureOut: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Frame {
  kind: number;
  sequence: number;
  /** client clock (performance.now()), ms */
  captured: number;
  /** sample rate in Hz of sound, song position in seconds of a picture (NaN: no song) */
  value: number;
  payload: Uint8Array<ArrayBuffer>;
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
  return {
    kind: view.getUint8(1),
    sequence: view.getUint32(4, true),
    captured: view.getFloat64(8, true),
    value: view.getFloat64(16, true),
    payload: new Uint8Array(message, HEADER_BYTES),
  };
}

// The reliable protocol's frame: F1 F2, payload size (u32), CRC-16/IBM of the
// payload (u16), both in network order, then the payload. docs/formats/frame.md.

export const FRAME_HEADER_BYTES = 8;
/** Largest payload that a client takes from a server. */
export const MAX_SERVER_PAYLOAD_BYTES = 256 * 1024;

const crcTable = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  crcTable[byte] = crc;
}

/** CRC-16/IBM (ARC): of "123456789" 0xBB3D. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[i]) & 0xff];
  return crc;
}

export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint16(0, 0xf1f2);
  view.setUint32(2, payload.length);
  view.setUint16(6, crc16(payload));
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

export class FrameError extends Error {}

/**
 * Cuts a byte stream into frames. Feed it what arrives, in order; a partial
 * frame is kept for the next call. Throws FrameError when the bytes are not
 * frames: on a reliable transport that ends the connection.
 */
export class FrameReader {
  private pending: Uint8Array = new Uint8Array(0);

  feed(bytes: Uint8Array, onFrame: (payload: Uint8Array) => void): void {
    let data = bytes;
    if (this.pending.length > 0) {
      data = new Uint8Array(this.pending.length + bytes.length);
      data.set(this.pending);
      data.set(bytes, this.pending.length);
    }
    let at = 0;
    while (data.length - at >= FRAME_HEADER_BYTES) {
      const view = new DataView(data.buffer, data.byteOffset + at, FRAME_HEADER_BYTES);
      if (view.getUint16(0) !== 0xf1f2) throw new FrameError("not a frame: the magic bytes F1 F2 are missing");
      const size = view.getUint32(2);
      if (size > MAX_SERVER_PAYLOAD_BYTES) throw new FrameError(`a frame of ${size} bytes is too large`);
      if (data.length - at - FRAME_HEADER_BYTES < size) break;
      const payload = data.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + size);
      if (crc16(payload) !== view.getUint16(6)) throw new FrameError("a frame's checksum is wrong");
      at += FRAME_HEADER_BYTES + size;
      onFrame(payload);
    }
    this.pending = data.slice(at);
  }

  reset(): void {
    this.pending = new Uint8Array(0);
  }
}

/** Bytes that end or mean nothing where something was expected. */
export class MalformedError extends Error {}

/** Reads little-endian numbers, LEB128 varints and bit strings; every read is checked. */
export class ByteReader {
  at = 0;
  private bitBuffer = 0; // low `bitCount` bits are pending
  private bitCount = 0;

  constructor(readonly bytes: Uint8Array, readonly end: number = bytes.length) {}

  get remaining(): number {
    return this.end - this.at;
  }

  u8(): number {
    if (this.at >= this.end) throw new MalformedError("the bytes end too early");
    return this.bytes[this.at++];
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  i32(): number {
    return this.u16() | (this.u16() << 16);
  }

  /** Up to 2^53 − 1: what a double holds. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new MalformedError("a varint is too large");
  }

  /** Up to 2^64 − 1. */
  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedError("a varint is too large");
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** The next `count` (1 … 32) bits of a bit string, least significant first. */
  bits(count: number): number {
    if (count > 24) {
      const low = this.bits(16);
      return (low | (this.bits(count - 16) << 16)) >>> 0;
    }
    while (this.bitCount < count) {
      if (this.at >= this.end) throw new MalformedError("a bit string ends too early");
      this.bitBuffer |= this.bytes[this.at++] << this.bitCount;
      this.bitCount += 8;
    }
    const value = this.bitBuffer & ((1 << count) - 1);
    this.bitBuffer >>>= count;
    this.bitCount -= count;
    return value;
  }

  /** Ends a bit string: the rest of its last byte is padding. */
  endBits(): void {
    this.bitBuffer = 0;
    this.bitCount = 0;
  }
}

// Writes recordings for tests, as docs/formats/recording.md has them.
import { crc32c } from "../dist/crc32c.js";

export function bytesOf(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

export function header({ simulation = "0123456789abcdef", firstTick = 0, version = 1, snapshotEvery = 4 } = {}) {
  const bytes = Buffer.alloc(88);
  bytes.write("DRUMREC1", 0);
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(1, 12);
  bytes.writeBigUInt64LE(7n, 16);
  bytes.writeBigUInt64LE(3n, 24);
  bytes.writeBigUInt64LE(BigInt(firstTick), 32);
  bytes.writeUInt32LE(snapshotEvery, 40);
  bytes.write(simulation, 48);
  bytes.write("fedcba9876543210", 64);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 84)), 84);
  return bytes;
}

export const Kind = { battle: 1, tick: 2, snapshot: 3, index: 4 };

export function block(kind, number, tick, payload) {
  const bytes = Buffer.alloc(24 + payload.length);
  bytes.writeUInt32LE(payload.length, 4);
  bytes.writeUInt32LE(kind, 8);
  bytes.writeUInt32LE(number, 12);
  bytes.writeBigUInt64LE(BigInt(tick), 16);
  bytes.set(payload, 24);
  bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0);
  return bytes;
}

export function trailer(indexOffset, fileBytes) {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(BigInt(indexOffset), 0);
  bytes.writeBigUInt64LE(BigInt(fileBytes), 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 20)), 20);
  bytes.write("DRUMEND1", 24);
  return bytes;
}

/** A whole recording. `states` are by tick, the first one's first; `ticks` the payloads after it. */
export function record({ info, ticks, states, ...rest }) {
  const firstTick = Math.min(...states.keys());
  const parts = [header({ firstTick, ...rest })];
  let offset = parts[0].length;
  let number = 0;
  const offsets = [];
  const add = (kind, tick, payload) => {
    offsets.push({ kind, tick, offset });
    parts.push(block(kind, number++, tick, payload));
    offset += parts.at(-1).length;
  };
  add(Kind.battle, firstTick, info);
  add(Kind.snapshot, firstTick, states.get(firstTick));
  ticks.forEach((payload, i) => {
    const tick = firstTick + 1 + i;
    add(Kind.tick, tick, payload);
    if (states.has(tick)) add(Kind.snapshot, tick, states.get(tick));
  });
  const kept = offsets.filter(({ kind }) => kind === Kind.snapshot);
  const index = Buffer.alloc(16 + kept.length * 16);
  index.writeBigUInt64LE(BigInt(firstTick + ticks.length), 0);
  index.writeUInt32LE(number, 8);
  index.writeUInt32LE(kept.length, 12);
  kept.forEach(({ tick, offset: at }, i) => {
    index.writeBigUInt64LE(BigInt(tick), 16 + i * 16);
    index.writeBigUInt64LE(BigInt(at), 24 + i * 16);
  });
  const indexOffset = offset;
  add(Kind.index, firstTick + ticks.length, index);
  parts.push(trailer(indexOffset, offset + 32));
  return { bytes: bytesOf(...parts), offsets };
}

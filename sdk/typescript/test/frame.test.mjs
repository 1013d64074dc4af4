import assert from "node:assert/strict";
import { test } from "node:test";
import { crc16, encodeFrame, FrameError, FrameReader } from "../dist/index.js";

const bytes = (text) => new TextEncoder().encode(text);
const concat = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

function read(reader, data) {
  const frames = [];
  reader.feed(data, (payload) => frames.push(new TextDecoder().decode(payload)));
  return frames;
}

test("the checksum is CRC-16/IBM", () => {
  assert.equal(crc16(bytes("123456789")), 0xbb3d);
});

test("a frame is magic, size and checksum in network order, then the payload", () => {
  const frame = encodeFrame(bytes("123456789"));
  assert.deepEqual([...frame.subarray(0, 8)], [0xf1, 0xf2, 0, 0, 0, 9, 0xbb, 0x3d]);
});

test("frames are cut out of any division of the stream", () => {
  const stream = concat(encodeFrame(bytes("one")), encodeFrame(bytes("")), encodeFrame(bytes("three")));
  for (let step = 1; step <= stream.length; step++) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < stream.length; at += step) frames.push(...read(reader, stream.subarray(at, at + step)));
    assert.deepEqual(frames, ["one", "", "three"], `in pieces of ${step}`);
  }
});

test("a wrong magic, a wrong checksum and an oversized frame are errors", () => {
  assert.throws(() => read(new FrameReader(), bytes("GET / HTTP/1.1")), FrameError);
  const corrupt = encodeFrame(bytes("payload"));
  corrupt[9] ^= 1;
  assert.throws(() => read(new FrameReader(), corrupt), FrameError);
  assert.throws(() => read(new FrameReader(), Uint8Array.of(0xf1, 0xf2, 0x7f, 0, 0, 0, 0, 0)), FrameError);
});

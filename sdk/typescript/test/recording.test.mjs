// Recordings: whole ones, and what damage does to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../dist/crc32c.js";
import { MalformedError, Recording } from "../dist/index.js";
import { block, bytesOf, header, Kind, record } from "./recording-writer.mjs";

const text = (words) => new Uint8Array(Buffer.from(words));
const payload = (tick) => text(`the payload of tick ${tick}`);
const state = (tick) => text(`the whole state of tick ${tick}`);
const FIRST = 100;
const LAST = 110;
const { bytes: whole, offsets } = record({
  info: text("what the battle is"),
  ticks: Array.from({ length: LAST - FIRST }, (_, i) => payload(FIRST + 1 + i)),
  states: new Map([100, 104, 108].map((tick) => [tick, state(tick)])),
});
const offsetOf = (kind, tick) => offsets.find((block) => block.kind === kind && block.tick === tick).offset;

function changed(at, by = 1) {
  const bytes = whole.slice();
  bytes[at] ^= by;
  return bytes;
}

const refused = (bytes, sentence) =>
  assert.throws(() => new Recording(bytes), (error) => error instanceof MalformedError && sentence.test(error.message));

/** What is there is what was recorded, and what is not is told. */
function holds(recording) {
  for (let tick = recording.firstTick + 1; tick <= recording.lastTick; tick++) {
    const found = recording.tick(tick);
    if (found) assert.deepEqual(found, payload(tick));
  }
  for (const { tick, content } of recording.states) assert.deepEqual(content, state(tick));
  const complete = recording.lastTick === LAST && recording.states.length === 3;
  const gaps = Array.from({ length: LAST - FIRST }, (_, i) => recording.tick(FIRST + 1 + i)).includes(null);
  assert.ok(recording.damage.length > 0 || (complete && !gaps), "silent loss");
}

test("the checksum is CRC-32C", () => {
  // RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
  assert.equal(crc32c(text("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test("a whole recording has its parts", () => {
  const recording = new Recording(whole);
  assert.deepEqual([recording.battle, recording.epoch], [7n, 3n]);
  assert.deepEqual([recording.simulation, recording.build], ["0123456789abcdef", "fedcba9876543210"]);
  assert.deepEqual([recording.firstTick, recording.lastTick], [FIRST, LAST]);
  assert.deepEqual(recording.info, text("what the battle is"));
  assert.deepEqual(recording.damage, []);
  assert.equal(recording.tick(FIRST), null);
  assert.equal(recording.tick(LAST + 1), null);
  holds(recording);
});

test("a tick is reached from the last state before it", () => {
  const recording = new Recording(whole);
  for (const [tick, from] of [[0, 100], [100, 100], [103, 100], [104, 104], [107, 104], [110, 108], [999, 108]]) {
    assert.equal(recording.stateBefore(tick).tick, from);
  }
});

test("a recording that is cut anywhere is refused or played as far as it goes", () => {
  const beginning = offsets[2].offset;
  for (let size = 0; size < whole.length; size++) {
    const cut = whole.slice(0, size);
    if (size < beginning) {
      refused(cut, /^offset \d+: /);
      continue;
    }
    const recording = new Recording(cut);
    assert.ok(recording.damage.length > 0);
    holds(recording);
  }
});

test("a flipped bit anywhere is refused or told with its place, and nothing wrong is played", () => {
  const beginning = offsets[2].offset;
  for (let at = 0; at < whole.length; at++) {
    for (const bit of [1, 0x80]) {
      const bytes = changed(at, bit);
      if (at < beginning) {
        refused(bytes, /^offset \d+: /);
        continue;
      }
      const recording = new Recording(bytes);
      assert.ok(recording.damage.length > 0, `byte ${at}`);
      const last = offsets.filter(({ offset }) => offset <= at).at(-1).offset;
      assert.ok(recording.damage.some(({ offset }) => offset >= last), `byte ${at}`);
      holds(recording);
    }
  }
});

test("a damaged tick or state is passed over when what follows holds", () => {
  const tick = new Recording(changed(offsetOf(Kind.tick, 106) + 30));
  assert.deepEqual([tick.lastTick, tick.tick(106), tick.damage.length], [LAST, null, 1]);
  assert.match(tick.damage[0].what, /tick block of tick 106 is damaged: its checksum does not hold/);
  assert.equal(tick.damage[0].offset, offsetOf(Kind.tick, 106));
  assert.deepEqual(tick.tick(107), payload(107));
  const kept = new Recording(changed(offsetOf(Kind.snapshot, 104) + 30));
  assert.deepEqual([kept.lastTick, kept.states.map((one) => one.tick)], [LAST, [100, 108]]);
  assert.deepEqual(kept.tick(104), payload(104));
});

test("sizes and numbers that promise too much are refused before they are believed", () => {
  const battle = block(Kind.battle, 0, FIRST, text("b"));
  const first = block(Kind.snapshot, 1, FIRST, state(FIRST));
  const made = (...parts) => bytesOf(header({ firstTick: FIRST }), battle, ...parts);
  const huge = Buffer.from(first);
  huge.writeUInt32LE(0xffffffff, 4);
  refused(made(huge), /offset \d+: .*reaches past the end/);
  refused(made(block(Kind.snapshot, 1, FIRST + 1, state(FIRST))), /the state that the recording begins with/);
  refused(made(block(9, 1, FIRST, state(FIRST))), /its kind is out of range/);
  refused(bytesOf(header({ version: 2 })), /offset 8: the recording has version 2/);
  refused(bytesOf(header({ firstTick: 2n ** 60n })), /offset 32: the first tick/);
  refused(bytesOf(header({ snapshotEvery: 0 })), /offset 40/);
  refused(text("hello".repeat(40)), /does not begin with DRUMREC1/);
  refused(new Uint8Array(), /fewer than a recording's header/);
  for (const [next, what] of [
    [block(Kind.tick, 2, FIRST + 2, payload(0)), /tick block of tick 102 cannot stand after tick 100/],
    [block(Kind.tick, 2, 2n ** 63n, payload(0)), /cannot stand after/],
    [block(Kind.tick, 3, FIRST + 1, payload(0)), /block 3 stands where block 2 should/],
    [block(Kind.tick, 2, FIRST + 1, text("short")), /too short/],
    [block(Kind.battle, 2, FIRST + 1, text("again")), /battle block .* cannot stand/],
    [block(Kind.snapshot, 2, FIRST + 1, state(0)), /snapshot block .* cannot stand/],
    [block(Kind.index, 2, FIRST, text("")), /the index does not fit/],
  ]) {
    const recording = new Recording(made(first, next));
    assert.match(recording.damage[0].what, what);
    assert.equal(recording.lastTick, FIRST);
  }
});

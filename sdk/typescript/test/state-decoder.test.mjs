import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { StateDecoder } from "../dist/index.js";
import { chunk, deltaBody, header, keyBody } from "../../../tests/browser/mock/state-encoder.mjs";

const SCHEMA = [
  {
    index: 0,
    name: "player",
    fields: [
      { name: "x", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 1 },
      { name: "y", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 2 },
      { name: "health", bits: 7, shift: 0, isSigned: false, isFixed: false, role: 0 },
      { name: "score", bits: 32, shift: 0, isSigned: true, isFixed: false, role: 0 },
    ],
  },
  { index: 3, name: "pickup", fields: [{ name: "x", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 1 }] },
];
const EVENTS = ["melee", "shot", "hit"];

const decoder = (tick = 0) => new StateDecoder(SCHEMA, EVENTS, tick);
const datagram = (tick, ...chunks) => Uint8Array.from([...header(tick, 0, 5), ...chunks.flat()]);
const entity = (slot, ...values) => ({ slot, generation: 1, values });
const show = (state) =>
  state.tables.flatMap((table) =>
    [...table.entities.values()].map((e) => [table.index, e.slot, e.generation, ...e.values].join(" ")),
  ).sort();
/** What the decoder should show for quantised entities. */
const expected = (tables) =>
  SCHEMA.flatMap(({ index, fields }) =>
    (tables[index] ?? []).map((e) =>
      [index, e.slot, e.generation, ...e.values.map((v, f) => {
        const { bits, isSigned, shift, isFixed } = fields[f];
        const raw = isSigned && v >= 2 ** (bits - 1) ? v - 2 ** bits : v;
        return (raw * 2 ** shift) / (isFixed ? 65536 : 1);
      })].join(" "),
    ),
  ).sort();

test("a key frame alone is state", () => {
  const state = decoder();
  const tables = [[entity(0, 32, 64, 100, 7), entity(9, 2 ** 18 - 32, 0, 1, 2 ** 32 - 5)]];
  assert.ok(state.apply(datagram(1, chunk(4, 200, keyBody(SCHEMA, tables), 0))));
  assert.deepEqual(show(state), ["0 0 1 1 2 100 7", "0 9 1 -1 0 1 -5"]);
  assert.deepEqual(state.takeAcks(), [4 * 256 + 200]);
});

test("a delta without its key frame is skipped and what follows is read", () => {
  const state = decoder();
  const key = [[entity(1, 1, 1, 1, 1)]];
  const frame = datagram(3, chunk(1, 7, deltaBody(SCHEMA, key, key)), chunk(2, 0, keyBody(SCHEMA, key), 0));
  assert.ok(state.apply(frame));
  assert.equal(state.stats.skippedDeltas, 1);
  assert.equal(show(state).length, 1);
});

test("padding is not read, and padding that cannot be is refused", () => {
  const state = decoder();
  const plain = datagram(1, chunk(4, 200, keyBody(SCHEMA, [[entity(0, 32, 64, 100, 7)]]), 0));
  const padded = (count, last = count) => {
    const frame = Uint8Array.from([...plain, ...new Array(count - 1).fill(0), last]);
    frame[1] |= 1;
    return frame;
  };
  assert.ok(state.apply(padded(5)));
  assert.deepEqual(show(state), ["0 0 1 1 2 100 7"]);
  assert.ok(state.apply(padded(1)));
  assert.ok(!state.apply(padded(5, 0)));
  assert.ok(!state.apply(padded(5, 255)));
});

test("an acknowledgement is given out three times", () => {
  const state = decoder();
  state.apply(datagram(1, chunk(5, 1, keyBody(SCHEMA, [[entity(0, 0, 0, 0, 0)]]), 0)));
  assert.ok(state.hasNewAcks);
  assert.deepEqual(state.takeAcks(), [1281]);
  assert.ok(!state.hasNewAcks);
  assert.deepEqual([state.takeAcks(), state.takeAcks(), state.takeAcks()], [[1281], [1281], []]);
});

test("of a stream only its newest key frame is acknowledged, however many others wait", () => {
  const state = decoder();
  const key = keyBody(SCHEMA, [[entity(0, 0, 0, 0, 0)]]);
  const STREAMS = 100;
  for (let number = 1; number <= 50; number++) {
    for (let stream = 0; stream < STREAMS; stream++) state.apply(datagram(number * 10, chunk(stream, number, key, 0)));
  }
  state.apply(datagram(501, chunk(7, 49, key, 11)));
  const values = [];
  for (let taken = state.takeAcks(); taken.length > 0; taken = state.takeAcks()) values.push(...taken);
  assert.deepEqual(values.slice(0, STREAMS), Array.from({ length: STREAMS }, (_, stream) => stream * 256 + 50), "the new ones first");
  assert.equal(values.length, 3 * STREAMS);
  assert.equal(new Set(values).size, STREAMS);
  // One that was told once gives its turn to its successor.
  state.apply(datagram(510, chunk(3, 51, key, 0)));
  assert.deepEqual(state.takeAcks(), [3 * 256 + 51]);
  state.apply(datagram(520, chunk(3, 52, key, 0)));
  assert.deepEqual([state.takeAcks(), state.takeAcks(), state.takeAcks()], [[820], [820], [820]]);
});

test("random worlds come out as they went in, whatever is lost", () => {
  let seed = 99;
  const random = (n) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const state = decoder();
  const world = new Map(); // slot -> values
  let keys = [];
  for (let tick = 1; tick <= 300; tick++) {
    for (let n = 0; n < 6; n++) {
      const slot = random(40);
      const kind = random(10);
      if (kind === 0) world.delete(slot);
      else if (kind < 3 || !world.has(slot)) world.set(slot, [random(2 ** 18), random(2 ** 18), random(128), random(2 ** 32)]);
      else world.get(slot)[0] = (world.get(slot)[0] + random(64) - 32 + 2 ** 18) % 2 ** 18;
    }
    const sorted = [...world].sort((a, b) => a[0] - b[0]);
    const tables = [];
    tables[0] = sorted.map(([slot, values]) => entity(slot, ...values));
    tables[3] = sorted.filter(([slot]) => slot % 3 === tick % 3).map(([slot, values]) => entity(slot, values[1]));
    const chunks = [];
    if (tick === 1 || random(12) === 0) {
      const number = (keys.at(-1)?.number ?? -1) + 1;
      keys = [...keys, { number, tick, tables, body: keyBody(SCHEMA, tables) }].slice(-2);
      chunks.push(chunk(300, number, keys.at(-1).body, 0));
    } else {
      const key = keys[random(keys.length)];
      if (random(5) === 0) chunks.push(chunk(300, key.number, key.body, tick - key.tick));
      chunks.push(chunk(300, key.number, deltaBody(SCHEMA, key.tables, tables)));
    }
    if (tick > 1 && !chunks.some((c) => c[2] === 1) && random(3) === 0) continue; // lost, nothing to repair
    assert.ok(state.apply(datagram(tick, ...chunks)));
    assert.deepEqual(show(state), expected(tables), `tick ${tick}`);
  }
  assert.equal(state.stats.malformed, 0);
});

test("an entity that moves to another stream is one entity", () => {
  const state = decoder();
  const one = [[entity(3, 10, 10, 10, 10)]];
  state.apply(datagram(1, chunk(1, 0, keyBody(SCHEMA, one), 0), chunk(2, 0, keyBody(SCHEMA, [[entity(8, 1, 1, 1, 1)]]), 0)));
  const moved = state.table("player").get(3, 1);
  const before = [[entity(8, 1, 1, 1, 1)]];
  const after = [[entity(3, 11, 10, 10, 10), entity(8, 1, 1, 1, 1)]];
  state.apply(datagram(2, chunk(2, 0, deltaBody(SCHEMA, before, after)), chunk(1, 0, deltaBody(SCHEMA, one, []))));
  assert.equal(state.table("player").get(3, 1), moved);
  assert.equal(state.removed.length, 0);
  // The old stream, late and of an older tick, does not bring it back.
  state.apply(datagram(1, chunk(1, 0, deltaBody(SCHEMA, one, one))));
  assert.equal(moved.values[0], 11 / 32);
  state.apply(datagram(3, chunk(2, 0, deltaBody(SCHEMA, before, before))));
  assert.deepEqual(state.removed, [moved]);
});

test("what is not heard of any more is forgotten", () => {
  const state = decoder();
  const far = [[entity(3, 10, 10, 10, 10)]];
  const near = keyBody(SCHEMA, [[entity(8, 1, 1, 1, 1)]]);
  state.apply(datagram(1, chunk(1, 0, keyBody(SCHEMA, far), 0), chunk(2, 0, near, 0)));
  for (let tick = 2; tick <= 200; tick++) state.apply(datagram(tick, chunk(2, tick & 255, near, 0)));
  assert.deepEqual([...state.table("player").entities.values()].map((e) => e.slot), [8]);
});

test("an event that is repeated against loss is told once", () => {
  const state = decoder();
  const key = [[entity(1, 1, 1, 1, 1)]];
  const event = (age) => ({ age, number: 2, kind: 2, source: (5n << 32n) | 1n, target: 0n, x: -3.5, y: 8, a: -18, b: 300 });
  state.apply(datagram(10, chunk(1, 0, keyBody(SCHEMA, key), 0), chunk(1, 0, deltaBody(SCHEMA, key, key, [event(0)]))));
  const [told] = state.events;
  assert.deepEqual(
    { ...told },
    { tick: 10, kind: 2, name: "hit", source: (5n << 32n) | 1n, target: 0n, x: -3.5, y: 8, a: -18, b: 300 },
  );
  state.apply(datagram(12, chunk(1, 0, deltaBody(SCHEMA, key, key, [event(2)]))));
  assert.equal(state.events.length, 0);
});

test("ticks go on beyond 32 bits", () => {
  const state = decoder(2 ** 32 - 2);
  const key = keyBody(SCHEMA, [[entity(1, 1, 1, 1, 1)]]);
  state.apply(datagram(1, chunk(1, 0, key, 0)));
  assert.equal(state.tick, 2 ** 32 + 1);
});

test("every truncation and every flipped bit of a frame is survived", () => {
  const before = [[entity(1, 1, 1, 1, 1), entity(5, 9, 9, 9, 9)], , , [entity(2, 7)]];
  const after = [[entity(1, 5, 1, 1, 1), entity(6, 9, 9, 9, 9)]];
  const event = { age: 0, number: 0, kind: 1, source: 1n, target: 2n, x: 0, y: 0, a: 1, b: 2 };
  const whole = datagram(1, chunk(1, 0, keyBody(SCHEMA, before), 0), chunk(1, 0, deltaBody(SCHEMA, before, after, [event])));
  for (let size = 0; size < whole.length; size++) decoder().apply(whole.subarray(0, size));
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = whole.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    const state = decoder();
    state.apply(damaged);
    assert.ok(state.tables.reduce((sum, table) => sum + table.entities.size, 0) < 20);
  }
});

// The broadcast encoder's own vectors: what it wrote must be read as it meant it.
const vectors = new URL("../../../tests/data/state_frames.json", import.meta.url);
test("the server's golden vectors decode to its entities", () => {
  const { schema, steps } = JSON.parse(readFileSync(vectors, "utf8"));
  const tables = schema.map(({ index, name, fields }) => ({
    index,
    name,
    fields: fields.map(({ is_signed: isSigned, is_fixed: isFixed, ...rest }) => ({ ...rest, isSigned, isFixed })),
  }));
  const state = new StateDecoder(tables, [], 0);
  assert.ok(steps.length > 10);
  let told = 0;
  steps.forEach((step, n) => {
    assert.ok(state.apply(Uint8Array.from(Buffer.from(step.datagram, "hex"))), `step ${n}`);
    assert.deepEqual([state.tick, state.commandId, state.players], [step.tick, step.last_sequence, step.players], `step ${n}`);
    const wire = ({ bits, shift, isFixed, isSigned }, value) => (value * (isFixed ? 65536 : 1)) / 2 ** shift;
    const found = new Map();
    for (const table of state.tables) {
      for (const entity of table.entities.values()) {
        const values = table.fields.map((field, f) => wire(field, entity.values[f]));
        found.set(String(entity.id), { id: String(entity.id), tick: entity.tick, values });
      }
    }
    assert.deepEqual([...found.keys()].sort(), step.entities.map((e) => e.id).sort(), `step ${n}`);
    for (const entity of step.entities) assert.deepEqual(found.get(entity.id), entity, `step ${n}`);
    const events = state.events.map((e) => ({
      tick: e.tick,
      kind: e.kind,
      source: String(e.source),
      target: String(e.target),
      x: e.x * 64,
      y: e.y * 64,
      a: e.a,
      b: e.b,
    }));
    assert.deepEqual(events, step.events, `step ${n}`);
    told += events.length;
  });
  assert.ok(told > 0);
});

// The simulation in WebAssembly against the native one: battles that
// determinism_runner plays and records.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { loadSimulation, MalformedError, SimulationError } from "../dist/index.js";

const build = process.env.DRUMLINE_BUILD ?? fileURLToPath(new URL("../../../build/release", import.meta.url));
const runner = `${build}/tests/determinism/determinism_runner`;
const run = (...args) => execFileSync(runner, args, { maxBuffer: 1 << 28 });
const wasm = readFileSync(`${build}/wasm/simulation.wasm`);
const module = await loadSimulation(wasm);

/** The payloads of a recorded battle, which does not end: battle_created, then a tick each. */
function record(ticks) {
  const bytes = run("arena", `ticks=${ticks}`, "battles=1", "record=-");
  const payloads = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    payloads.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return { created: payloads[1], ticks: payloads.slice(2) };
}

const { created, ticks } = record(1200);

function played(count) {
  const simulation = module.fromParts(created);
  for (const payload of ticks.slice(0, count)) simulation.step(payload);
  return simulation;
}

test("the module imports nothing", async () => {
  assert.deepEqual(WebAssembly.Module.imports(await WebAssembly.compile(wasm)), []);
});

test("it names the native program's simulation", () => {
  assert.equal(module.id, run("simulation-id").toString().trim());
});

test("a recorded battle has the native hash at every tick", () => {
  const simulation = module.fromParts(created);
  assert.equal(simulation.tick, 0);
  let refused = 0;
  ticks.forEach((payload, i) => {
    const { tick, hash, recordedHash, accepted } = simulation.step(payload);
    assert.equal(tick, i + 1);
    assert.equal(hash, recordedHash, `tick ${tick}`);
    assert.equal(hash, simulation.hash);
    if (!accepted) refused++;
  });
  assert.ok(refused > 0 && refused < ticks.length, "the script offers good and bad inputs");
});

test("a snapshot at any tick goes on like the battle that it was taken from", () => {
  for (const at of [0, 1, 63, 200]) {
    const continued = module.fromParts(created, played(at).snapshot());
    assert.equal(continued.tick, at);
    for (const payload of ticks.slice(at)) {
      const { tick, hash, recordedHash } = continued.step(payload);
      assert.equal(hash, recordedHash, `tick ${tick}, from a snapshot at ${at}`);
    }
  }
});

test("battles of one module do not know of each other", () => {
  const one = module.fromParts(created);
  const other = played(100);
  for (const payload of ticks.slice(0, 100)) {
    one.step(payload);
    other.snapshot();
  }
  assert.equal(one.hash, other.hash);
});

test("tables are listed with fields, rows and columns", () => {
  const simulation = played(300);
  assert.deepEqual([simulation.game, simulation.maxPlayers], ["arena", 32]);
  assert.ok(simulation.map.width >= 32);
  assert.deepEqual(simulation.tables.map((table) => table.index), [...simulation.tables.keys()]);
  const player = simulation.table("player");
  assert.deepEqual(player.fields.slice(0, 2), [
    { name: "x", type: "fixed", role: "x" },
    { name: "y", type: "fixed", role: "y" },
  ]);
  const rows = simulation.rows(player);
  const seats = simulation.rows(simulation.table("seats"));
  assert.ok(rows.length > 8);
  assert.equal(rows.length, seats.length);
  for (const { slot, generation, id, values } of rows) {
    assert.equal(id, (BigInt(player.index) << 56n) | (BigInt(generation) << 32n) | BigInt(slot));
    assert.ok(values.x >= 0 && values.x <= simulation.map.width && values.y >= 0 && values.y <= simulation.map.height);
    assert.equal(typeof values.target, "bigint");
    assert.ok(values.move_x >= -32767 && values.move_x <= 32767);
  }
  assert.ok(rows.some(({ values }) => values.move_x < 0), "signed columns keep their sign");
  const { slots, values } = simulation.columns(player);
  assert.deepEqual([...slots], rows.map((row) => row.slot));
  assert.deepEqual([...values[0]].map((raw) => Number(raw) / 65536), rows.map((row) => row.values.x));
  assert.deepEqual(simulation.rows(simulation.table("pickup_return")).length, simulation.columns(simulation.table("pickup_return")).slots.length);
});

test("a step tells its events", () => {
  const simulation = module.fromParts(created);
  const told = new Map();
  for (const payload of ticks) {
    simulation.step(payload);
    for (const event of simulation.events()) {
      assert.equal(event.tick, simulation.tick);
      assert.equal(event.name, simulation.eventNames[event.kind]);
      assert.ok(event.x >= -1 && event.x <= simulation.map.width + 1);
      told.set(event.name, (told.get(event.name) ?? 0) + 1);
    }
  }
  for (const name of ["spawn", "shot", "hit", "death"]) assert.ok(told.get(name) > 0, name);
});

test("what cannot be is refused with a sentence, and changes nothing", () => {
  const refused = (bytes, snapshot, sentence) =>
    assert.throws(() => module.fromParts(bytes, snapshot), (error) => error instanceof SimulationError && sentence.test(error.message));
  const changed = (at, value) => {
    const bytes = created.slice();
    bytes[at] = value;
    return bytes;
  };
  refused(created.subarray(0, 20), undefined, /battle_created record does not parse/);
  refused(changed(0, 9), undefined, /version 9/);
  refused(changed(12, created[12] ^ 1), undefined, /another state hash/);
  refused(changed(44, "b".charCodeAt()), undefined, /the game 'arenb'/);
  const snapshot = played(10).snapshot();
  refused(created, snapshot.subarray(0, snapshot.length - 1), /snapshot/);
  snapshot[snapshot.length - 40] ^= 1;
  refused(created, snapshot, /snapshot/);

  const simulation = played(10);
  const { hash } = simulation;
  for (let size = 0; size < ticks[10].length; size++) {
    assert.throws(() => simulation.step(ticks[10].subarray(0, size)), MalformedError);
  }
  assert.deepEqual([simulation.tick, simulation.hash], [10, hash]);
  assert.equal(simulation.step(ticks[10]).hash, simulation.hash);
});

// Recordings played by simulation.wasm: battles that determinism_runner plays.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { loadSimulation, Recording, Replay, SimulationError } from "../dist/index.js";
import { Kind, record } from "./recording-writer.mjs";

const build = process.env.DRUMLINE_BUILD ?? fileURLToPath(new URL("../../../build/release", import.meta.url));
const module = await loadSimulation(readFileSync(`${build}/wasm/simulation.wasm`));
const TICKS = 300;
const EVERY = 64;

/** A recorded battle: its parts, and by tick the state hash. */
function play() {
  const played = execFileSync(`${build}/tests/determinism/determinism_runner`, ["arena", `ticks=${TICKS}`, "battles=1", "record=-"], {
    maxBuffer: 1 << 28,
  });
  const payloads = [];
  for (let at = 0; at < played.length; ) {
    const size = played.readUInt32LE(at);
    payloads.push(new Uint8Array(played.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  const [info, ...ticks] = payloads.slice(1);
  const simulation = module.fromParts(info);
  const states = new Map([[0, simulation.snapshot()]]);
  const hashes = [simulation.hash];
  for (const payload of ticks) {
    hashes.push(simulation.step(payload).hash);
    if (simulation.tick % EVERY === 0) states.set(simulation.tick, simulation.snapshot());
  }
  return { parts: { info, ticks, states, simulation: module.id }, hashes };
}

const { parts, hashes } = play();
const { bytes, offsets } = record(parts);
const replayOf = (of) => new Replay(module, new Recording(of));

test("a recording is played to its end with the recorded hash at every tick", () => {
  const replay = replayOf(bytes);
  assert.equal(replay.tick, 0);
  for (let tick = 1; replay.step(); tick++) assert.equal(replay.simulation.hash, hashes[tick]);
  assert.ok(replay.atEnd);
  assert.equal(replay.tick, TICKS);
  assert.equal(replay.mismatches.size, 0);
});

test("any tick is reached from any other, and a tick beyond is the nearest there is", () => {
  const replay = replayOf(bytes);
  for (const tick of [200, 201, 63, 64, 65, 0, 300, 299, 128, 127]) {
    replay.seek(tick);
    assert.deepEqual([replay.tick, replay.simulation.hash], [tick, hashes[tick]]);
  }
  replay.seek(10_000);
  assert.equal(replay.tick, TICKS);
  replay.seek(-5);
  assert.equal(replay.tick, 0);
  assert.equal(replay.mismatches.size, 0);
});

test("a recording of another simulation is refused with both ids", () => {
  const other = new Recording(record({ ...parts, simulation: "0011223344556677" }).bytes);
  assert.throws(() => new Replay(module, other), (error) => {
    assert.ok(error instanceof SimulationError);
    return error.message.includes("0011223344556677") && error.message.includes(module.id);
  });
});

test("a tick that was recorded with another hash is told with both", () => {
  const ticks = parts.ticks.map((payload) => payload.slice());
  ticks[99][0] ^= 1;
  const replay = replayOf(record({ ...parts, ticks }).bytes);
  while (replay.step());
  assert.deepEqual([...replay.mismatches.values()], [{ tick: 100, hash: hashes[100], recordedHash: hashes[100] ^ 1n }]);
});

test("a damaged tick stops the way, and the next kept state goes on behind it", () => {
  const damaged = bytes.slice();
  damaged[offsets.find(({ kind, tick }) => kind === Kind.tick && tick === 150).offset + 24] ^= 1;
  const replay = replayOf(damaged);
  replay.seek(160);
  assert.equal(replay.tick, 149);
  assert.match(replay.obstacle, /tick 150 is damaged/);
  assert.equal(replay.step(), false);
  replay.seek(195);
  assert.deepEqual([replay.tick, replay.simulation.hash, replay.obstacle], [195, hashes[195], ""]);
});

test("a kept state that does not hold is passed over for the one before it", () => {
  const states = new Map(parts.states);
  const broken = states.get(128).slice();
  broken[broken.length - 40] ^= 1;
  states.set(128, broken);
  const replay = replayOf(record({ ...parts, states }).bytes);
  replay.seek(140);
  assert.deepEqual([replay.tick, replay.simulation.hash], [140, hashes[140]]);
  assert.equal(replay.mismatches.size, 0);
});

test("a tick payload that does not parse stops the way", () => {
  const ticks = parts.ticks.slice();
  ticks[4] = ticks[4].slice(0, 14);
  ticks[4].fill(255, 10, 14);
  const replay = replayOf(record({ ...parts, ticks }).bytes);
  replay.seek(20);
  assert.equal(replay.tick, 4);
  assert.match(replay.obstacle, /^tick 5: /);
});

test("the map's description comes with the simulation", () => {
  const { simulation } = replayOf(bytes);
  assert.equal(Buffer.from(simulation.mapDescription()).toString("latin1", 0, 4), "DARM");
  assert.ok(simulation.rows(simulation.table("obstacle")).length > 0);
});

// Prediction of the own entity by simulation.wasm: against the native one, over a way that
// delays and loses, and in a room.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import { Action, Client, loadSimulation, SimulationError } from "../dist/index.js";
import { PretendedArena } from "../../../tests/browser/mock/arena.mjs";
import { MockServer } from "../../../tests/browser/mock/server.mjs";
import { ArenaOverLink } from "./arena-over-link.mjs";

const build = process.env.DRUMLINE_BUILD ?? fileURLToPath(new URL("../../../build/release", import.meta.url));
const module = await loadSimulation(readFileSync(`${build}/wasm/simulation.wasm`));
const calls = execFileSync(`${build}/tests/determinism/prediction_runner`, { maxBuffer: 1 << 28, encoding: "utf8" })
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const [, mapHex, mapWidth, entity, rulesHash] = calls[0];

const welcome = {
  game: "arena",
  simulationId: module.id,
  rulesHash: BigInt(rulesHash),
  entityId: BigInt(entity),
  tickMs: 16,
  mapWidth: mapWidth / 65536,
  mapDescription: new Uint8Array(Buffer.from(mapHex, "hex")),
};

test("called as the native prediction was, it shows the same to the last bit", () => {
  const prediction = module.predict(welcome);
  const make = {
    round_trip: (sample, now) => prediction.onRoundTrip(sample, now),
    frame: (tick, last, now) => prediction.onFrame(tick, last, now),
    self: (tick, last, values, now) => prediction.onSelf(tick, last, BigInt64Array.from(values, BigInt), now),
    issue: (sequence, action, skill, x, y, now, applyTick, viewTick) => {
      const command = { sequence, entityId: welcome.entityId, targetId: 0n, action, skill, x, y };
      assert.deepEqual(prediction.issue(command, now), { applyTick, viewTick });
    },
    advance: (now, x, y, othersNs, inputDelay, tick, confirmed, corrections, longest) => {
      const shown = prediction.advance(now);
      assert.deepEqual(
        [shown.x * 65536, shown.y * 65536, Math.round(shown.othersTick * 16e6), shown.inputDelayTicks, shown.tick,
          shown.confirmedTick, shown.corrections, shown.longest * 65536],
        [x, y, othersNs, inputDelay, tick, confirmed, corrections, longest],
        `at ${now} ms`,
      );
    },
  };
  const counts = {};
  for (const [name, ...args] of calls.slice(1)) {
    make[name](...args);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  assert.ok(counts.issue > 60 && counts.self > 300 && counts.advance > 2000, JSON.stringify(counts));
  const [, , , , , , , , corrections] = calls.filter(([name]) => name === "advance").at(-1);
  assert.ok(corrections > 10, "some of it was put right");
});

test("with delay and loss the own entity reacts in the same frame, and nothing ever snaps", () => {
  const battle = new ArenaOverLink(build, module, { wayMs: 80, jitterMs: 40, lost: 0.1, seed: 5 });
  const prediction = module.predict({ ...welcome, ...battle.welcome });
  const place = (shown) => [shown.x, shown.y];
  const way = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  let sequence = 0;
  const give = (x, y, now) => {
    const command = { sequence: ++sequence, entityId: battle.welcome.entityId, targetId: 0n, action: Action.move, skill: 0, x, y };
    battle.send({ ...command, ...prediction.issue(command, now) }, now);
  };
  let before = null;
  let within1Ms = 0;
  let [pressedAt, still] = [0, null];
  const directions = [[23_000, 0], [0, 23_000], [-23_000, 0], [0, -23_000]];
  const presses = 40;
  let pressed = 0;
  for (let now = 1; pressed < presses || now % 600 !== 0; now++) {
    assert.ok(now < 60_000);
    battle.pass(now, prediction);
    const shown = prediction.advance(now);
    if (!shown) continue;
    if (before) assert.ok(way(place(shown), before) < 0.25, `a snap of ${way(place(shown), before)} at ${now} ms`);
    before = place(shown);
    // Where the clock was just put right, the own entity waits for a part of a tick.
    if (pressedAt > 0 && now === pressedAt + 16) {
      assert.ok(way(before, still) > 1e-4, `pressed at ${pressedAt} ms, and stands still`);
      pressedAt = 0;
    }
    if (now > 2000 && now % 600 === 300) give(0, 0, now); // stands still by now % 600 === 0
    if (now > 2000 && now % 600 === 0) {
      give(...directions[pressed++ % 4], now);
      // Whatever is drawn next, nothing came of the server meanwhile.
      if (way(place(prediction.advance(now + 0.9)), before) > 1e-4) within1Ms++;
      [pressedAt, still] = [now, before];
    }
  }
  assert.ok(within1Ms >= presses * 0.9, `${within1Ms} of ${presses} showed within a millisecond`);
  const { corrections, teleports, longest } = prediction.advance(1e6);
  assert.equal(teleports, 0);
  assert.ok(longest < 1.5, `${corrections} corrections, the longest ${longest}`);
  assert.ok(battle.compared > 500 && battle.worst < 1.5, `${battle.compared} states, at worst ${battle.worst}`);
});

test("what cannot be predicted is refused with the reason", () => {
  const refused = (changes, sentence) =>
    assert.throws(() => module.predict({ ...welcome, ...changes }), (error) => error instanceof SimulationError && sentence.test(error.message));
  refused({ simulationId: "0011223344556677" }, new RegExp(`0011223344556677.*${module.id}`));
  refused({ rulesHash: 1n }, /other rules/);
  refused({ game: "duel" }, /'duel' does not say how its entities move/);
  refused({ mapDescription: new Uint8Array(7) }, /./);
  const prediction = module.predict(welcome);
  prediction.onFrame(1, 0, 1);
  assert.throws(() => prediction.onSelf(1, 0, new BigInt64Array(2), 1), /fewer fields/);
});

const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function enter(options) {
  const mock = await new MockServer({ arena: new PretendedArena(0), ...options }).listen();
  ends.push(() => mock.kill());
  const client = new Client(`ws://127.0.0.1:${mock.socketPort}/`, { token: "secret", webSocket: WebSocket });
  const room = await client.joinOrCreate("arena", { name: "Ada" });
  ends.push(() => room.leave());
  return { mock, room };
}

async function until(what, condition) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a room predicts: its commands show before the server has heard of them, and carry their ticks", async () => {
  const { mock, room } = await enter({ simulationId: module.id, rulesHash: BigInt(rulesHash) });
  room.predict(module);
  assert.equal(room.predictionFailure, "");
  await until("the own entity, and others to look at", () => room.shown()?.othersTick >= 2);
  // Until the round trip is known the input delay is a guess, and a long one: once it is known,
  // the own entity waits for the clock to come up with where it was predicted.
  await until("the round trip", () => room.roundTripMs >= 0);
  const guessed = room.shown().tick;
  await until("a tick predicted by it", () => room.shown().tick > guessed);
  const at = room.shown();
  const [dx, dy] = [at.x < mock.arena.size / 2 ? 1 : -1, 0];
  assert.ok(room.send("move", { x: dx, y: dy }));
  // No message of the server can come in before this: it is the same turn of the event loop.
  const next = room.shown(performance.now() + 10);
  assert.ok((next.x - at.x) * dx > 0.02, `from ${at.x} to ${next.x}`);
  const command = await until("the command", () => mock.commands[0]);
  assert.ok(command.applyTick() > mock.arena.tick - 50 && command.viewTick() > 0 && command.viewTick() < command.applyTick());
  await until("the server's word", () => room.commandMs > 0);
});

test("a room whose server runs another simulation goes on without, and says why", async () => {
  const { room } = await enter({});
  room.predict(module);
  assert.match(room.predictionFailure, new RegExp(module.id));
  assert.equal(room.shown(), null);
  const own = await until("the own entity", () => room.state.find(room.entityId));
  assert.ok(room.send("move", { x: 1, y: 0 }));
  await until("movement as ever", () => own.tick > 0 && room.state.commandId === 1);
});

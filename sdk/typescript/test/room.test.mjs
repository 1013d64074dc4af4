// The client against a pretended server, over real WebSockets.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, CloseCode, fitName, NO_PLAYER } from "../dist/index.js";
import { PretendedArena } from "../../../tests/browser/mock/arena.mjs";
import { MockServer } from "../../../tests/browser/mock/server.mjs";

const cleanup = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

async function server(arena = new PretendedArena(12), port = 0) {
  const mock = await new MockServer({ arena }).listen(0, port);
  cleanup.push(() => mock.kill());
  return mock;
}

const clientOf = (mock, options = {}) =>
  new Client(`ws://127.0.0.1:${mock.socketPort}/`, { token: "secret", webSocket: WebSocket, reconnect: { firstDelayMs: 30, maxDelayMs: 120 }, ...options });

async function until(what, condition, timeoutMs = 8000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`${what} did not come within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function enter(mock, options) {
  const room = await clientOf(mock).joinOrCreate("arena", options);
  cleanup.push(() => room.leave());
  return room;
}

test("a spectator is told the map, the roster, the scores and the state", async () => {
  const mock = await server();
  const room = await enter(mock, { seat: "spectator" });
  assert.ok(room.isSpectator);
  assert.equal(room.welcome.mapWidth, mock.arena.size);
  assert.deepEqual(room.welcome.schema.map((table) => table.name), ["player", "pickup"]);
  await until("the roster", () => room.roster.size === 12);
  await until("the state", () => room.state.table("player").entities.size === 12);
  await until("the scores", () => room.scoreboard?.entries.length === 12);
  await until("a pong", () => room.roundTripMs >= 0, 6000);
  assert.equal(room.send("move", { x: 1 }), false, "a spectator has nothing to command");
});

test("a player's commands move his entity and are acknowledged", async () => {
  const mock = await server(new PretendedArena(0));
  const room = await enter(mock, { name: "Ada" });
  const own = await until("the own entity", () => room.state.find(room.entityId));
  assert.equal(room.roster.get(room.player)?.name ?? (await until("the name", () => room.roster.get(room.player)?.name)), "Ada");
  const x = own.values[0];
  assert.ok(room.send("move", { x: mock.arena.size / 2 > x ? 1 : -1, y: 0 }));
  await until("movement", () => Math.abs(own.values[0] - x) > 1);
  await until("the acknowledgement", () => room.state.commandId === 1);
});

test("a lost connection is made good in the same seat, at the same battle", async () => {
  const first = await server(new PretendedArena(4));
  const room = await enter(first, { name: "Bo" });
  const { player } = room;
  await until("the state", () => room.state.tick > 0);
  const dropped = new Promise((resolve) => room.onDrop(resolve));
  const returned = new Promise((resolve) => room.onReconnect(resolve));
  const port = first.socketPort;
  await first.kill();
  cleanup.splice(0, 1);
  await dropped;
  assert.equal(room.connection, "reconnecting");
  await new Promise((resolve) => setTimeout(resolve, 200));
  await server(first.arena, port);
  assert.equal(await returned, true, "resumed");
  assert.equal(room.player, player);
  assert.equal(room.reconnects, 1);
  const tick = room.state.tick;
  await until("new states", () => room.state.tick > tick);
  assert.ok(room.send("turn", { x: 0, y: 1 }));
});

test("a room can be taken up again with its token", async () => {
  const mock = await server(new PretendedArena(2));
  const room = await enter(mock, { name: "Cy" });
  const again = await clientOf(mock).reconnect(room.reconnectToken, { name: "Cy" });
  cleanup.push(() => again.leave());
  assert.equal(again.player, room.player);
  assert.ok(again.welcome.resumed);
});

test("a spectator who follows a player is sent that player's part of the map, at every tick", async () => {
  const mock = await server(new PretendedArena(300));
  const whole = await enter(mock, { seat: "spectator" });
  const room = await enter(mock, { seat: "spectator", follow: 7, battle: 1n });
  assert.equal(mock.hellos.at(-1).follow, 7);
  assert.deepEqual([room.followed, room.isSpectator, whole.followed], [7, true, NO_PLAYER]);
  const known = (one) => one.state.table("player").entities;
  await until("everybody", () => known(whole).size === 300);
  await until("his part", () => room.state.stats.frames > 30);
  assert.ok([...known(room).values()].some(({ slot }) => slot === 7), "him");
  assert.ok(known(room).size > 10 && known(room).size < 250, `${known(room).size} known`);
  const { stats } = room.state;
  assert.ok(stats.streams > stats.frames && stats.streams <= stats.chunks - stats.keys, "a key frame is no stream of its own");
  await room.join({ battle: 1n, follow: 8 });
  assert.equal(mock.hellos.at(-1).follow, 8);
  mock.endBattle();
  await until("the next battle", () => mock.hellos.at(-1).battle === 0n);
  assert.deepEqual([mock.hellos.at(-1).follow, room.followed], [NO_PLAYER, NO_PLAYER], "in another battle the seat is another's");
});

test("leaving ends the room and frees the seat", async () => {
  const mock = await server(new PretendedArena(0));
  const room = await enter(mock, { name: "Di" });
  const left = new Promise((resolve) => room.onLeave((code) => resolve(code)));
  room.leave();
  assert.equal(await left, CloseCode.none);
  assert.equal(room.send("move", { x: 1 }), false);
  await until("the free seat", () => mock.arena.players.filter(Boolean).length === 0);
});

test("joining where nobody answers is an error at once", async () => {
  const mock = await server();
  const client = clientOf(mock);
  await mock.kill();
  cleanup.splice(0, 1);
  await assert.rejects(client.joinOrCreate("arena"), /not reachable/);
});

test("without a token the reason reaches the caller", async () => {
  const mock = await server();
  await assert.rejects(clientOf(mock, { token: undefined }).joinOrCreate("arena"), /unauthenticated/);
});

test("events are told by their names", async () => {
  const mock = await server(new PretendedArena(0));
  const room = await enter(mock, { name: "Ed" });
  const shots = [];
  room.onMessage("event:shot", (event) => shots.push(event));
  await until("the own entity", () => room.state.find(room.entityId));
  room.send("attack", { x: 1, y: 0 });
  const shot = await until("the shot", () => shots[0]);
  assert.equal(shot.source, room.entityId);
  assert.equal(shot.b, 22 * 32);
});

test("when its battle is over a room goes on to the next one on the same connection", async () => {
  const mock = await server(new PretendedArena(3));
  const room = await enter(mock, { name: "Fay" });
  const overs = [];
  const trouble = [];
  room.onBattleOver((over) => overs.push(over));
  room.onDrop((reason) => trouble.push(reason));
  room.onReconnect(() => trouble.push("reconnected"));
  assert.ok(room.send("move", { x: 1 }));
  for (let visit = 1; visit <= 3; visit++) {
    mock.endBattle();
    await until("the next battle", () => room.welcome.visit === visit && room.connection === "connected");
    assert.equal(room.welcome.battle, BigInt(visit + 1));
    const own = await until("the own entity", () => room.state.find(room.entityId));
    const x = own.values[0];
    assert.ok(room.send("move", { x: mock.arena.size / 2 > x ? 1 : -1, y: 0 }));
    await until("movement", () => Math.abs(own.values[0] - x) > 1);
  }
  assert.deepEqual(overs.map((over) => [over.cause, over.visit]), [["finished", 0], ["finished", 1], ["finished", 2]]);
  assert.deepEqual(trouble, []);
  assert.equal(mock.sessions.size, 1);
});

test("a state frame of the battle before is passed over", async () => {
  const mock = await server(new PretendedArena(3));
  const room = await enter(mock, { seat: "spectator" });
  mock.endBattle();
  await until("the next battle", () => room.welcome.visit === 1 && room.connection === "connected");
  const [session] = mock.sessions;
  session.visit = 0; // what it sends from here on looks late
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { tick } = room.state;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(room.state.tick, tick);
  session.visit = 1;
  await until("the state", () => room.state.tick > tick);
});

test("a room leaves for a battle that it names, is refused, and asks again", async () => {
  const mock = await server(new PretendedArena(0));
  const room = await enter(mock, { name: "Gil" });
  await room.join({ battle: 7n });
  assert.equal(mock.hellos.at(-1).battle, 7n);
  assert.equal(room.welcome.visit, 1);
  mock.refuses = "battle 9 does not run here";
  await assert.rejects(room.join({ battle: 9n }), /battle 9 does not run here/);
  assert.equal(room.connection, "between");
  assert.equal(room.send("move", { x: 1 }), false);
  mock.refuses = null;
  await room.join();
  assert.equal(room.connection, "connected");
  room.leaveBattle();
  assert.equal(room.connection, "between");
  await room.join({ seat: "spectator" });
  assert.ok(room.isSpectator);
  assert.equal(mock.sessions.size, 1);
});

test("a room that is full of patience says Hello again when the next battle has no seat", async () => {
  const mock = await server(new PretendedArena(0));
  const room = await enter(mock, { name: "Hal" });
  mock.refuses = "every seat is taken";
  mock.endBattle();
  await until("three refusals", () => mock.hellos.length >= 4);
  mock.refuses = null;
  await until("a seat", () => room.connection === "connected");
  assert.equal(mock.sessions.size, 1);
});

test("a name is cut to 23 bytes, never inside a character", () => {
  assert.equal(fitName("  Ada "), "Ada");
  assert.equal(fitName("a".repeat(40)).length, 23);
  assert.equal(fitName("雪".repeat(9)), "雪".repeat(7));
});

test("a room's time follows the pace, and is the clock's again after the next welcome", async () => {
  const mock = await server();
  const room = await enter(mock, { seat: "spectator" });
  assert.equal(room.time.pacePercent, 100);
  mock.setPace(250);
  await until("the pace", () => room.time.pacePercent === 250);
  const [clock, battle] = [performance.now(), room.time.at(performance.now())];
  assert.ok(Math.abs(room.time.at(clock + 1000) - battle - 400) < 1, "a second of the clock is 400 ms of the battle");
  assert.equal(room.time.span(50), 20);
  mock.sessions.forEach((session) => session.socket.terminate());
  await until("the room is back", () => room.reconnects === 1);
  assert.equal(room.time.pacePercent, 100);
});

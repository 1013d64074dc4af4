// A pretended server: the console page, its HTTP answers and the WebSocket
// protocol over a pretended arena. For tests of the page and for working on it:
//   node tests/browser/mock/server.mjs [HTTP port] [WebSocket port] [bots]
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { encodeFrame, FrameReader } from "../../../sdk/typescript/dist/index.js";
import * as wire from "../../../sdk/typescript/dist/wire.js";
import { EVENT_NAMES, idOf, PretendedArena, PretendedCrowd, SCHEMA } from "./arena.mjs";
import { chunk, deltaBody, header, keyBody } from "./state-encoder.mjs";

/** Where the page is built by default: node apps/console/build.mjs. */
const page = fileURLToPath(new URL("../../../apps/console/dist/", import.meta.url));
const types = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
/** Players that a cell holds on average, and at least so many cells along a side. */
const CELL_PLAYERS = 24;
const MIN_CELLS = 8;
/** A spectator is sent at most so many cells in a frame, and the others in the next. */
const SPECTATOR_CELLS = 96;
/** Whoever is followed is sent cells up to these distances, in cells, at every tick, every 2nd, 4th, 8th. */
const TIER_REACH = [1.5, 3, 4.25, 5.25];
const KEY_TICKS = 96;
const PERIOD_TICKS = 3; // of spectators
const RESEND_TICKS = 12; // of a key frame that is not acknowledged
const ROSTER_ENTRIES = 1000; // of a message
const SCORES = 100;

const fixed = (value) => BigInt(Math.round(value * 65536));

export class MockServer {
  /** `simulationId`, `rulesHash`: what it claims to run. */
  constructor({ bots = 200, arena = new PretendedArena(bots), simulationId = "pretended", rulesHash = 0n } = {}) {
    this.arena = arena;
    this.side = Math.max(MIN_CELLS, Math.round(Math.sqrt(arena.players.length / CELL_PLAYERS)));
    this.overload = undefined; // what /stats.json says of it
    Object.assign(this, { simulationId, rulesHash });
    this.commands = [];
    this.sessions = new Set();
    this.streams = new Map();
    this.recent = new Map(); // events by cell
    this.framesSent = 0;
    this.seats = new Map(); // reconnect token -> player
    this.battle = 1;
    this.refuses = null; // the next Hellos, with this reason
  }

  async listen(httpPort = 0, socketPort = 0) {
    this.http = createServer((request, response) => this.onRequest(request, response));
    await new Promise((resolve) => this.http.listen(httpPort, "127.0.0.1", resolve));
    this.sockets = new WebSocketServer({ host: "127.0.0.1", port: socketPort, handleProtocols: () => "drumline.v1" });
    await new Promise((resolve) => this.sockets.once("listening", resolve));
    this.sockets.on("connection", (socket, request) => this.onSocket(socket, request));
    this.started = performance.now();
    this.firstTick = this.arena.tick;
    this.timer = setInterval(() => this.advance(), 4);
    this.slow = setInterval(() => this.everySecond(), 1000);
    return this;
  }

  get httpPort() {
    return this.http.address().port;
  }
  get socketPort() {
    return this.sockets.address().port;
  }
  get url() {
    return `http://127.0.0.1:${this.httpPort}/`;
  }

  /** As kill -9 does: connections break, ports close; the arena can be handed on. */
  async kill() {
    clearInterval(this.timer);
    clearInterval(this.slow);
    for (const { socket } of this.sessions) socket.terminate();
    this.sockets.close();
    this.http.closeAllConnections?.();
    await new Promise((resolve) => this.http.close(resolve));
  }

  async onRequest(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const json = (value) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (pathname === "/console.json") {
      return json({ websocket_port: this.socketPort, websocket_path: "/", token_url: "/token", game: "arena", version: "mock" });
    }
    if (pathname === "/token") return json({ token: "mock", expires_at: Math.floor(Date.now() / 1000) + 600 });
    if (pathname === "/stats.json") return json(this.stats());
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    try {
      const content = await readFile(page + name.replace(/[^a-z.]/g, ""));
      response.writeHead(200, { "content-type": types[name.split(".").pop()] ?? "application/octet-stream" });
      response.end(content);
    } catch {
      response.writeHead(404).end("not found");
    }
  }

  stats() {
    const noise = (base, spread) => Math.round(base + this.arena.random() * spread);
    const frames = this.framesSent;
    this.framesSent = 0;
    return {
      tick: this.arena.tick,
      players: this.arena.players.filter(Boolean).length,
      lateness_us: { p50: noise(30, 10), p99: noise(140, 90), p999: noise(400, 200) },
      client_frames_per_s: frames + noise(18600, 250),
      skipped_ticks: 0,
      journal_commit_us: { p50: noise(120, 20), p99: noise(280, 90) },
      sessions: this.sessions.size,
      memory_bytes: 96 * 2 ** 20,
      overload: this.overload,
    };
  }

  onSocket(socket, request) {
    if (!new URL(request.url, "ws://x").searchParams.get("token")) return socket.close(4007, "unauthenticated: no token");
    const session = { socket, player: null, held: new Map(), sent: new Map(), commandId: 0, reader: new FrameReader(), welcomed: false, visit: 0, keeps: false, follow: -1, turn: 0 };
    this.sessions.add(session);
    socket.on("message", (data) => {
      try {
        session.reader.feed(new Uint8Array(data), (payload) => this.onFrame(session, payload));
      } catch (error) {
        socket.close(4002, `bad_frame: ${error.message}`);
      }
    });
    socket.on("close", () => this.sessions.delete(session));
  }

  onFrame(session, payload) {
    const buffer = new wire.flatbuffers.ByteBuffer(payload.slice());
    if (wire.ClientMessage.bufferHasIdentifier(buffer)) {
      const message = wire.ClientMessage.getRootAsClientMessage(buffer);
      if (message.bodyType() === wire.ClientBody.Hello) this.onHello(session, message.body(new wire.Hello()));
      if (message.bodyType() === wire.ClientBody.Ping) {
        const nonce = message.body(new wire.Ping()).nonce();
        this.send(session, wire.ServerBody.Pong, (b) => wire.Pong.createPong(b, nonce, BigInt(this.arena.tick)));
      }
      if (message.bodyType() === wire.ClientBody.Leave && session.player) {
        delete this.arena.players[session.player.slot];
        this.sendRoster([{ player: session.player.slot, entityId: 0n, name: "" }]);
        session.player = null;
      }
      return;
    }
    const command = wire.CombatCommand.getRootAsCombatCommand(buffer);
    if (command.visit() !== session.visit) return;
    for (const ack of command.keyAcksArray() ?? []) session.held.set(Math.floor(ack / 256), ack % 256);
    if (!session.player || command.action() === 4 || command.cmdId() <= session.player.command) return;
    session.player.command = command.cmdId();
    this.commands = [...this.commands.slice(-63), command];
    const target = command.targetId() ? this.arena.players[Number(command.targetId() & 0xffffffffn)] : undefined;
    const [action, skill, x, y] = [command.action(), command.skill(), command.x(), command.y()];
    const { player } = session;
    this.arena.order(() => this.arena.command(player, { action, skill, x, y, target }));
  }

  /** Says that ticks take `percent` of their time from here on, and lets them. */
  setPace(percent) {
    for (const session of this.sessions) {
      if (session.welcomed)
        this.send(session, wire.ServerBody.Pace, (b) => wire.Pace.createPace(b, BigInt(this.arena.tick), percent));
    }
  }

  /** The battle ends; the next one is of the same arena. */
  endBattle() {
    for (const session of this.sessions) {
      if (!session.welcomed || !session.keeps) continue;
      this.send(session, wire.ServerBody.BattleOver, (b) => {
        const reason = b.createString("the battle is over");
        return wire.BattleOver.createBattleOver(b, BigInt(this.battle), session.visit, 0, reason);
      });
      if (session.player) delete this.arena.players[session.player.slot];
      session.player = null;
      session.welcomed = false;
      session.over = true;
    }
    this.battle++;
  }

  onHello(session, hello) {
    this.hellos = [...(this.hellos ?? []), { battle: hello.battle(), keeps: hello.keepsSession(), follow: hello.follow() }];
    if (this.refuses) {
      const reason = this.refuses;
      this.send(session, wire.ServerBody.Refused, (b) => wire.Refused.createRefused(b, 10, b.createString(reason), 0, 0));
      return;
    }
    if (session.welcomed) {
      session.over = true;
      if (session.player) delete this.arena.players[session.player.slot];
    }
    const token = Buffer.from(hello.reconnectTokenArray() ?? []).toString();
    let player = null;
    const known = [...this.arena.players].find((other) => other && token === `seat ${other.slot} ${other.name}`);
    if (hello.seat() === wire.SeatKind.player) player = known ?? this.arena.join(hello.name());
    if (session.over) session.visit = (session.visit + 1) % 16;
    session.over = false;
    session.held.clear();
    session.sent.clear();
    session.keeps = hello.keepsSession();
    session.player = player;
    session.follow = hello.follow() === 0xffffffff ? -1 : hello.follow();
    session.focus = undefined; // where the followed player was last
    session.welcomed = true;
    const { arena } = this;
    const seatToken = player ? `seat ${player.slot} ${player.name}` : "spectator";
    this.send(session, wire.ServerBody.Welcome, (b) => {
      const schema = wire.Welcome.createSchemaVector(
        b,
        SCHEMA.map((table) => {
          const fields = table.fields.map((field) => {
            const name = b.createString(field.name);
            return wire.WireFieldSchema.createWireFieldSchema(b, name, field.bits, field.shift, field.isSigned, field.isFixed, field.role);
          });
          const vector = wire.TableSchema.createFieldsVector(b, fields);
          return wire.TableSchema.createTableSchema(b, table.index, b.createString(table.name), vector);
        }),
      );
      const names = wire.Welcome.createEventNamesVector(b, EVENT_NAMES.map((name) => b.createString(name)));
      const game = b.createString("arena");
      const build = b.createString("mock");
      const simulation = b.createString(this.simulationId);
      const map = wire.Welcome.createMapDescriptionVector(b, arena.description());
      const reconnect = wire.Welcome.createReconnectTokenVector(b, Buffer.from(seatToken));
      const W = wire.Welcome;
      W.startWelcome(b);
      W.addProtocol(b, 1);
      W.addSession(b, 1n);
      W.addBattle(b, BigInt(this.battle));
      W.addPlayer(b, player ? player.slot : 0xffffffff);
      W.addEntityId(b, player ? idOf(0, player) : 0n);
      W.addTick(b, BigInt(arena.tick));
      W.addTickNs(b, 16_000_000n);
      W.addResumed(b, known !== undefined);
      W.addGame(b, game);
      W.addBuildId(b, build);
      W.addSimulationId(b, simulation);
      W.addRulesHash(b, this.rulesHash);
      W.addMapWidth(b, fixed(arena.size));
      W.addMapHeight(b, fixed(arena.size));
      W.addMapDescription(b, map);
      W.addSchema(b, schema);
      W.addEventNames(b, names);
      W.addReconnectToken(b, reconnect);
      W.addVisit(b, session.visit);
      return W.endWelcome(b);
    });
    const entries = arena.players.filter(Boolean).map((p) => ({ player: p.slot, entityId: idOf(0, p), name: p.name }));
    this.sendRoster(entries.splice(0, ROSTER_ENTRIES), session);
    while (entries.length > 0) this.sendRoster(entries.splice(0, ROSTER_ENTRIES), session, false);
    if (player) this.sendRoster([{ player: player.slot, entityId: idOf(0, player), name: player.name }]);
    this.sendScores([session]);
  }

  send(session, type, build) {
    const builder = new wire.flatbuffers.Builder(1024);
    const body = build(builder);
    wire.ServerMessage.finishServerMessageBuffer(builder, wire.ServerMessage.createServerMessage(builder, type, body));
    session.socket.send(encodeFrame(builder.asUint8Array()));
  }

  sendRoster(entries, only, complete = only !== undefined) {
    for (const session of only ? [only] : this.sessions) {
      if (!session.welcomed) continue;
      this.send(session, wire.ServerBody.Roster, (b) => {
        const offsets = entries.map(({ player, entityId, name }) =>
          wire.RosterEntry.createRosterEntry(b, player, entityId, b.createString(name)),
        );
        return wire.Roster.createRoster(b, complete, wire.Roster.createEntriesVector(b, offsets));
      });
    }
  }

  sendScores(sessions) {
    const best = this.arena.players.filter(Boolean).sort((a, b) => b.score - a.score).slice(0, SCORES);
    for (const session of sessions) {
      if (!session.welcomed) continue;
      this.send(session, wire.ServerBody.Scoreboard, (b) => {
        const offsets = best.map((p) => wire.ScoreEntry.createScoreEntry(b, p.slot, BigInt(p.score)));
        return wire.Scoreboard.createScoreboard(b, BigInt(this.arena.tick), wire.Scoreboard.createEntriesVector(b, offsets));
      });
    }
  }

  everySecond() {
    this.sendScores(this.sessions);
  }

  advance() {
    const due = this.firstTick + Math.floor((performance.now() - this.started) / 16);
    for (let n = 0; this.arena.tick < due && n < 4; n++) this.step();
  }

  step() {
    const { arena, side } = this;
    arena.step();
    const cellOf = (x, y) => this.columnOf(y) * side + this.columnOf(x);
    for (const event of arena.events) {
      const number = cellOf(event.x, event.y);
      this.recent.set(number, [...(this.recent.get(number) ?? []), event]);
    }
    const wanted = new Map([...this.sessions].map((session) => [session, this.cellsFor(session)]));
    const asked = new Set([...wanted.values()].flat());
    if (asked.size === 0) return;
    const cells = new Map();
    arena.entities((x, y) => asked.has(cellOf(x, y))).forEach((list, table) => {
      for (const entity of list) {
        const number = cellOf(entity.values[0] / 32, entity.values[1] / 32);
        if (!cells.has(number)) cells.set(number, []);
        const tables = cells.get(number);
        (tables[table] ??= []).push(entity);
      }
    });
    for (const number of asked) this.encode(number, cells.get(number) ?? []);
    for (const [session, numbers] of wanted) this.sendState(session, numbers);
  }

  /** A cell's delta of this tick, against a key frame that is new now and then. */
  encode(number, tables) {
    const { arena, streams } = this;
    let stream = streams.get(number);
    if (!stream || arena.tick - stream.tick > KEY_TICKS + (number % 13)) {
      const entities = tables.map((list) => list.map((entity) => ({ ...entity, values: [...entity.values] })));
      stream = { number: stream ? (stream.number + 1) & 0xff : 0, tick: arena.tick, entities, body: keyBody(SCHEMA, entities) };
      streams.set(number, stream);
    }
    const recent = (this.recent.get(number) ?? []).filter((event) => arena.tick - event.tick < 4);
    this.recent.set(number, recent);
    const told = recent.map((event) => ({ ...event, age: arena.tick - event.tick }));
    stream.delta = deltaBody(SCHEMA, stream.entities, tables, told);
  }

  columnOf(value) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((value / this.arena.size) * this.side)));
  }

  /** What a session is sent of this tick. */
  cellsFor(session) {
    const { arena, side } = this;
    if (!session.welcomed) return [];
    if (session.follow >= 0) return this.cellsAround(session);
    if (!session.player && arena.tick % PERIOD_TICKS !== 0) return [];
    const count = Math.min(side * side, SPECTATOR_CELLS);
    const first = session.turn;
    session.turn = (first + count) % (side * side);
    return Array.from({ length: count }, (_, i) => (first + i) % (side * side));
  }

  /** As ClientView does it, without a budget. */
  cellsAround(session) {
    const { arena, side } = this;
    session.focus = arena.players[session.follow] ?? session.focus ?? { x: arena.size / 2, y: arena.size / 2 };
    const [column, row] = [this.columnOf(session.focus.x), this.columnOf(session.focus.y)];
    const cells = [];
    for (let number = 0; number < side * side; number++) {
      const distance = Math.hypot((number % side) - column, Math.floor(number / side) - row);
      const tier = TIER_REACH.findIndex((reach) => distance <= reach);
      if (tier >= 0 && (arena.tick + number) % (1 << tier) === 0) cells.push(number);
    }
    return cells;
  }

  sendState(session, numbers) {
    const { arena, streams } = this;
    if (numbers.length === 0) return;
    const bytes = header(arena.tick, session.player?.command ?? 0, arena.players.filter(Boolean).length);
    for (const number of numbers) {
      const stream = streams.get(number);
      const due = session.sent.get(number);
      const isNew = due?.key !== stream.number;
      if (session.held.get(number) !== stream.number && (isNew || arena.tick >= due.tick)) {
        session.sent.set(number, { key: stream.number, tick: arena.tick + RESEND_TICKS });
        bytes.push(...chunk(number, stream.number, stream.body, arena.tick - stream.tick));
      }
      bytes.push(...chunk(number, stream.number, stream.delta));
    }
    bytes[1] |= session.visit << 4;
    session.socket.send(Uint8Array.from(bytes));
    this.framesSent++;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.argv.splice(2, 0, page);
  await import("../../../apps/console/build.mjs");
  const [httpPort = 8080, socketPort = 0, bots = 300] = process.argv.slice(3).map(Number);
  const arena = new (bots > 1000 ? PretendedCrowd : PretendedArena)(bots);
  const server = await new MockServer({ arena }).listen(httpPort, socketPort);
  console.log(`pretended arena with ${bots} bots: ${server.url}`);
}

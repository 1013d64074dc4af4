// The FlatBuffers messages (src/wire/schemas) as plain objects. What comes from
// the server is read defensively: a buffer that makes no sense throws.
import * as flatbuffers from "flatbuffers";
import {
  ClientBody,
  ClientMessage,
  Desync,
  Hello,
  Leave,
  Ping,
  SeatKind,
  StatePart,
} from "../generated/client_message_generated";
import { CombatCommand } from "../generated/combat_command_generated";
import {
  BattleOver,
  Goodbye,
  Pace,
  Pong,
  Refused,
  Roster,
  Scoreboard,
  ServerBody,
  ServerMessage,
  SnapshotPart,
  Ticks,
  Welcome,
} from "../generated/server_message_generated";

export const PROTOCOL_VERSION = 1;
/** Welcome.player of a spectator. */
export const NO_PLAYER = 0xffffffff;

export enum Action {
  attack = 0,
  move = 1,
  skill = 2,
  turn = 3,
  none = 4,
}

export type Seat = "player" | "spectator";

/** How a session is kept in step (docs/sync-models.md). */
export enum SyncModel {
  stateBroadcast = 0,
  frameSync = 1,
  lockstep = 2,
}

export interface HelloFields {
  game: string;
  battle: bigint;
  name: string;
  seat: Seat;
  reconnectToken?: Uint8Array;
  /** Another model than the battle's, for spectators. */
  model?: SyncModel;
  /** Of the simulation that the client runs itself. */
  simulationId?: string;
  /** The session outlives its battle: a BattleOver comes instead of its end. */
  keepsSession?: boolean;
  /** Of a spectator: the seat whose state frames he wants; none: the whole map. */
  follow?: number;
}

/** In lockstep: the own state after `tick` is another than the server's. */
export interface DesyncFields {
  type: "desync";
  tick: bigint;
  hash: bigint;
  expected: bigint;
}

/** A piece of that state. */
export interface StatePartFields {
  type: "state_part";
  tick: bigint;
  totalBytes: number;
  offset: number;
  bytes: Uint8Array;
}

/** What a client in lockstep has stepped last. */
export interface SyncAck {
  tick: number;
  hash: bigint;
}

export interface CommandFields {
  sequence: number;
  entityId: bigint;
  targetId: bigint;
  action: Action;
  timestampMs: number;
  skill: number;
  x: number;
  y: number;
  keyAcks: number[];
  /** In which tick it wants to be applied; 0: as soon as may be. */
  applyTick: number;
  /** The tick that the sender was shown; 0: unknown. */
  viewTick: number;
  sync?: SyncAck;
  /** The Welcome's. */
  visit?: number;
}

export interface FieldSchema {
  name: string;
  bits: number;
  shift: number;
  isSigned: boolean;
  isFixed: boolean;
  /** 0 none, 1 position x, 2 position y */
  role: number;
}

export interface TableSchema {
  index: number;
  name: string;
  fields: FieldSchema[];
}

export interface WelcomeMessage {
  type: "welcome";
  session: bigint;
  battle: bigint;
  player: number;
  entityId: bigint;
  tick: number;
  tickMs: number;
  resumed: boolean;
  game: string;
  buildId: string;
  /** In map units. */
  mapWidth: number;
  mapHeight: number;
  /** The game's own format, e.g. docs/formats/arena-map.md. */
  mapDescription: Uint8Array;
  schema: TableSchema[];
  eventNames: string[];
  reconnectToken: Uint8Array;
  /** Of the simulation that the server runs. */
  simulationId: string;
  rulesHash: bigint;
  model: SyncModel;
  /** Battles of this session before it, modulo 16: what its state frames say. */
  visit: number;
}
export interface RefusedMessage {
  type: "refused";
  code: number;
  reason: string;
  /** 0: the Hello was refused. */
  commandId: number;
}
export interface RosterEntry {
  player: number;
  /** 0: the player left. */
  entityId: bigint;
  name: string;
}
export interface RosterMessage {
  type: "roster";
  /** Everybody is in it; otherwise it holds changes. */
  complete: boolean;
  entries: RosterEntry[];
}
export interface ScoreboardMessage {
  type: "scoreboard";
  tick: number;
  /** Best first. */
  entries: Array<{ player: number; score: number }>;
}
export interface PongMessage {
  type: "pong";
  nonce: bigint;
  tick: number;
}
export interface GoodbyeMessage {
  type: "goodbye";
  code: number;
  reason: string;
  retryAfterMs: number;
}
/** Lockstep: a piece of the battle's state after `tick`. */
export interface SnapshotPartMessage {
  type: "snapshot_part";
  tick: number;
  stateHash: bigint;
  infoBytes: number;
  totalBytes: number;
  offset: number;
  bytes: Uint8Array;
}
/** Lockstep: ticks that are too large for a datagram. */
export interface TicksMessage {
  type: "ticks";
  firstTick: number;
  bytes: Uint8Array;
}
/** The session's battle is over; the session goes on. */
export interface BattleOverMessage {
  type: "battle_over";
  battle: bigint;
  visit: number;
  /** It came to its end; whoever runs the server ended it; its rules failed. */
  cause: "finished" | "ended" | "failed";
  reason: string;
}
/** From `tick` on ticks take `percent` of the Welcome's tickNs. */
export interface PaceMessage {
  type: "pace";
  tick: number;
  percent: number;
}
export type ServerMessageFields =
  | WelcomeMessage
  | RefusedMessage
  | RosterMessage
  | ScoreboardMessage
  | PongMessage
  | GoodbyeMessage
  | SnapshotPartMessage
  | TicksMessage
  | BattleOverMessage
  | PaceMessage;

function clientMessage(type: ClientBody, build: (builder: flatbuffers.Builder) => number): Uint8Array {
  const builder = new flatbuffers.Builder(256);
  const body = build(builder);
  ClientMessage.finishClientMessageBuffer(builder, ClientMessage.createClientMessage(builder, type, body));
  return builder.asUint8Array();
}

export function encodeHello(hello: HelloFields): Uint8Array {
  return clientMessage(ClientBody.Hello, (builder) => {
    const game = builder.createString(hello.game);
    const name = builder.createString(hello.name);
    const simulation = hello.simulationId ? builder.createString(hello.simulationId) : 0;
    const token = hello.reconnectToken ? Hello.createReconnectTokenVector(builder, hello.reconnectToken) : 0;
    Hello.startHello(builder);
    Hello.addProtocol(builder, PROTOCOL_VERSION);
    Hello.addGame(builder, game);
    Hello.addBattle(builder, hello.battle);
    Hello.addName(builder, name);
    Hello.addSeat(builder, hello.seat === "player" ? SeatKind.player : SeatKind.spectator);
    if (token) Hello.addReconnectToken(builder, token);
    if (hello.model !== undefined) Hello.addModel(builder, hello.model);
    if (simulation) Hello.addSimulationId(builder, simulation);
    Hello.addKeepsSession(builder, hello.keepsSession ?? false);
    Hello.addFollow(builder, hello.follow ?? NO_PLAYER);
    return Hello.endHello(builder);
  });
}

export function encodeLeave(): Uint8Array {
  return clientMessage(ClientBody.Leave, (builder) => {
    Leave.startLeave(builder);
    return Leave.endLeave(builder);
  });
}

export function encodePing(nonce: bigint): Uint8Array {
  return clientMessage(ClientBody.Ping, (builder) => {
    Ping.startPing(builder);
    Ping.addNonce(builder, nonce);
    return Ping.endPing(builder);
  });
}

export function encodeDesync({ tick, hash, expected }: DesyncFields): Uint8Array {
  return clientMessage(ClientBody.Desync, (builder) => Desync.createDesync(builder, tick, hash, expected));
}

export function encodeStatePart({ tick, totalBytes, offset, bytes }: StatePartFields): Uint8Array {
  return clientMessage(ClientBody.StatePart, (builder) =>
    StatePart.createStatePart(builder, tick, totalBytes, offset, StatePart.createBytesVector(builder, bytes)),
  );
}

const commandBuilder = new flatbuffers.Builder(512);

/** The bytes are valid until the next call. */
export function encodeCommand(command: CommandFields): Uint8Array {
  const builder = commandBuilder;
  builder.clear();
  const acks = command.keyAcks.length > 0 ? CombatCommand.createKeyAcksVector(builder, command.keyAcks) : 0;
  CombatCommand.startCombatCommand(builder);
  CombatCommand.addCmdId(builder, command.sequence);
  CombatCommand.addEntityId(builder, command.entityId);
  CombatCommand.addTargetId(builder, command.targetId);
  CombatCommand.addAction(builder, command.action);
  CombatCommand.addTimestampMs(builder, BigInt(Math.max(0, Math.floor(command.timestampMs))));
  CombatCommand.addSkill(builder, command.skill);
  CombatCommand.addX(builder, command.x);
  CombatCommand.addY(builder, command.y);
  if (acks) CombatCommand.addKeyAcks(builder, acks);
  CombatCommand.addApplyTick(builder, command.applyTick);
  CombatCommand.addViewTick(builder, command.viewTick);
  if (command.sync) {
    CombatCommand.addSyncTick(builder, command.sync.tick);
    CombatCommand.addSyncHash(builder, command.sync.hash);
  }
  CombatCommand.addVisit(builder, command.visit ?? 0);
  builder.finish(CombatCommand.endCombatCommand(builder));
  return builder.asUint8Array();
}

const copy = (bytes: Uint8Array | null): Uint8Array => (bytes ? bytes.slice() : new Uint8Array(0));

/** Q48.16 to map units. */
const fromFixed = (value: bigint): number => Number(value) / 65536;

function list<T>(length: number, at: (index: number) => T): T[] {
  if (length > 100_000) throw new Error(`a list of ${length} entries makes no sense here`);
  return Array.from({ length }, (_, index) => at(index));
}

function readWelcome(body: Welcome): WelcomeMessage {
  return {
    type: "welcome",
    session: body.session(),
    battle: body.battle(),
    player: body.player(),
    entityId: body.entityId(),
    tick: Number(body.tick()),
    tickMs: Number(body.tickNs()) / 1e6 || 16,
    resumed: body.resumed(),
    game: body.game() ?? "",
    buildId: body.buildId() ?? "",
    mapWidth: fromFixed(body.mapWidth()),
    mapHeight: fromFixed(body.mapHeight()),
    mapDescription: copy(body.mapDescriptionArray()),
    schema: list(body.schemaLength(), (i) => {
      const table = body.schema(i)!;
      return {
        index: table.index(),
        name: table.name() ?? "",
        fields: list(table.fieldsLength(), (f) => {
          const field = table.fields(f)!;
          const bits = field.bits();
          if (bits < 1 || bits > 32 || field.shift() > 63) throw new Error(`a field of ${bits} bits makes no sense`);
          return {
            name: field.name() ?? "",
            bits,
            shift: field.shift(),
            isSigned: field.isSigned(),
            isFixed: field.isFixed(),
            role: field.role(),
          };
        }),
      };
    }),
    eventNames: list(body.eventNamesLength(), (i) => body.eventNames(i) ?? ""),
    reconnectToken: copy(body.reconnectTokenArray()),
    simulationId: body.simulationId() ?? "",
    rulesHash: body.rulesHash(),
    model: body.model() as number as SyncModel,
    visit: body.visit(),
  };
}

/** Throws when it is not a ServerMessage. Unknown bodies (a newer server) are null. */
export function decodeServerMessage(payload: Uint8Array): ServerMessageFields | null {
  // The runtime reads with typed arrays that want their own alignment.
  const buffer = new flatbuffers.ByteBuffer(payload.slice());
  if (payload.length < 8 || !ServerMessage.bufferHasIdentifier(buffer)) {
    throw new Error("not a server message: the identifier DLSM is missing");
  }
  const message = ServerMessage.getRootAsServerMessage(buffer);
  switch (message.bodyType()) {
    case ServerBody.Welcome:
      return readWelcome(message.body(new Welcome()));
    case ServerBody.Refused: {
      const body: Refused = message.body(new Refused());
      return { type: "refused", code: body.code(), reason: body.reason() ?? "", commandId: body.cmdId() };
    }
    case ServerBody.Roster: {
      const body: Roster = message.body(new Roster());
      return {
        type: "roster",
        complete: body.complete(),
        entries: list(body.entriesLength(), (i) => {
          const entry = body.entries(i)!;
          return { player: entry.player(), entityId: entry.entityId(), name: entry.name() ?? "" };
        }),
      };
    }
    case ServerBody.Scoreboard: {
      const body: Scoreboard = message.body(new Scoreboard());
      return {
        type: "scoreboard",
        tick: Number(body.tick()),
        entries: list(body.entriesLength(), (i) => {
          const entry = body.entries(i)!;
          return { player: entry.player(), score: Number(entry.score()) };
        }),
      };
    }
    case ServerBody.Pong: {
      const body: Pong = message.body(new Pong());
      return { type: "pong", nonce: body.nonce(), tick: Number(body.tick()) };
    }
    case ServerBody.Goodbye: {
      const body: Goodbye = message.body(new Goodbye());
      return { type: "goodbye", code: body.code(), reason: body.reason() ?? "", retryAfterMs: body.retryAfterMs() };
    }
    case ServerBody.SnapshotPart: {
      const body: SnapshotPart = message.body(new SnapshotPart());
      return {
        type: "snapshot_part",
        tick: Number(body.tick()),
        stateHash: body.stateHash(),
        infoBytes: body.infoBytes(),
        totalBytes: body.totalBytes(),
        offset: body.offset(),
        bytes: copy(body.bytesArray()),
      };
    }
    case ServerBody.Ticks: {
      const body: Ticks = message.body(new Ticks());
      return { type: "ticks", firstTick: Number(body.firstTick()), bytes: copy(body.bytesArray()) };
    }
    case ServerBody.BattleOver: {
      const body: BattleOver = message.body(new BattleOver());
      const causes = ["finished", "ended", "failed"] as const;
      return {
        type: "battle_over",
        battle: body.battle(),
        visit: body.visit(),
        cause: causes[body.cause()] ?? "ended",
        reason: body.reason() ?? "",
      };
    }
    case ServerBody.Pace: {
      const body: Pace = message.body(new Pace());
      return { type: "pace", tick: Number(body.tick()), percent: body.percent() };
    }
    default:
      return null;
  }
}

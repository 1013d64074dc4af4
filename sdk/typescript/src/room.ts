// A seat in a battle, kept through lost connections; and, on the same connection, in
// the battles that follow it.
import { Signal } from "./emitter";
import { encodeFrame, FrameReader } from "./frame";
import {
  Action,
  decodeServerMessage,
  encodeCommand,
  encodeHello,
  encodeLeave,
  encodePing,
  NO_PLAYER,
  type BattleOverMessage,
  type RosterEntry,
  type RosterMessage,
  type ScoreboardMessage,
  type Seat,
  type ServerMessageFields,
  type WelcomeMessage,
} from "./messages";
import { StateDecoder, type GameEvent } from "./state-decoder";
import type { Connect, Transport } from "./transport";

/** Why a session ended (src/transport/session.hpp, CloseCode). */
export enum CloseCode {
  none = 0,
  server_stopping = 1,
  bad_frame = 2,
  bad_message = 3,
  too_large = 4,
  too_slow = 5,
  flood = 6,
  unauthenticated = 7,
  token_expired = 8,
  no_such_battle = 9,
  battle_full = 10,
  replaced = 11,
  idle = 12,
  version = 13,
  internal = 14,
  battle_over = 15,
}

/** WebSocket close codes of ours are 4000 + CloseCode. */
const WEBSOCKET_CODE_BASE = 4000;
/** Coming back after these would only end the same way. */
const FINAL_CODES = new Set([
  CloseCode.bad_frame,
  CloseCode.bad_message,
  CloseCode.too_large,
  CloseCode.flood,
  CloseCode.replaced,
  CloseCode.version,
]);

/** "between": connected, and in no battle. */
export type ConnectionState = "connecting" | "connected" | "between" | "reconnecting" | "left";

export interface CommandOptions {
  /** Direction or aim, −1 … 1 each; sent in 1/32767ths. */
  x?: number;
  y?: number;
  target?: bigint;
  skill?: number;
}

export interface RoomOptions {
  name: string;
  seat: Seat;
  battle: bigint;
  game: string;
  reconnectToken?: Uint8Array;
  /** Gives the address for one attempt, token included. */
  address: () => Promise<string>;
  connect: Connect;
  reconnect: ReconnectOptions;
}

export interface ReconnectOptions {
  /** 0: a lost connection ends the room. */
  maxAttempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}

export interface NextBattle {
  /** A certain battle; 0 or none: any that has room. */
  battle?: bigint;
  seat?: Seat;
}

export class RefusedError extends Error {
  constructor(readonly code: number, reason: string) {
    super(reason);
  }
}

const WELCOME_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 2_000;
/** A server that says nothing for this long is not there. */
const SILENCE_LIMIT_MS = 10_000;
const ACK_INTERVAL_MS = 100;

const actions: Record<string, Action> = {
  attack: Action.attack,
  move: Action.move,
  skill: Action.skill,
  turn: Action.turn,
};

const unit = (value: number | undefined): number => Math.round(Math.max(-1, Math.min(1, value ?? 0)) * 32767);

export class Room {
  state!: StateDecoder;
  welcome!: WelcomeMessage;
  /** Who sits where, kept up to date. */
  readonly roster = new Map<number, RosterEntry>();
  /** The newest score table; null before the first. */
  scoreboard: ScoreboardMessage | null = null;
  connection: ConnectionState = "connecting";
  /** Times that a lost connection was made good. */
  reconnects = 0;
  /** Round trip of the last ping, milliseconds; NaN before the first. */
  roundTripMs = NaN;
  stats = { bytesIn: 0, messagesIn: 0, commandsOut: 0 };

  private readonly stateChange = new Signal<[StateDecoder]>();
  private readonly messages = new Map<string, Signal<[any, string]>>();
  private readonly leaving = new Signal<[number, string]>();
  private readonly dropping = new Signal<[string]>();
  private readonly returning = new Signal<[boolean]>();
  private readonly ending = new Signal<[BattleOverMessage]>();

  private transport: Transport | null = null;
  /** The one that brought the last Welcome. */
  private greeted: Transport | null = null;
  /** A Hello has no answer yet. */
  private greeting = false;
  /** False: the room stays between battles until join(). */
  private wantsBattle = true;
  private reader = new FrameReader();
  private token: Uint8Array | undefined;
  private nextCommand = 1;
  private attempts = 0;
  private retryAfterMs = 0;
  private lastCode = -1;
  private lastReason = "";
  private lastHeardMs = 0;
  private lastSentMs = 0;
  private pings = new Map<bigint, number>();
  private nextNonce = 1n;
  private lastPingMs = -Infinity;
  private ticker: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(private readonly options: RoomOptions) {
    this.token = options.reconnectToken;
  }

  /** Resolves with the first Welcome; used by Client. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      void this.attempt();
    });
  }

  get player(): number {
    return this.welcome.player;
  }
  get isSpectator(): boolean {
    return this.welcome.player === NO_PLAYER;
  }
  get entityId(): bigint {
    return this.welcome.entityId;
  }
  /** Takes the same seat again with client.reconnect(), within the server's grace. */
  get reconnectToken(): string {
    return btoa(String.fromCharCode(...(this.token ?? [])));
  }

  /** After every state frame. */
  onStateChange(handler: (state: StateDecoder) => void): () => void {
    return this.stateChange.add(handler);
  }

  /**
   * `type`: "welcome", "roster", "scoreboard", "refused", "pong" or "goodbye";
   * "event" for everything that happens in the game, "event:hit" for one kind;
   * "*" for all.
   */
  onMessage(type: string, handler: (message: any, type: string) => void): () => void {
    let signal = this.messages.get(type);
    if (!signal) this.messages.set(type, (signal = new Signal()));
    return signal.add(handler);
  }

  /** The room is over: code, reason. */
  onLeave(handler: (code: number, reason: string) => void): () => void {
    return this.leaving.add(handler);
  }
  /** The connection is lost; the room tries to come back. */
  onDrop(handler: (reason: string) => void): () => void {
    return this.dropping.add(handler);
  }
  /** It is back; `resumed`: in the same seat. */
  onReconnect(handler: (resumed: boolean) => void): () => void {
    return this.returning.add(handler);
  }

  /** The battle is over and the connection stays. A handler may join() another one;
   * if none does, the room goes on to any that has room by itself, if it may reconnect. */
  onBattleOver(handler: (over: BattleOverMessage) => void): () => void {
    return this.ending.add(handler);
  }

  /** "move", "turn", "attack" or "skill". False when it could not be sent now. */
  send(type: string, options: CommandOptions = {}): boolean {
    const action = actions[type];
    if (action === undefined) throw new Error(`there is no command "${type}": use ${Object.keys(actions).join(", ")}`);
    return this.sendCommand(action, options);
  }

  /**
   * Goes on to another battle on the same connection, leaving the one that is played.
   * Resolves with its Welcome; a refusal is a RefusedError, and the room is then between battles.
   */
  join(next: NextBattle = {}): Promise<void> {
    if (this.connection !== "connected" && this.connection !== "between") {
      return Promise.reject(new Error(`the room is ${this.connection}`));
    }
    if (this.greeting) return Promise.reject(new Error("the room is joining a battle already"));
    clearTimeout(this.retry);
    this.token = undefined;
    this.wantsBattle = true;
    this.options.battle = next.battle ?? 0n;
    this.options.seat = next.seat ?? this.options.seat;
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.greet();
    });
  }

  /** Gives the seat up and stays connected, for a while, until join(). */
  leaveBattle(): void {
    if (this.connection !== "connected") return;
    this.sendFrame(encodeLeave());
    this.connection = "between";
    this.token = undefined;
    this.wantsBattle = false;
  }

  /** Gives the seat up and ends the room. */
  leave(): void {
    if (this.connection === "connected") this.sendFrame(encodeLeave());
    this.finish(CloseCode.none, "left");
  }

  private sendFrame(payload: Uint8Array): boolean {
    return this.transport?.sendReliable(encodeFrame(payload)) ?? false;
  }

  private sendCommand(action: Action, options: CommandOptions): boolean {
    if (this.connection !== "connected") return false;
    const isPlay = action !== Action.none;
    if (isPlay && this.isSpectator) return false;
    const payload = encodeCommand({
      commandId: isPlay ? this.nextCommand : 0,
      entityId: this.welcome.entityId,
      targetId: options.target ?? 0n,
      action,
      timestampMs: Date.now(),
      skill: options.skill ?? 0,
      x: unit(options.x),
      y: unit(options.y),
      keyAcks: this.state.takeAcks(),
      visit: this.welcome.visit,
    });
    if (!this.sendFrame(payload)) return false;
    if (isPlay) {
      this.nextCommand++;
      this.stats.commandsOut++;
    }
    this.lastSentMs = performance.now();
    return true;
  }

  private async attempt(): Promise<void> {
    this.attempts++;
    this.lastCode = -1;
    this.lastReason = "";
    this.reader.reset();
    let address: string;
    try {
      address = await this.options.address();
    } catch (error) {
      if (!this.isLeft()) this.lost(`no address: ${(error as Error).message}`);
      return;
    }
    if (this.isLeft()) return;
    let timeout: ReturnType<typeof setTimeout> | undefined;
    try {
      const transport = this.options.connect(address, {
        onOpen: () => {
          this.lastHeardMs = performance.now();
          this.greet();
        },
        onReliable: (bytes) => this.guard(() => this.reader.feed(bytes, (payload) => this.onFrame(payload)), bytes),
        onDatagram: (bytes) => this.guard(() => this.onStateFrame(bytes), bytes),
        onClose: (code, reason) => {
          clearTimeout(timeout);
          this.onTransportClosed(code, reason);
        },
      });
      this.transport = transport;
      timeout = setTimeout(() => {
        if (this.transport === transport && this.greeted !== transport) transport.close();
      }, WELCOME_TIMEOUT_MS);
    } catch (error) {
      this.lost((error as Error).message);
    }
  }

  private greet(): void {
    if (this.connection === "connected") this.connection = "between";
    this.greeting = true;
    const { game, battle, name, seat } = this.options;
    this.sendFrame(encodeHello({ game, battle, name, seat, reconnectToken: this.token, keepsSession: true }));
  }

  private guard(read: () => void, bytes: Uint8Array): void {
    this.lastHeardMs = performance.now();
    this.stats.bytesIn += bytes.length;
    this.stats.messagesIn++;
    try {
      read();
    } catch (error) {
      // Once more on a fresh connection; a server that goes on like this is left alone by backoff.
      this.lastReason = `the server sent something unreadable: ${(error as Error).message}`;
      this.transport?.close();
    }
  }

  private onStateFrame(bytes: Uint8Array): void {
    if (this.connection !== "connected") return;
    // Late ones of a battle that was left.
    if (bytes.length >= 2 && bytes[1] >> 4 !== this.welcome.visit) return;
    this.state.apply(bytes);
    if (this.state.commandId >= this.nextCommand) this.nextCommand = this.state.commandId + 1;
    this.stateChange.emit(this.state);
    for (const event of this.state.events) this.tell("event", event, `event:${event.name}`);
  }

  private tell(type: string, message: ServerMessageFields | GameEvent, alias?: string): void {
    this.messages.get(type)?.emit(message, type);
    if (alias) this.messages.get(alias)?.emit(message, alias);
    this.messages.get("*")?.emit(message, alias ?? type);
  }

  private onFrame(payload: Uint8Array): void {
    const message = decodeServerMessage(payload);
    if (!message) return;
    switch (message.type) {
      case "welcome":
        this.onWelcome(message);
        break;
      case "refused":
        if (message.commandId === 0 && this.connection !== "connected") this.onHelloRefused(message.code, message.reason);
        break;
      case "battle_over":
        if (!this.onBattleEnd(message)) return;
        break;
      case "roster":
        this.onRoster(message);
        break;
      case "scoreboard":
        this.scoreboard = message;
        break;
      case "pong": {
        const sent = this.pings.get(message.nonce);
        if (sent !== undefined) this.roundTripMs = performance.now() - sent;
        this.pings.delete(message.nonce);
        break;
      }
      case "goodbye":
        this.lastCode = message.code;
        this.lastReason = message.reason;
        this.retryAfterMs = message.retryAfterMs;
        break;
    }
    this.tell(message.type, message);
  }

  private onWelcome(welcome: WelcomeMessage): void {
    const first = this.welcome === undefined;
    const sameConnection = this.greeted === this.transport;
    this.greeted = this.transport;
    this.greeting = false;
    this.welcome = welcome;
    if (welcome.reconnectToken.length > 0) this.token = welcome.reconnectToken;
    this.state = new StateDecoder(welcome.schema, welcome.eventNames, welcome.tick);
    if (!welcome.resumed) this.nextCommand = 1;
    this.connection = "connected";
    this.attempts = 0;
    this.retryAfterMs = 0;
    this.lastReason = "";
    if (!welcome.resumed) {
      this.roster.clear();
      this.scoreboard = null;
    }
    this.pings.clear();
    this.ticker ??= setInterval(() => this.onTimer(), ACK_INTERVAL_MS / 2);
    if (first || sameConnection) {
      this.settle?.resolve();
      this.settle = null;
    } else {
      this.reconnects++;
      this.returning.emit(welcome.resumed);
    }
  }

  private onRoster(message: RosterMessage): void {
    if (message.complete) this.roster.clear();
    for (const entry of message.entries) {
      if (entry.entityId === 0n) this.roster.delete(entry.player);
      else this.roster.set(entry.player, entry);
    }
  }

  private onHelloRefused(code: number, reason: string): void {
    this.lastCode = -1;
    this.lastReason = reason;
    this.greeting = false;
    if (this.settle) {
      const { reject } = this.settle;
      this.settle = null;
      if (this.welcome === undefined) this.finish(CloseCode.none, reason);
      else this.wantsBattle = false;
      reject(new RefusedError(code, reason));
      return;
    }
    // The old seat is gone: the next attempt asks for a new one.
    this.token = undefined;
    if (this.connection !== "between") this.transport?.close();
    else if (this.attempts++ >= this.options.reconnect.maxAttempts) this.finish(code, reason);
    else this.retry = setTimeout(() => this.greet(), this.backoffMs());
  }

  /** False when it is of a battle that was left before. */
  private onBattleEnd(over: BattleOverMessage): boolean {
    if (this.connection !== "connected" || over.visit !== this.welcome.visit) return false;
    this.connection = "between";
    this.token = undefined;
    this.options.battle = 0n;
    this.attempts = 0;
    this.ending.emit(over);
    // A handler may have joined another one, or left.
    if (this.connection === "between" && !this.greeting) {
      if (this.options.reconnect.maxAttempts > 0) this.greet();
      else this.wantsBattle = false;
    }
    return true;
  }

  private backoffMs(): number {
    const { firstDelayMs, maxDelayMs } = this.options.reconnect;
    const backoff = Math.min(maxDelayMs, firstDelayMs * 1.7 ** Math.min(this.attempts, 20));
    return Math.max(this.retryAfterMs, backoff * (0.7 + 0.6 * Math.random()));
  }

  private onTimer(): void {
    if (this.connection !== "connected" && this.connection !== "between") return;
    const now = performance.now();
    if (now - this.lastHeardMs > SILENCE_LIMIT_MS) {
      this.lastReason = "the server went silent";
      this.transport?.close();
      return;
    }
    if (this.connection === "connected" && this.state.hasAcks && now - this.lastSentMs >= ACK_INTERVAL_MS) this.sendCommand(Action.none, {});
    if (now - this.lastPingMs >= PING_INTERVAL_MS) {
      this.lastPingMs = now;
      if (this.pings.size > 16) this.pings.clear();
      const nonce = this.nextNonce++;
      this.pings.set(nonce, now);
      this.sendFrame(encodePing(nonce));
    }
  }
  private onTransportClosed(code: number, reason: string): void {
    this.transport = null;
    if (this.isLeft()) return;
    clearTimeout(this.retry);
    this.greeting = false;
    if (this.lastCode < 0 && code >= WEBSOCKET_CODE_BASE && code < WEBSOCKET_CODE_BASE + 100) {
      this.lastCode = code - WEBSOCKET_CODE_BASE;
    }
    const why = this.lastReason || reason || "the server is not reachable";
    const stays = this.connection === "between" && !this.wantsBattle;
    if (FINAL_CODES.has(this.lastCode) || stays) this.finish(this.lastCode, why);
    else this.lost(why);
  }

  private lost(reason: string): void {
    const { maxAttempts } = this.options.reconnect;
    const settle = this.settle;
    this.settle = null;
    settle?.reject(new Error(reason));
    if (settle && this.welcome === undefined) {
      this.finish(this.lastCode < 0 ? CloseCode.internal : this.lastCode, reason);
      return;
    }
    if (this.connection === "connected" || this.connection === "between") this.attempts = 0;
    if (this.attempts >= maxAttempts) {
      this.finish(this.lastCode < 0 ? CloseCode.internal : this.lastCode, reason);
      return;
    }
    this.connection = "reconnecting";
    this.dropping.emit(reason);
    this.retry = setTimeout(() => void this.attempt(), this.backoffMs());
  }

  private isLeft(): boolean {
    return this.connection === "left";
  }

  private finish(code: number, reason: string): void {
    if (this.isLeft()) return;
    this.connection = "left";
    this.settle?.reject(new RefusedError(code, reason));
    this.settle = null;
    clearInterval(this.ticker);
    clearTimeout(this.retry);
    this.transport?.close();
    this.transport = null;
    this.leaving.emit(code, reason);
  }
}

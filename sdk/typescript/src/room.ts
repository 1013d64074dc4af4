// A seat in a battle, kept through lost connections; and, on the same connection, in
// the battles that follow it.
import { CommandTimer } from "./command-timer";
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
  type ServerMessageFields,
  type WelcomeMessage,
} from "./messages";
import type { BattleView } from "./battle-view";
import type { LockstepState } from "./lockstep";
import type { PredictedCommand, Shown } from "./prediction";
import { RoomLockstep } from "./room-lockstep";
import {
  CloseCode,
  RefusedError,
  type CommandOptions,
  type ConnectionState,
  type NextBattle,
  type RoomOptions,
} from "./room-options";
import { RoomPrediction } from "./room-prediction";
import type { SimulationModule } from "./simulation";
import { StateDecoder, type GameEvent } from "./state-decoder";
import { LOCKSTEP_FRAME_KIND, type Transport } from "./transport";

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

const WELCOME_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 2_000;
/** The input delay follows the round trip. */
const PREDICTING_PING_INTERVAL_MS = 250;
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
  private lastAdvanceMs = 0;
  private pings = new Map<bigint, number>();
  private nextNonce = 1n;
  private lastPingMs = -Infinity;
  private ticker: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly prediction = new RoomPrediction();
  private readonly lockstep: RoomLockstep;
  private readonly timer = new CommandTimer();
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(private readonly options: RoomOptions) {
    this.token = options.reconnectToken;
    this.lockstep = new RoomLockstep(options.simulation, (payload) => this.sendFrame(payload));
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

  /** From sending the newest confirmed command to the state that first contained it, milliseconds; NaN before. */
  get commandMs(): number {
    return this.timer.latestMs;
  }

  /** Why the own entity is not predicted; "" while it is, or nobody asked for it. */
  get predictionFailure(): string {
    return this.prediction.failure;
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
   * if none does, the room goes on to any that has room by itself, if it may reconnect, or
   * ends (ReconnectOptions.nextBattle). */
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
   * Predicts the own entity from here on, in later sessions too, wherever that can be done:
   * where not, shown() is null and predictionFailure says why. `rules` is the battle's rules
   * document; none: the game's default one.
   */
  predict(module: SimulationModule, rules = ""): void {
    this.prediction.ask(module, rules);
    this.prediction.begin(this.welcome);
  }

  /** What to draw now; null while the own entity is not predicted. */
  shown(nowMs = performance.now()): Shown | null {
    return this.prediction.run((self) => self.advance(nowMs));
  }

  /**
   * In lockstep: brings the battle to now and gives it as it is to be shown; null while it
   * does not run, and under the other models. Call it in each drawn frame.
   */
  advance(nowMs = performance.now()): BattleView | null {
    this.lastAdvanceMs = nowMs;
    try {
      const shown = this.lockstep.advance(nowMs);
      if (this.lockstep.state) this.onContained(this.lockstep.state.confirmedSequence, nowMs);
      return shown;
    } catch (error) {
      this.lastReason = (error as Error).message;
      this.transport?.close();
      return null;
    }
  }

  /** This session runs the battle itself, as soon as its state is here. */
  get isInLockstep(): boolean {
    return this.lockstep.running;
  }

  /** How lockstep fares; null while it does not run. */
  get lockstepState(): LockstepState | null {
    return this.lockstep.state;
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
    const nowMs = performance.now();
    const command = {
      sequence: isPlay ? this.nextCommand : 0,
      entityId: this.welcome.entityId,
      targetId: options.target ?? 0n,
      action,
      skill: options.skill ?? 0,
      x: unit(options.x),
      y: unit(options.y),
    };
    const ticks = isPlay ? this.issue(command, nowMs) : null;
    const payload = encodeCommand({
      ...command,
      timestampMs: Date.now(),
      keyAcks: this.state.takeAcks(),
      applyTick: ticks?.applyTick ?? 0,
      viewTick: ticks?.viewTick ?? 0,
      sync: this.lockstep.sync,
      visit: this.welcome.visit,
    });
    if (!this.sendFrame(payload)) {
      if (ticks) this.onCommandRefused(command.sequence);
      return false;
    }
    if (isPlay) {
      this.timer.onSent(this.nextCommand++, nowMs);
      this.stats.commandsOut++;
    }
    this.lastSentMs = nowMs;
    return true;
  }

  private issue(command: PredictedCommand, nowMs: number): { applyTick: number; viewTick: number } | null {
    if (this.lockstep.running) return { applyTick: this.lockstep.issue(command, nowMs), viewTick: 0 };
    return this.prediction.run((self) => self.issue(command, nowMs));
  }

  private onCommandRefused(sequence: number): void {
    this.lockstep.onRefused(sequence);
    this.prediction.run((self) => self.onRefused(sequence));
  }

  /** The server's word contains the own commands up to this one. */
  private onContained(sequence: number, nowMs: number): void {
    if (sequence >= this.nextCommand) this.nextCommand = sequence + 1;
    this.timer.onContained(sequence, nowMs);
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
        onDatagram: (bytes) => this.guard(() => this.onDatagram(bytes), bytes),
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
    const { game, battle, name, seat, model, simulation } = this.options;
    const hello = { game, battle, name, seat, model, simulationId: simulation?.id };
    this.sendFrame(encodeHello({ ...hello, reconnectToken: this.token, keepsSession: true }));
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

  private onDatagram(bytes: Uint8Array): void {
    if (this.connection !== "connected") return;
    // Late ones of a battle that was left.
    if (bytes.length >= 2 && bytes[1] >> 4 !== this.welcome.visit) return;
    if (bytes[0] === LOCKSTEP_FRAME_KIND) this.lockstep.onFrame(bytes, performance.now());
    else this.onStateFrame(bytes);
  }

  private onStateFrame(bytes: Uint8Array): void {
    this.state.apply(bytes);
    const nowMs = performance.now();
    this.onContained(this.state.commandId, nowMs);
    this.prediction.run((self) => self.onState(this.state, nowMs));
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
        if (message.commandId !== 0) this.onCommandRefused(message.commandId);
        else if (this.connection !== "connected") this.onHelloRefused(message.code, message.reason);
        break;
      case "snapshot_part":
      case "ticks":
        this.lockstep.onMessage(message);
        return;
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
        this.pings.delete(message.nonce);
        if (sent === undefined) break;
        const nowMs = performance.now();
        this.roundTripMs = nowMs - sent;
        this.prediction.run((self) => self.onRoundTrip(this.roundTripMs, nowMs));
        this.lockstep.onRoundTrip(this.roundTripMs, nowMs);
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
    this.timer.reset();
    this.prediction.begin(welcome);
    this.lockstep.begin(welcome);
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
      const { maxAttempts, nextBattle } = this.options.reconnect;
      if (!nextBattle) this.finish(CloseCode.battle_over, over.reason);
      else if (maxAttempts > 0) this.greet();
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
    if (this.connection === "connected") {
      // Where nothing is drawn, as in a page behind another.
      if (now - this.lastAdvanceMs >= ACK_INTERVAL_MS) this.advance(now);
      const hasAcks = this.state.hasNewAcks || this.lockstep.sync !== undefined;
      if (hasAcks && now - this.lastSentMs >= ACK_INTERVAL_MS) this.sendCommand(Action.none, {});
    }
    const runsAhead = this.prediction.running || this.lockstep.running;
    if (now - this.lastPingMs >= (runsAhead ? PREDICTING_PING_INTERVAL_MS : PING_INTERVAL_MS)) {
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
    const isOver = this.lastCode === CloseCode.battle_over;
    // The old seat is gone with it.
    if (isOver) this.token = undefined;
    const stays = this.connection === "between" && !this.wantsBattle;
    const isFinal = FINAL_CODES.has(this.lastCode) || stays || (isOver && !this.options.reconnect.nextBattle);
    if (isFinal) this.finish(this.lastCode, why);
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

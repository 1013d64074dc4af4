// A seat in a battle, kept through lost connections; and, on the same connection, in
// the battles that follow it.
import { BattleTime, NORMAL_PACE_PERCENT } from "./battle-time";
import { CommandTimer } from "./command-timer";
import {
  Action,
  decodeServerMessage,
  encodeCommand,
  encodeHello,
  encodeLeave,
  NO_PLAYER,
  type BattleOverMessage,
  type RosterEntry,
  type RosterMessage,
  type ScoreboardMessage,
  type WelcomeMessage,
} from "./messages";
import type { BattleView } from "./battle-view";
import type { LockstepState } from "./lockstep";
import type { PredictedCommand, Shown } from "./prediction";
import { RoomEvents } from "./room-events";
import { RoomLink } from "./room-link";
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
import { StateDecoder } from "./state-decoder";
import { LOCKSTEP_FRAME_KIND } from "./transport";

/** Coming back after these would only end the same way. */
const FINAL_CODES = new Set([
  CloseCode.bad_frame,
  CloseCode.bad_message,
  CloseCode.too_large,
  CloseCode.flood,
  CloseCode.replaced,
  CloseCode.version,
]);

const PING_INTERVAL_MS = 2_000;
/** The input delay follows the round trip. */
const PREDICTING_PING_INTERVAL_MS = 250;
const ACK_INTERVAL_MS = 100;
const MAX_ACK_COMMANDS = 8;

const actions: Record<string, Action> = {
  attack: Action.attack,
  move: Action.move,
  skill: Action.skill,
  turn: Action.turn,
};

const unit = (value: number | undefined): number => Math.round(Math.max(-1, Math.min(1, value ?? 0)) * 32767);

export class Room extends RoomEvents {
  state!: StateDecoder;
  welcome!: WelcomeMessage;
  /** Who sits where, kept up to date. */
  readonly roster = new Map<number, RosterEntry>();
  /** The newest score table; null before the first. */
  scoreboard: ScoreboardMessage | null = null;
  connection: ConnectionState = "connecting";
  /** The clock's time as time of the battle, whose ticks take longer while the server is overloaded. */
  readonly time = new BattleTime();
  /** Times that a lost connection was made good. */
  reconnects = 0;

  private readonly link: RoomLink;
  /** A Hello has no answer yet. */
  private greeting = false;
  /** False: the room stays between battles until join(). */
  private wantsBattle = true;
  private token: Uint8Array | undefined;
  private nextCommand = 1;
  private commandsOut = 0;
  private lastSentMs = 0;
  private lastAdvanceMs = 0;
  private ticker: ReturnType<typeof setInterval> | undefined;
  private readonly prediction = new RoomPrediction();
  private readonly lockstep: RoomLockstep;
  private readonly timer = new CommandTimer();
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(private readonly options: RoomOptions) {
    super();
    this.token = options.reconnectToken;
    this.link = new RoomLink(options, {
      onOpen: () => this.greet(),
      onFrame: (payload) => this.onFrame(payload),
      onDatagram: (bytes) => this.onDatagram(bytes),
      onClose: (code, reason) => this.onClosed(code, reason),
      onFailure: (reason) => this.lost(reason),
    });
    this.lockstep = new RoomLockstep(options.simulation, (payload) => this.link.send(payload));
  }

  /** Resolves with the first Welcome; used by Client. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      void this.link.attempt();
    });
  }

  /** Round trip of the last ping, milliseconds; NaN before the first. */
  get roundTripMs(): number {
    return this.link.roundTripMs;
  }
  /** What carries the connection: "webtransport" or "websocket"; "" while there is none. */
  get transport(): string {
    return this.link.transportKind;
  }
  get stats(): { bytesIn: number; messagesIn: number; commandsOut: number } {
    const { bytesIn, messagesIn } = this.link;
    return { bytesIn, messagesIn, commandsOut: this.commandsOut };
  }

  get player(): number {
    return this.welcome.player;
  }
  get isSpectator(): boolean {
    return this.welcome.player === NO_PLAYER;
  }
  /** The seat whose state frames a spectator is sent; NO_PLAYER: the whole map. */
  get followed(): number {
    return this.options.follow ?? NO_PLAYER;
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
    return this.prediction.run((self) => self.advance(this.time.at(nowMs)));
  }

  /**
   * In lockstep: brings the battle to now and gives it as it is to be shown; null while it
   * does not run, and under the other models. Call it in each drawn frame.
   */
  advance(nowMs = performance.now()): BattleView | null {
    this.lastAdvanceMs = nowMs;
    try {
      const shown = this.lockstep.advance(this.time.at(nowMs));
      if (this.lockstep.state) this.onContained(this.lockstep.state.confirmedSequence, nowMs);
      return shown;
    } catch (error) {
      this.link.close((error as Error).message);
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
    this.link.cancelLater();
    this.token = undefined;
    this.wantsBattle = true;
    this.options.battle = next.battle ?? 0n;
    this.options.seat = next.seat ?? this.options.seat;
    this.options.follow = next.follow;
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.greet();
    });
  }

  /** Gives the seat up and stays connected, for a while, until join(). */
  leaveBattle(): void {
    if (this.connection !== "connected") return;
    this.link.send(encodeLeave());
    this.connection = "between";
    this.token = undefined;
    this.wantsBattle = false;
  }

  /** Gives the seat up and ends the room. */
  leave(): void {
    if (this.connection === "connected") this.link.send(encodeLeave());
    this.finish(CloseCode.none, "left");
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
    const ticks = isPlay ? this.issue(command, this.time.at(nowMs)) : null;
    const payload = encodeCommand({
      ...command,
      timestampMs: Date.now(),
      keyAcks: this.state.takeAcks(),
      applyTick: ticks?.applyTick ?? 0,
      viewTick: ticks?.viewTick ?? 0,
      sync: this.lockstep.sync,
      visit: this.welcome.visit,
    });
    if (!this.link.send(payload)) {
      if (ticks) this.onCommandRefused(command.sequence);
      return false;
    }
    if (isPlay) {
      this.timer.onSent(this.nextCommand++, nowMs);
      this.commandsOut++;
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

  private greet(): void {
    if (this.connection === "connected") this.connection = "between";
    this.greeting = true;
    const { game, battle, name, seat, model, simulation, follow } = this.options;
    const hello = { game, battle, name, seat, model, simulationId: simulation?.id, follow };
    this.link.send(encodeHello({ ...hello, reconnectToken: this.token, keepsSession: true }));
  }

  private onDatagram(bytes: Uint8Array): void {
    if (this.connection !== "connected") return;
    // Late ones of a battle that was left.
    if (bytes.length >= 2 && bytes[1] >> 4 !== this.welcome.visit) return;
    if (bytes[0] === LOCKSTEP_FRAME_KIND) this.lockstep.onFrame(bytes, this.time.at(performance.now()));
    else this.onStateFrame(bytes);
  }

  private onStateFrame(bytes: Uint8Array): void {
    this.state.apply(bytes);
    const nowMs = performance.now();
    this.onContained(this.state.commandId, nowMs);
    this.prediction.run((self) => self.onState(this.state, this.time.at(nowMs)));
    this.stateChange.emit(this.state);
    for (const event of this.state.events) this.tell("event", event, `event:${event.name}`);
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
        const nowMs = performance.now();
        if (!this.link.onPong(message.nonce, nowMs)) break;
        const [span, at] = [this.time.span(this.roundTripMs), this.time.at(nowMs)];
        this.prediction.run((self) => self.onRoundTrip(span, at));
        this.lockstep.onRoundTrip(span, at);
        break;
      }
      case "pace":
        this.time.setPace(message.percent, performance.now());
        break;
      case "goodbye":
        this.link.note(message.code, message.reason, message.retryAfterMs);
        break;
    }
    this.tell(message.type, message);
  }

  private onWelcome(welcome: WelcomeMessage): void {
    const first = this.welcome === undefined;
    const sameConnection = this.link.welcomed();
    this.greeting = false;
    this.welcome = welcome;
    this.time.setPace(NORMAL_PACE_PERCENT, performance.now());
    if (welcome.reconnectToken.length > 0) this.token = welcome.reconnectToken;
    this.state = new StateDecoder(welcome.schema, welcome.eventNames, welcome.tick);
    if (!welcome.resumed) this.nextCommand = 1;
    this.connection = "connected";
    if (!welcome.resumed) {
      this.roster.clear();
      this.scoreboard = null;
    }
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
    this.link.note(-1, reason);
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
    if (code === CloseCode.no_such_battle) this.forgetBattle();
    if (this.connection !== "between") this.link.close();
    else if (this.link.attempts++ >= this.options.reconnect.maxAttempts) this.finish(code, reason);
    else this.link.later(() => this.greet());
  }

  /** False when it is of a battle that was left before. */
  private onBattleEnd(over: BattleOverMessage): boolean {
    if (this.connection !== "connected" || over.visit !== this.welcome.visit) return false;
    this.connection = "between";
    this.token = undefined;
    this.forgetBattle();
    this.link.attempts = 0;
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

  /** From here on any battle is meant, and nobody in it. */
  private forgetBattle(): void {
    this.options.battle = 0n;
    this.options.follow = undefined;
  }

  private onTimer(): void {
    if (this.connection !== "connected" && this.connection !== "between") return;
    const now = performance.now();
    const runsAhead = this.prediction.running || this.lockstep.running;
    if (!this.link.watch(now, runsAhead ? PREDICTING_PING_INTERVAL_MS : PING_INTERVAL_MS)) return;
    if (this.connection === "connected") {
      // Where nothing is drawn, as in a page behind another.
      if (now - this.lastAdvanceMs >= ACK_INTERVAL_MS) this.advance(now);
      const hasAcks = this.state.hasNewAcks || this.lockstep.sync !== undefined;
      if (hasAcks && now - this.lastSentMs >= ACK_INTERVAL_MS) this.sendAcks();
    }
  }

  /** Who watches a large map gets more key frames than one command can acknowledge. */
  private sendAcks(): void {
    for (let sent = 0; sent === 0 || (sent < MAX_ACK_COMMANDS && this.state.hasNewAcks); sent++) {
      if (!this.sendCommand(Action.none, {})) return;
    }
  }

  private onClosed(code: number, why: string): void {
    this.greeting = false;
    const isOver = code === CloseCode.battle_over;
    // The old seat is gone with it.
    if (isOver) this.token = undefined;
    const stays = this.connection === "between" && !this.wantsBattle;
    const isFinal = FINAL_CODES.has(code) || stays || (isOver && !this.options.reconnect.nextBattle);
    if (isFinal) this.finish(code, why);
    else this.lost(why);
  }

  private lost(reason: string): void {
    const settle = this.settle;
    this.settle = null;
    settle?.reject(new Error(reason));
    if (settle && this.welcome === undefined) {
      this.finish(this.endCode, reason);
      return;
    }
    if (this.connection === "connected" || this.connection === "between") this.link.attempts = 0;
    if (this.link.isExhausted) {
      this.finish(this.endCode, reason);
      return;
    }
    this.connection = "reconnecting";
    this.dropping.emit(reason);
    this.link.later(() => void this.link.attempt());
  }

  /** For a room that ends without a word of why from the server. */
  private get endCode(): number {
    return this.link.code < 0 ? CloseCode.internal : this.link.code;
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
    this.link.end();
    this.leaving.emit(code, reason);
  }
}

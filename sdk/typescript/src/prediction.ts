// The own entity ahead of the server's word, by the rules' own movement in WebAssembly:
// prediction::FrameSyncClient of sdk/cpp/prediction, exported by sdk/wasm/prediction_api.hpp.
import { Instance, ns, SimulationError } from "./instance";
import type { Action, WelcomeMessage } from "./messages";
import type { StateDecoder } from "./state-decoder";

/** What to show. Places and lengths in map units. */
export interface Shown {
  /** Where to draw the own entity. */
  x: number;
  y: number;
  /** How much of a correction is still hidden in that. */
  offset: number;
  /** The tick of the others to show, with a fraction. */
  othersTick: number;
  /** How far back of the newest state that is meant to lie. */
  othersDelayMs: number;
  /** Ticks from the newest that can be known to the one for which the next command is meant. */
  inputDelayTicks: number;
  /** Of the prediction, and of the newest state of the server's. */
  tick: number;
  confirmedTick: number;
  /** Since the beginning; of them `teleports` were shown at once, as respawns are. */
  corrections: number;
  teleports: number;
  /** The longest that was no teleport. */
  longest: number;
  /** Commands that came after the tick that they were meant for. */
  lateCommands: number;
}

export interface PredictedCommand {
  sequence: number;
  entityId: bigint;
  targetId: bigint;
  action: Action;
  skill: number;
  /** As sent: in 1/32767. */
  x: number;
  y: number;
}

const FIXED_ONE = 65536;
const SHOWN_FIELDS = 14;

/**
 * Of one session: each Welcome begins a new one. Times are milliseconds of one clock that
 * does not run back. Each call throws SimulationError when the simulation is broken.
 */
export class Prediction {
  private readonly instance: Instance;
  private readonly handle: number;
  private readonly entityId: bigint;
  private readonly tickMs: number;

  /** SimulationModule.predict makes one. */
  constructor(module: WebAssembly.Module, welcome: WelcomeMessage, rules: string) {
    this.instance = new Instance(module);
    this.entityId = welcome.entityId;
    this.tickMs = welcome.tickMs;
    const text = new TextEncoder();
    const [game, document, map] = [text.encode(welcome.game), text.encode(rules), welcome.mapDescription];
    const at = this.instance.place(game, document, map);
    const mapWidth = BigInt(Math.round(welcome.mapWidth * FIXED_ONE));
    this.handle = this.instance.call((wasm) =>
      wasm.drumline_prediction_create(
        at, game.length, at + game.length, document.length, welcome.rulesHash,
        at + game.length + document.length, map.length, mapWidth,
      ),
    );
    if (this.handle === 0) throw new SimulationError(this.instance.failure());
  }

  onRoundTrip(sampleMs: number, nowMs: number): void {
    this.instance.call((wasm) => wasm.drumline_prediction_on_round_trip(this.handle, ns(sampleMs), ns(nowMs)));
  }

  /** After every state frame. */
  onState(state: StateDecoder, nowMs: number): void {
    const { tick, commandId } = state;
    this.onFrame(tick, commandId, nowMs);
    const own = state.find(this.entityId);
    if (own && own.tick === tick) this.onSelf(tick, commandId, own.table.sent(own), nowMs);
  }

  /** A state frame came, which contains the own commands up to `lastSequence`. */
  onFrame(tick: number, lastSequence: number, nowMs: number): void {
    this.instance.call((wasm) =>
      wasm.drumline_prediction_on_frame(this.handle, BigInt(tick), lastSequence, ns(nowMs)),
    );
  }

  /** What it says of the own entity: its fields as sent, in the schema's order. */
  onSelf(tick: number, lastSequence: number, values: BigInt64Array, nowMs: number): void {
    const at = this.instance.place(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const result = this.instance.call((wasm) =>
      wasm.drumline_prediction_on_self(this.handle, BigInt(tick), lastSequence, at, values.length, ns(nowMs)),
    );
    if (result < 0) throw new SimulationError(this.instance.failure());
  }

  onRefused(sequence: number): void {
    this.instance.call((wasm) => wasm.drumline_prediction_on_refused(this.handle, sequence));
  }

  /**
   * The player acts: what is shown changes at once. Gives the ticks that the command is to
   * carry; zeros before the first state. Sequences rise.
   */
  issue(command: PredictedCommand, nowMs: number): { applyTick: number; viewTick: number } {
    const { sequence, entityId, targetId, action, skill, x, y } = command;
    const ticks = this.instance.call((wasm) =>
      wasm.drumline_prediction_issue(this.handle, sequence, entityId, targetId, action, skill, x, y, ns(nowMs)),
    );
    return { applyTick: Number(ticks & 0xffffffffn), viewTick: Number((ticks >> 32n) & 0xffffffffn) };
  }

  /** What to show now; null before the first state of the own entity. */
  advance(nowMs: number): Shown | null {
    const at = this.instance.call((wasm) => wasm.drumline_prediction_advance(this.handle, ns(nowMs)));
    const raw = Array.from(new BigInt64Array(this.instance.copy(at, SHOWN_FIELDS * 8)), Number);
    if (raw[0] === 0) return null;
    return {
      x: raw[1] / FIXED_ONE,
      y: raw[2] / FIXED_ONE,
      offset: Math.hypot(raw[3], raw[4]) / FIXED_ONE,
      othersTick: raw[5] / 1e6 / this.tickMs,
      othersDelayMs: raw[6] / 1e6,
      inputDelayTicks: raw[7],
      tick: raw[8],
      confirmedTick: raw[9],
      corrections: raw[10],
      teleports: raw[11],
      longest: raw[12] / FIXED_ONE,
      lateCommands: raw[13],
    };
  }
}

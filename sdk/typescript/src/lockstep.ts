// A client in lockstep: runs the battle that the server relays, ahead of its word and with
// rollback, in WebAssembly: lockstep::LockstepClient of sdk/cpp/lockstep, exported by
// sdk/wasm/lockstep_api.hpp.
import { BattleView } from "./battle-view";
import { Instance, ns, SimulationError, type Exports } from "./instance";
import type { DesyncFields, SnapshotPartMessage, StatePartFields, TicksMessage, WelcomeMessage } from "./messages";
import type { PredictedCommand } from "./prediction";

/** What the client has stepped, and how it fares. */
export interface LockstepState {
  confirmedTick: number;
  confirmedHash: bigint;
  /** The ticks contain every own command up to this one. */
  confirmedSequence: number;
  predictedTick: number;
  inputDelayTicks: number;
  rollbacks: number;
  resimulatedTicks: number;
  lateCommands: number;
  /** Ticks after which the own state was another than the server's. */
  mismatches: number;
}

const STATE_FIELDS = 10;
const MESSAGE_FIELDS = 8;

/**
 * Of one session: each Welcome begins a new one. Times are milliseconds of one clock that
 * does not run back. A call throws SimulationError when the server's bytes are of no use or
 * the simulation is broken.
 */
export class Lockstep {
  private readonly instance: Instance;
  private readonly handle: number;
  private view: BattleView | null = null;

  /** SimulationModule.lockstep makes one. */
  constructor(module: WebAssembly.Module, welcome: WelcomeMessage) {
    this.instance = new Instance(module);
    const game = new TextEncoder().encode(welcome.game);
    const at = this.instance.place(game);
    this.handle = this.instance.call((wasm) =>
      wasm.drumline_lockstep_create(at, game.length, welcome.battle, welcome.player, BigInt(welcome.tick)),
    );
    if (this.handle === 0) throw new SimulationError(this.instance.failure());
  }

  onSnapshotPart(part: SnapshotPartMessage): void {
    const { tick, stateHash, infoBytes, totalBytes, offset, bytes } = part;
    this.take(bytes, (wasm, at) =>
      wasm.drumline_lockstep_on_snapshot_part(
        this.handle, BigInt(tick), stateHash, infoBytes, totalBytes, offset, at, bytes.length,
      ),
    );
  }

  /** A datagram that begins with 0x02. */
  onFrame(datagram: Uint8Array, nowMs: number): void {
    this.take(datagram, (wasm, at) => wasm.drumline_lockstep_on_frame(this.handle, at, datagram.length, ns(nowMs)));
  }

  onTicks({ firstTick, bytes }: TicksMessage): void {
    this.take(bytes, (wasm, at) => wasm.drumline_lockstep_on_ticks(this.handle, BigInt(firstTick), at, bytes.length));
  }

  onRefused(sequence: number): void {
    this.instance.call((wasm) => wasm.drumline_lockstep_on_refused(this.handle, sequence));
  }

  onRoundTrip(sampleMs: number, nowMs: number): void {
    this.instance.call((wasm) => wasm.drumline_lockstep_on_round_trip(this.handle, ns(sampleMs), ns(nowMs)));
  }

  /** Steps what has come, and what is shown to where it should be by now. */
  advance(nowMs: number): void {
    this.check(this.instance.call((wasm) => wasm.drumline_lockstep_advance(this.handle, ns(nowMs))));
  }

  /** The tick that the command is to carry; 0 while nothing runs. Sequences rise. */
  issue(command: PredictedCommand, nowMs: number): number {
    const { sequence, entityId, targetId, action, skill, x, y } = command;
    return (
      this.instance.call((wasm) =>
        wasm.drumline_lockstep_issue(this.handle, sequence, entityId, targetId, action, skill, x, y, ns(nowMs)),
      ) >>> 0
    );
  }

  /** Null while the battle's state is not here. */
  state(): LockstepState | null {
    const at = this.instance.call((wasm) => wasm.drumline_lockstep_state(this.handle));
    const raw = new BigInt64Array(this.instance.copy(at, STATE_FIELDS * 8));
    if (raw[0] === 0n) return null;
    const [, confirmedTick, , confirmedSequence, predictedTick, ...rest] = Array.from(raw, Number);
    const [inputDelayTicks, rollbacks, resimulatedTicks, lateCommands, mismatches] = rest;
    return {
      confirmedTick,
      confirmedHash: BigInt.asUintN(64, raw[2]),
      confirmedSequence,
      predictedTick,
      inputDelayTicks,
      rollbacks,
      resimulatedTicks,
      lateCommands,
      mismatches,
    };
  }

  /**
   * The battle as it is to be shown, as of the last advance(); its events are those of the
   * ticks that were shown first by it. Null while it does not run.
   */
  shown(): BattleView | null {
    if (!this.state()) return null;
    const battle = this.instance.call((wasm) => wasm.drumline_lockstep_shown(this.handle));
    return (this.view ??= new BattleView(this.instance, battle));
  }

  /** What the server is to be told, after a mismatch. */
  takeMessages(): Array<DesyncFields | StatePartFields> {
    const messages: Array<DesyncFields | StatePartFields> = [];
    for (;;) {
      const at = this.instance.call((wasm) => wasm.drumline_lockstep_take_message(this.handle));
      if (at === 0) return messages;
      const [isPart, tick, hash, expected, total, offset, address, size] = new BigUint64Array(
        this.instance.copy(at, MESSAGE_FIELDS * 8),
      );
      if (isPart === 0n) {
        messages.push({ type: "desync", tick, hash, expected });
      } else {
        const bytes = new Uint8Array(this.instance.copy(Number(address), Number(size)));
        messages.push({ type: "state_part", tick, totalBytes: Number(total), offset: Number(offset), bytes });
      }
    }
  }

  private take(bytes: Uint8Array, call: (wasm: Exports, at: number) => number): void {
    const at = this.instance.place(bytes);
    this.check(this.instance.call((wasm) => call(wasm, at)));
  }

  private check(result: number): void {
    if (result < 0) throw new SimulationError(this.instance.failure());
  }
}

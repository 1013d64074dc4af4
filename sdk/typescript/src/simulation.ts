// The battle's own step in WebAssembly: the same state hashes as the server's, tick
// by tick. simulation.wasm and what it exports: sdk/wasm/simulation_api.hpp.
import { BattleView } from "./battle-view";
import { MalformedError } from "./bytes";
import { Instance, SimulationError } from "./instance";
import { Lockstep } from "./lockstep";
import type { WelcomeMessage } from "./messages";
import { Prediction } from "./prediction";

export interface StepOutcome {
  readonly tick: number;
  /** Of the state after the tick. */
  readonly hash: bigint;
  /** The hash that the payload names: another one here means that the two sides diverged. */
  readonly recordedHash: bigint;
  /** False when an input had no effect, as it never is with what a server recorded. */
  readonly accepted: boolean;
}

function create(instance: Instance, info: Uint8Array, snapshot: Uint8Array): number {
  const at = instance.place(info, snapshot);
  const battle = instance.call((wasm) =>
    wasm.drumline_create(at, info.length, at + info.length, snapshot.length),
  );
  if (battle === 0) throw new SimulationError(instance.failure());
  return battle;
}

/** One battle, stepped here. Each has a WebAssembly instance of its own. */
export class Simulation extends BattleView {
  /** SimulationModule.fromParts makes one. */
  constructor(module: WebAssembly.Module, private readonly info: Uint8Array, snapshot: Uint8Array = new Uint8Array()) {
    const instance = new Instance(module);
    super(instance, create(instance, info, snapshot));
  }

  /**
   * Advances by one tick with a tick record's payload (docs/formats/journal.md). A
   * payload that does not parse throws MalformedError and changes nothing.
   */
  step(payload: Uint8Array): StepOutcome {
    const at = this.instance.place(payload);
    const result = this.instance.call((wasm) => wasm.drumline_step(this.battle, at, payload.length));
    if (result < 0) throw new MalformedError(this.instance.failure());
    const recordedHash = new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true);
    return { tick: this.tick, hash: this.hash, recordedHash, accepted: result === 1 };
  }

  /**
   * Puts the battle where a snapshot of it was taken. Throws SimulationError, and
   * changes nothing, when the snapshot does not hold up.
   */
  restore(snapshot: Uint8Array): void {
    const battle = create(this.instance, this.info, snapshot);
    this.instance.call((wasm) => wasm.drumline_free(this.battle));
    this.battle = battle;
  }
}

/** simulation.wasm, compiled: makes battles. */
export class SimulationModule {
  /** A server runs the same simulation exactly when it names this id. */
  readonly id: string;

  constructor(private readonly module: WebAssembly.Module) {
    const instance = new Instance(module);
    this.id = instance.call((wasm) => instance.text(wasm.drumline_simulation_id()));
  }

  /**
   * A battle from a journal's battle_created payload, at tick 0 or, with a snapshot,
   * at its tick. Throws SimulationError when it is of another game or simulation, or
   * the bytes do not hold up.
   */
  fromParts(info: Uint8Array, snapshot?: Uint8Array): Simulation {
    return new Simulation(this.module, info, snapshot);
  }

  /**
   * Predicts the own entity in the battle of this Welcome. `rules` is the battle's rules
   * document; none: the game's default one. Throws SimulationError, with the reason, when
   * the server runs another simulation or other rules, or the game does not say how its
   * entities move.
   */
  predict(welcome: WelcomeMessage, rules = ""): Prediction {
    this.expectSame(welcome);
    return new Prediction(this.module, welcome, rules);
  }

  /** A client in lockstep in the battle of this Welcome. Throws SimulationError as predict() does. */
  lockstep(welcome: WelcomeMessage): Lockstep {
    this.expectSame(welcome);
    return new Lockstep(this.module, welcome);
  }

  private expectSame({ simulationId }: WelcomeMessage): void {
    if (simulationId === this.id) return;
    throw new SimulationError(`the server runs simulation ${simulationId || "?"}, this is ${this.id}`);
  }
}

/** Compiles simulation.wasm from its bytes or from an address that fetch() knows. */
export async function loadSimulation(from: BufferSource | string | URL): Promise<SimulationModule> {
  let bytes = from;
  if (typeof bytes === "string" || bytes instanceof URL) {
    const response = await fetch(bytes);
    if (!response.ok) throw new SimulationError(`${bytes}: ${response.status} ${response.statusText}`);
    bytes = await response.arrayBuffer();
  }
  return new SimulationModule(await WebAssembly.compile(bytes));
}

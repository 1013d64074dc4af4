// One instance of simulation.wasm: its memory, and calls into it. What it exports:
// sdk/wasm/simulation_api.hpp, prediction_api.hpp and lockstep_api.hpp.

/** What the simulation refused, or found broken in itself. */
export class SimulationError extends Error {}

export interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  drumline_simulation_id(): number;
  drumline_error(): number;
  drumline_allocate(size: number): number;
  drumline_release(memory: number): void;
  drumline_free(battle: number): void;
  drumline_create(created: number, createdSize: number, snapshot: number, snapshotSize: number): number;
  drumline_step(battle: number, payload: number, size: number): number;
  drumline_tick(battle: number): bigint;
  drumline_state_hash(battle: number): bigint;
  drumline_result_size(battle: number): number;
  drumline_schema(battle: number): number;
  drumline_map_description(battle: number): number;
  drumline_snapshot(battle: number): number;
  drumline_slots(battle: number, table: number): number;
  drumline_generations(battle: number, table: number): number;
  drumline_column(battle: number, table: number, column: number): number;
  drumline_events(battle: number): number;
  drumline_prediction_create(
    game: number, gameSize: number, rules: number, rulesSize: number, rulesHash: bigint,
    map: number, mapSize: number, mapWidth: bigint,
  ): number;
  drumline_prediction_free(prediction: number): void;
  drumline_prediction_on_round_trip(prediction: number, sampleNs: bigint, now: bigint): void;
  drumline_prediction_on_frame(prediction: number, tick: bigint, lastSequence: number, now: bigint): void;
  drumline_prediction_on_self(
    prediction: number, tick: bigint, lastSequence: number, values: number, count: number, now: bigint,
  ): number;
  drumline_prediction_on_refused(prediction: number, sequence: number): void;
  drumline_prediction_issue(
    prediction: number, sequence: number, entity: bigint, target: bigint, action: number, skill: number,
    x: number, y: number, now: bigint,
  ): bigint;
  drumline_prediction_advance(prediction: number, now: bigint): number;
  drumline_lockstep_create(game: number, gameSize: number, battle: bigint, player: number, tick: bigint): number;
  drumline_lockstep_free(lockstep: number): void;
  drumline_lockstep_on_snapshot_part(
    lockstep: number, tick: bigint, stateHash: bigint, infoBytes: number, totalBytes: number, offset: number,
    bytes: number, size: number,
  ): number;
  drumline_lockstep_on_frame(lockstep: number, datagram: number, size: number, now: bigint): number;
  drumline_lockstep_on_ticks(lockstep: number, firstTick: bigint, bytes: number, size: number): number;
  drumline_lockstep_on_refused(lockstep: number, sequence: number): void;
  drumline_lockstep_on_round_trip(lockstep: number, sampleNs: bigint, now: bigint): void;
  drumline_lockstep_advance(lockstep: number, now: bigint): number;
  drumline_lockstep_issue(
    lockstep: number, sequence: number, entity: bigint, target: bigint, action: number, skill: number,
    x: number, y: number, now: bigint,
  ): number;
  drumline_lockstep_state(lockstep: number): number;
  drumline_lockstep_shown(lockstep: number): number;
  drumline_lockstep_take_message(lockstep: number): number;
}

/** Milliseconds as WebAssembly takes times. */
export const ns = (ms: number): bigint => BigInt(Math.round(ms * 1e6));

/** One instance of the module: its memory, and calls into it. */
export class Instance {
  private readonly exports: Exports;
  private broken = false;
  /** Memory for what is passed in; grows. */
  private room = 0;
  private roomSize = 0;

  constructor(module: WebAssembly.Module) {
    this.exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.exports._initialize();
  }

  /** After a trap nothing is certain any more: then the instance refuses to go on. */
  call<T>(run: (exports: Exports) => T): T {
    if (this.broken) throw new SimulationError("this simulation has failed before");
    try {
      return run(this.exports);
    } catch (error) {
      this.broken = true;
      const said = this.failure();
      throw new SimulationError(said || `the simulation failed: ${error instanceof Error ? error.message : error}`);
    }
  }

  failure(): string {
    return this.text(this.exports.drumline_error());
  }

  text(address: number): string {
    const bytes = new Uint8Array(this.exports.memory.buffer, address);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }

  /** A copy, as the memory moves on. */
  copy(address: number, size: number): ArrayBuffer {
    return this.exports.memory.buffer.slice(address, address + size);
  }

  /** Puts `parts` into the instance's memory, one after the other. */
  place(...parts: Uint8Array[]): number {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size > this.roomSize) {
      this.call((wasm) => {
        wasm.drumline_release(this.room);
        this.roomSize = Math.max(size, 2 * this.roomSize);
        this.room = wasm.drumline_allocate(this.roomSize);
      });
    }
    const into = new Uint8Array(this.exports.memory.buffer, this.room, size);
    let at = 0;
    for (const part of parts) {
      into.set(part, at);
      at += part.length;
    }
    return this.room;
  }
}

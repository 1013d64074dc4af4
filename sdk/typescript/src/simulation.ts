// The battle's own step in WebAssembly: the same state hashes as the server's, tick
// by tick. simulation.wasm and what it exports: sdk/wasm/simulation_api.hpp.
import { MalformedError } from "./bytes";
import { Instance, SimulationError, type Exports } from "./instance";
import type { WelcomeMessage } from "./messages";
import { Prediction } from "./prediction";
import { entityId, type GameEvent } from "./state-decoder";

export type FieldType = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "fixed";

export interface SimulationField {
  readonly name: string;
  readonly type: FieldType;
  /** Which coordinate of the row's position it is, if any. */
  readonly role: "" | "x" | "y";
}

export interface SimulationTable {
  readonly index: number;
  readonly name: string;
  /** Rows that it can hold. */
  readonly capacity: number;
  readonly fields: readonly SimulationField[];
}

/** A table's live rows by slot, each field a column of raw 64-bit numbers. */
export interface Columns {
  readonly slots: Uint32Array;
  readonly generations: Uint32Array;
  /** Signed types sign-extended; `u64` as its bits; `fixed` × 65536. */
  readonly values: readonly BigInt64Array[];
}

/** One live row, its values in their own units: 64-bit integers as bigint, the rest as number. */
export interface Row {
  readonly id: bigint;
  readonly slot: number;
  readonly generation: number;
  readonly values: Readonly<Record<string, number | bigint>>;
}

export interface StepOutcome {
  readonly tick: number;
  /** Of the state after the tick. */
  readonly hash: bigint;
  /** The hash that the payload names: another one here means that the two sides diverged. */
  readonly recordedHash: bigint;
  /** False when an input had no effect, as it never is with what a server recorded. */
  readonly accepted: boolean;
}

interface Schema {
  game: string;
  max_players: number;
  map: [number, number];
  tables: Array<Omit<SimulationTable, "index">>;
  events: string[];
}

const FIXED_ONE = 65536;
const EVENT_BYTES = 48;

/** One battle, stepped here. Each has a WebAssembly instance of its own. */
export class Simulation {
  readonly game: string;
  readonly maxPlayers: number;
  /** In the game's units. */
  readonly map: { readonly width: number; readonly height: number };
  readonly tables: readonly SimulationTable[];
  readonly eventNames: readonly string[];
  private readonly instance: Instance;
  private battle: number;

  /** SimulationModule.fromParts makes one. */
  constructor(module: WebAssembly.Module, private readonly info: Uint8Array, snapshot: Uint8Array = new Uint8Array()) {
    this.instance = new Instance(module);
    this.battle = this.create(snapshot);
    const schema = JSON.parse(new TextDecoder().decode(this.read((wasm) => wasm.drumline_schema(this.battle)))) as Schema;
    this.game = schema.game;
    this.maxPlayers = schema.max_players;
    this.map = { width: schema.map[0] / FIXED_ONE, height: schema.map[1] / FIXED_ONE };
    this.tables = schema.tables.map((table, index) => ({ index, ...table }));
    this.eventNames = schema.events;
  }

  get tick(): number {
    return Number(this.instance.call((wasm) => wasm.drumline_tick(this.battle)));
  }

  /** The state hash of the state as it stands (docs/determinism.md). */
  get hash(): bigint {
    return BigInt.asUintN(64, this.instance.call((wasm) => wasm.drumline_state_hash(this.battle)));
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
    const battle = this.create(snapshot);
    this.instance.call((wasm) => wasm.drumline_free(this.battle));
    this.battle = battle;
  }

  /** The state as it stands, as a snapshot (docs/formats/snapshot.md). */
  snapshot(): Uint8Array {
    return new Uint8Array(this.read((wasm) => wasm.drumline_snapshot(this.battle)));
  }

  /** What a client is told once of the map, in the game's own format (docs/formats/arena-map.md). */
  mapDescription(): Uint8Array {
    return new Uint8Array(this.read((wasm) => wasm.drumline_map_description(this.battle)));
  }

  table(name: string): SimulationTable | undefined {
    return this.tables.find((table) => table.name === name);
  }

  columns(table: SimulationTable): Columns {
    const { battle } = this;
    return {
      slots: new Uint32Array(this.read((wasm) => wasm.drumline_slots(battle, table.index))),
      generations: new Uint32Array(this.read((wasm) => wasm.drumline_generations(battle, table.index))),
      values: table.fields.map(
        (_, field) => new BigInt64Array(this.read((wasm) => wasm.drumline_column(battle, table.index, field))),
      ),
    };
  }

  rows(table: SimulationTable): Row[] {
    const { slots, generations, values } = this.columns(table);
    return Array.from(slots, (slot, i) => ({
      id: entityId(table.index, generations[i], slot),
      slot,
      generation: generations[i],
      values: Object.fromEntries(table.fields.map(({ name, type }, f) => [name, valueOf(type, values[f][i])])),
    }));
  }

  /** What the last step told: hits, shots, deaths. */
  events(): GameEvent[] {
    const view = new DataView(this.read((wasm) => wasm.drumline_events(this.battle)));
    const { tick } = this;
    return Array.from({ length: view.byteLength / EVENT_BYTES }, (_, i) => {
      const at = i * EVENT_BYTES;
      const kind = Number(view.getBigUint64(at, true));
      return {
        tick,
        kind,
        name: this.eventNames[kind] ?? "",
        source: view.getBigUint64(at + 8, true),
        target: view.getBigUint64(at + 16, true),
        x: Number(view.getBigInt64(at + 24, true)) / FIXED_ONE,
        y: Number(view.getBigInt64(at + 32, true)) / FIXED_ONE,
        a: view.getInt32(at + 40, true),
        b: view.getInt32(at + 44, true),
      };
    });
  }

  private create(snapshot: Uint8Array): number {
    const { info } = this;
    const at = this.instance.place(info, snapshot);
    const battle = this.instance.call((wasm) =>
      wasm.drumline_create(at, info.length, at + info.length, snapshot.length),
    );
    if (battle === 0) throw new SimulationError(this.instance.failure());
    return battle;
  }

  private read(get: (wasm: Exports) => number): ArrayBuffer {
    const address = this.instance.call(get);
    if (address === 0) throw new SimulationError(this.instance.failure());
    return this.instance.copy(address, this.instance.call((wasm) => wasm.drumline_result_size(this.battle)));
  }
}

function valueOf(type: FieldType, raw: bigint): number | bigint {
  if (type === "fixed") return Number(raw) / FIXED_ONE;
  if (type === "u64") return BigInt.asUintN(64, raw);
  return type === "i64" ? raw : Number(raw);
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
    if (welcome.simulationId !== this.id) {
      throw new SimulationError(`the server runs simulation ${welcome.simulationId || "?"}, this is ${this.id}`);
    }
    return new Prediction(this.module, welcome, rules);
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

// A battle in WebAssembly's memory, to be read: its tables, rows and events. One that is
// stepped here (Simulation), or one that a lockstep client runs.
import { Instance, SimulationError, type Exports } from "./instance";
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

interface Schema {
  game: string;
  max_players: number;
  map: [number, number];
  tables: Array<Omit<SimulationTable, "index">>;
  events: string[];
}

const FIXED_ONE = 65536;
const EVENT_BYTES = 48;

export class BattleView {
  readonly game: string;
  readonly maxPlayers: number;
  /** In the game's units. */
  readonly map: { readonly width: number; readonly height: number };
  readonly tables: readonly SimulationTable[];
  readonly eventNames: readonly string[];

  /** `battle`: its address in the instance. */
  constructor(protected readonly instance: Instance, protected battle: number) {
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

  /** What the last step told, or of a lockstep client's battle the last advance(): hits, shots, deaths. */
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

  protected read(get: (wasm: Exports) => number): ArrayBuffer {
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

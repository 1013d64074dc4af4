// Reads state frames (docs/formats/state-frame.md) and keeps what they say: the
// entities of every stream as of the newest tick in which it was heard of.
import { ByteReader, MalformedError } from "./bytes";
import { KeyAcks } from "./key-acks";
import type { FieldSchema, TableSchema } from "./messages";

/** More would be an attack; a body has at least a bit for each. */
const MAX_ENTITIES = 1 << 16;
const MAX_STREAMS = 1 << 14;
/** An acknowledgement has 24 bits for the stream. */
const MAX_ACK_STREAM = 2 ** 24;
/** Key frames kept of a stream; the server refers to recent ones only. */
const KEYS_PER_STREAM = 4;
/** Events are repeated for a few ticks; one that is older than this is forgotten. */
const EVENT_MEMORY_TICKS = 256;
/** Without a word of their stream, entities are out of sight after this long… */
const FORGET_ENTITIES_TICKS = 128;
/** …and the stream's key frames are of no use any more after this long. */
const FORGET_STREAM_TICKS = 1024;
const HEAD_BYTES = 12;
const PADDED = 1; // a bit of the flags
const SWEEP_TICKS = 32;

export class Entity {
  /** In the order of the table's fields, in their own units. */
  readonly values: Float64Array;
  /** The tick whose state `values` are. */
  tick = 0;
  /** Decoder's own: the stream it was last in, and the pass that saw it there. */
  stream = -1;
  pass = 0;

  constructor(readonly table: TableState, readonly slot: number, readonly generation: number) {
    this.values = new Float64Array(table.fields.length);
  }

  /** The wire's entity_id. */
  get id(): bigint {
    return entityId(this.table.index, this.generation, this.slot);
  }
}

export function entityId(table: number, generation: number, slot: number): bigint {
  return (BigInt(table) << 56n) | (BigInt(generation & 0xffffff) << 32n) | BigInt(slot >>> 0);
}

/** The parts of an entity_id. */
export function splitEntityId(id: bigint): { table: number; generation: number; slot: number } {
  return {
    table: Number(id >> 56n),
    generation: Number((id >> 32n) & 0xffffffn),
    slot: Number(id & 0xffffffffn),
  };
}

/** More slots than any table has; with the generation's 24 bits a key is a safe integer. */
const SLOT_LIMIT = 2 ** 29;
const keyOf = (slot: number, generation: number): number => (generation & 0xffffff) * SLOT_LIMIT + slot;

/** The entities of one table that are known now. */
export class TableState {
  readonly index: number;
  readonly name: string;
  readonly fields: readonly FieldSchema[];
  /**
   * By slot and generation. Of a slot that was freed and taken again both may
   * be here for a moment: the newer generation is the one that lives.
   */
  readonly entities = new Map<number, Entity>();
  /** Places of the position in `Entity.values`; −1 when the table has none. */
  readonly xField: number;
  readonly yField: number;
  private readonly scales: Float64Array;

  constructor(schema: TableSchema) {
    this.index = schema.index;
    this.name = schema.name;
    this.fields = schema.fields;
    this.scales = Float64Array.from(schema.fields, (f) => 2 ** f.shift / (f.isFixed ? 65536 : 1));
    this.xField = schema.fields.findIndex((f) => f.role === 1);
    this.yField = schema.fields.findIndex((f) => f.role === 2);
  }

  /** The place of a field in `Entity.values`; −1 when it is not sent. */
  field(name: string): number {
    return this.fields.findIndex((f) => f.name === name);
  }

  get(slot: number, generation: number): Entity | undefined {
    return this.entities.get(keyOf(slot, generation));
  }

  /** An entity's values as they were sent, not in the fields' units. */
  sent(entity: Entity): BigInt64Array {
    return BigInt64Array.from(entity.values, (value, field) => BigInt(value / this.scales[field]));
  }

  /** Writes a column of quantised values into entities, in the field's unit. */
  write(field: number, column: Uint32Array, into: ReadonlyArray<Entity | null>): void {
    const scale = this.scales[field];
    const { bits, isSigned } = this.fields[field];
    const shift = 32 - bits;
    for (let i = 0; i < into.length; i++) {
      const entity = into[i];
      if (entity) entity.values[field] = (isSigned ? (column[i] << shift) >> shift : column[i]) * scale;
    }
  }
}

export interface GameEvent {
  tick: number;
  kind: number;
  /** The game's name for the kind; "" when it has none. */
  name: string;
  source: bigint;
  target: bigint;
  x: number;
  y: number;
  a: number;
  b: number;
}

/** Quantised entities of one table, as columns. */
interface Columns {
  table: TableState;
  slots: Uint32Array;
  generations: Uint32Array;
  values: Uint32Array[];
}

interface KeyFrame {
  tick: number;
  tables: Array<Columns | undefined>; // by table index
}

interface Stream {
  number: number;
  /** Of the state; −1 before the first. */
  tick: number;
  /** Tick of the newest frame that spoke of it. */
  heard: number;
  keys: Map<number, KeyFrame>;
  members: Entity[];
  /** Events already told: tick × 256 + number. */
  events: Set<number>;
}

const mask = (bits: number): number => (bits === 32 ? 0xffffffff : (1 << bits) - 1);

export class StateDecoder {
  readonly tables: TableState[];
  /** Tick of the newest frame. */
  tick: number;
  /** Highest cmd_id of ours that the newest frame's state contains. */
  commandId = 0;
  /** Players seated in the battle. */
  players = 0;
  /** Of the last apply(): what happened, told once each. */
  events: GameEvent[] = [];
  /** Of the last apply(): who is known no more. */
  removed: Entity[] = [];
  /** `padding` of the bytes; `streams`: of each frame, those that it spoke of. */
  readonly stats = { frames: 0, bytes: 0, padding: 0, streams: 0, chunks: 0, keys: 0, skippedDeltas: 0, malformed: 0 };

  private readonly byIndex: Array<TableState | undefined> = [];
  private readonly streams = new Map<number, Stream>();
  private readonly acks = new KeyAcks();
  private pass = 0;
  private swept = 0;
  private lapsed: Entity[] = [];

  constructor(schema: readonly TableSchema[], private readonly eventNames: readonly string[], tick: number) {
    this.tick = tick;
    this.tables = schema.map((table) => new TableState(table));
    for (const table of this.tables) this.byIndex[table.index] = table;
  }

  table(name: string): TableState | undefined {
    return this.tables.find((table) => table.name === name);
  }

  find(id: bigint): Entity | undefined {
    const { table, generation, slot } = splitEntityId(id);
    return this.byIndex[table]?.get(slot, generation);
  }

  /**
   * Key frames that were never acknowledged are waiting: worth a message of its own. Repeats
   * ride along; should one be lost, the server sends its key frame again.
   */
  get hasNewAcks(): boolean {
    return this.acks.hasNew;
  }

  /** Values for the next command's key_acks; each is given out three times. */
  takeAcks(limit = 32): number[] {
    return this.acks.take(limit);
  }

  /**
   * Takes one state frame. False when it was malformed: then what stood before
   * the fault has been applied, which is harmless, and the rest is dropped.
   */
  apply(datagram: Uint8Array): boolean {
    this.events = [];
    this.removed = [];
    this.lapsed = [];
    this.stats.frames++;
    this.stats.bytes += datagram.length;
    let whole = true;
    try {
      this.readFrame(datagram);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.stats.malformed++;
      whole = false;
    }
    if (this.tick - this.swept >= SWEEP_TICKS) this.sweep();
    for (const entity of this.lapsed) {
      // Gone from its stream and, after the whole frame, in no other.
      const stream = this.streams.get(entity.stream);
      if (stream && stream.members.includes(entity)) continue;
      entity.table.entities.delete(keyOf(entity.slot, entity.generation));
      this.removed.push(entity);
    }
    return whole;
  }

  private readFrame(datagram: Uint8Array): void {
    let end = datagram.length;
    if (end > HEAD_BYTES && (datagram[1] & PADDED) !== 0) {
      const padding = datagram[end - 1];
      if (padding === 0 || padding > end - HEAD_BYTES) throw new MalformedError("the padding makes no sense");
      end -= padding;
      this.stats.padding += padding;
    }
    const reader = new ByteReader(datagram, end);
    if (reader.u8() !== 0x01) throw new MalformedError("not a state frame");
    reader.u8();
    const tick = this.wholeTick(reader.u32());
    const commandId = reader.u32();
    const players = reader.u16();
    if (tick >= this.tick) {
      this.tick = tick;
      this.commandId = commandId;
      this.players = players;
    }
    // A key frame is followed by its stream's delta.
    let previous = -1;
    while (reader.remaining > 0) {
      const number = reader.varint();
      if (number !== previous) this.stats.streams++;
      previous = number;
      const type = reader.u8();
      const key = reader.u8();
      const age = type === 1 ? reader.varint() : 0;
      const length = reader.varint();
      if (type > 1 || length > reader.remaining) throw new MalformedError("a chunk makes no sense");
      const body = new ByteReader(datagram.subarray(reader.at, reader.at + length));
      reader.at += length;
      this.stats.chunks++;
      const stream = this.stream(number);
      stream.heard = Math.max(stream.heard, tick);
      if (type === 1) this.readKey(body, stream, key, tick, tick - age);
      else this.readDelta(body, stream, key, tick);
    }
  }

  /** The tick nearest to what we know whose low 32 bits these are. */
  private wholeTick(low: number): number {
    const span = 2 ** 32;
    const near = Math.floor(this.tick / span) * span + low;
    if (near - this.tick > span / 2 && near >= span) return near - span;
    return this.tick - near > span / 2 ? near + span : near;
  }

  private stream(number: number): Stream {
    let stream = this.streams.get(number);
    if (!stream) {
      if (this.streams.size >= MAX_STREAMS) throw new MalformedError("too many streams");
      stream = { number, tick: -1, heard: this.tick, keys: new Map(), members: [], events: new Set() };
      this.streams.set(number, stream);
    }
    return stream;
  }

  private sweep(): void {
    this.swept = this.tick;
    for (const stream of this.streams.values()) {
      const silent = this.tick - stream.heard;
      if (silent > FORGET_STREAM_TICKS) this.streams.delete(stream.number);
      if (silent <= FORGET_ENTITIES_TICKS) continue;
      for (const entity of stream.members) if (entity.stream === stream.number) this.lapsed.push(entity);
      stream.members = [];
    }
  }

  private knownTable(index: number): TableState {
    const table = this.byIndex[index];
    if (!table) throw new MalformedError(`there is no table ${index}`);
    return table;
  }

  private readFullEntries(reader: ByteReader, table: TableState, count: number): Columns {
    if (count > MAX_ENTITIES || count > reader.remaining) throw new MalformedError("too many entities");
    const slots = new Uint32Array(count);
    const generations = new Uint32Array(count);
    let slot = 0;
    for (let i = 0; i < count; i++) {
      slot += reader.varint();
      if (slot >= SLOT_LIMIT) throw new MalformedError("a slot is too large");
      slots[i] = slot;
    }
    for (let i = 0; i < count; i++) generations[i] = reader.varint() % 2 ** 24;
    const values = table.fields.map((field) => {
      const column = new Uint32Array(count);
      for (let i = 0; i < count; i++) column[i] = reader.bits(field.bits);
      return column;
    });
    reader.endBits();
    return { table, slots, generations, values };
  }

  private readKey(reader: ByteReader, stream: Stream, number: number, tick: number, keyTick: number): void {
    const key: KeyFrame = { tick: keyTick, tables: [] };
    while (reader.remaining > 0) {
      const table = this.knownTable(reader.u8());
      const count = reader.varint();
      if (count < 1 || key.tables[table.index]) throw new MalformedError("a key's section makes no sense");
      key.tables[table.index] = this.readFullEntries(reader, table, count);
    }
    this.stats.keys++;
    stream.keys.delete(number);
    stream.keys.set(number, key);
    if (stream.keys.size > KEYS_PER_STREAM) {
      for (const oldest of stream.keys.keys()) {
        stream.keys.delete(oldest);
        break;
      }
    }
    // One that came late is of no use any more.
    const isNewest = [...stream.keys.values()].every((other) => other.tick <= keyTick);
    if (isNewest && stream.number < MAX_ACK_STREAM) this.acks.add(stream.number, number);
    if (keyTick === tick && tick > stream.tick) {
      this.replace(stream, tick, key.tables.filter((columns) => columns !== undefined) as Columns[]);
    }
  }

  private readDelta(reader: ByteReader, stream: Stream, number: number, tick: number): void {
    const key = stream.keys.get(number);
    if (!key) {
      this.stats.skippedDeltas++;
      return;
    }
    const now: Columns[] = [];
    const tables = key.tables.slice();
    const sections = reader.u8();
    for (let s = 0; s < sections; s++) {
      const table = this.knownTable(reader.u8());
      this.readSection(reader, table, key.tables[table.index], now);
      tables[table.index] = undefined;
    }
    for (const columns of tables) if (columns) now.push(columns);
    if (tick >= stream.tick) this.replace(stream, tick, now);
    if (reader.remaining > 0) this.readEvents(reader, stream, tick);
  }

  private readSection(reader: ByteReader, table: TableState, key: Columns | undefined, now: Columns[]): void {
    const goneMode = reader.u8();
    if (goneMode > 2) throw new MalformedError("a gone mode makes no sense");
    if (key && goneMode !== 2) now.push(this.readChanges(reader, table, key, goneMode === 1));
    reader.endBits();
    const newcomers = reader.varint();
    if (newcomers > 0) now.push(this.readFullEntries(reader, table, newcomers));
  }

  private readChanges(reader: ByteReader, table: TableState, key: Columns, someGone: boolean): Columns {
    let staying: number[] | null = null;
    if (someGone) {
      staying = [];
      for (let i = 0; i < key.slots.length; i++) if (reader.bits(1) === 0) staying.push(i);
    }
    const n = staying ? staying.length : key.slots.length;
    const pick = (from: Uint32Array): Uint32Array => {
      if (!staying) return from;
      const picked = new Uint32Array(n);
      for (let i = 0; i < n; i++) picked[i] = from[staying[i]];
      return picked;
    };
    const values = table.fields.map((field, f) => {
      const mode = reader.bits(2);
      if (mode === 0) return pick(key.values[f]);
      if (mode === 3) throw new MalformedError("a field's mode makes no sense");
      const column = staying ? pick(key.values[f]) : key.values[f].slice();
      const width = reader.bits(5) + 1;
      const keep = mask(field.bits);
      let marked: Uint8Array | undefined;
      if (mode === 2) {
        marked = new Uint8Array(n);
        for (let i = 0; i < n; i++) marked[i] = reader.bits(1);
      }
      for (let i = 0; i < n; i++) {
        if (marked && marked[i] === 0) continue;
        const zigzag = reader.bits(width);
        const difference = (zigzag >>> 1) ^ -(zigzag & 1);
        column[i] = ((column[i] + difference) & keep) >>> 0;
      }
      return column;
    });
    return { table, slots: pick(key.slots), generations: pick(key.generations), values };
  }

  /** The stream's entities at `tick` are these and no others. */
  private replace(stream: Stream, tick: number, now: Columns[]): void {
    const pass = ++this.pass;
    const before = stream.members;
    const members: Entity[] = [];
    stream.tick = tick;
    for (const { table, slots, generations, values } of now) {
      const found: Array<Entity | null> = [];
      for (let i = 0; i < slots.length; i++) {
        const key = keyOf(slots[i], generations[i]);
        let entity = table.entities.get(key);
        if (entity && entity.tick > tick && entity.stream !== stream.number) {
          found.push(null); // newer elsewhere
          continue;
        }
        if (!entity) {
          entity = new Entity(table, slots[i], generations[i]);
          table.entities.set(key, entity);
        }
        found.push(entity);
        entity.tick = tick;
        entity.stream = stream.number;
        entity.pass = pass;
        members.push(entity);
      }
      for (let f = 0; f < values.length; f++) table.write(f, values[f], found);
    }
    stream.members = members;
    for (const entity of before) {
      if (entity.pass !== pass && entity.stream === stream.number) this.lapsed.push(entity);
    }
  }

  private readEvents(reader: ByteReader, stream: Stream, tick: number): void {
    const count = reader.varint();
    for (let i = 0; i < count; i++) {
      const eventTick = tick - reader.u8();
      const number = reader.u8();
      const kind = reader.u8();
      const source = reader.varint64();
      const target = reader.varint64();
      const x = reader.i32() / 64;
      const y = reader.i32() / 64;
      const a = reader.zigzag();
      const b = reader.zigzag();
      const name = eventTick * 256 + number;
      if (stream.events.has(name)) continue;
      stream.events.add(name);
      this.events.push({ tick: eventTick, kind, name: this.eventNames[kind] ?? "", source, target, x, y, a, b });
    }
    if (stream.events.size > 512) {
      for (const name of stream.events) {
        if (name < (tick - EVENT_MEMORY_TICKS) * 256) stream.events.delete(name);
      }
    }
  }
}

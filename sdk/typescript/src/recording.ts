// A recorded battle as a file (docs/formats/recording.md): its parts, checked.
import { MalformedError } from "./bytes";
import { crc32c } from "./crc32c";

const HEADER_BYTES = 88;
const BLOCK_HEADER_BYTES = 24;
const TRAILER_BYTES = 32;
const VERSION = 1;
const HASH_VERSION = 1;
/** A tick is a number here, and above this some are not (the format goes to 2^60). */
const MAX_TICK = BigInt(Number.MAX_SAFE_INTEGER);
/** A tick payload begins with the state hash, flags and the number of inputs. */
const TICK_HEAD_BYTES = 14;
/** More places than this say nothing new, and a page shows them all. */
const MAX_DAMAGE = 100;
/** As for blocks in the format; a browser holds a file whole. */
export const MAX_RECORDING_BYTES = 2 ** 30;

const enum Kind {
  battle = 1,
  tick = 2,
  snapshot = 3,
  index = 4,
}
const KIND_NAMES = ["", "battle", "tick", "snapshot", "index"];

interface Block {
  kind: Kind;
  number: number;
  tick: bigint;
  payload: Uint8Array;
  /** Offset of the block after it. */
  next: number;
  /** What does not hold; "" when all does. */
  why: string;
}

export interface StoredState {
  readonly tick: number;
  /** As in docs/formats/snapshot.md. */
  readonly content: Uint8Array;
}

/** A place that does not hold. The recording is played around it. */
export interface Damage {
  readonly offset: number;
  readonly what: string;
}

function refuse(offset: number, what: string): never {
  throw new MalformedError(`offset ${offset}: ${what}`);
}

/** Payloads are views of the file's bytes, not copies. */
export class Recording {
  readonly battle: bigint;
  readonly epoch: bigint;
  /** Of the state that it begins with. */
  readonly firstTick: number;
  /** Of the program that recorded. */
  readonly simulation: string;
  readonly build: string;
  /** The battle_created payload (docs/formats/journal.md). */
  readonly info: Uint8Array;
  /** By tick, ascending; the first is that of `firstTick`. */
  readonly states: readonly StoredState[];
  readonly damage: readonly Damage[];
  private readonly ticks: ReadonlyArray<Uint8Array | null>;

  /**
   * Reads a whole file; every checksum is compared. Throws MalformedError, with the
   * offset, when header, battle block or first state do not hold: then nothing can be
   * played. What does not hold later is listed in `damage`.
   */
  constructor(bytes: Uint8Array) {
    if (bytes.length > MAX_RECORDING_BYTES) refuse(0, `the file has ${bytes.length} bytes, more than ${MAX_RECORDING_BYTES}`);
    const header = readHeader(bytes);
    this.battle = header.battle;
    this.epoch = header.epoch;
    this.firstTick = header.firstTick;
    this.simulation = header.simulation;
    this.build = header.build;
    const battle = blockAt(bytes, HEADER_BYTES);
    if (battle.why) refuse(HEADER_BYTES, battle.why);
    if (battle.kind !== Kind.battle || battle.number !== 0) refuse(HEADER_BYTES, "the battle's description should stand here");
    this.info = battle.payload;
    const body = readBody(bytes, battle.next, this.firstTick);
    this.ticks = body.ticks;
    this.states = body.states;
    this.damage = body.damage;
  }

  get lastTick(): number {
    return this.firstTick + this.ticks.length;
  }

  /** The payload of a tick; null where it is damaged or there is none. */
  tick(tick: number): Uint8Array | null {
    return this.ticks[tick - this.firstTick - 1] ?? null;
  }

  /** The last state kept at or before a tick; before the first one, the first. */
  stateBefore(tick: number): StoredState {
    let low = 0;
    for (let high = this.states.length; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if (this.states[middle].tick <= tick) low = middle;
      else high = middle;
    }
    return this.states[low];
  }
}

function viewOf(bytes: Uint8Array, offset: number, size: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readHeader(bytes: Uint8Array) {
  if (bytes.length < HEADER_BYTES) refuse(0, `the file has ${bytes.length} bytes, fewer than a recording's header`);
  if (textOf(bytes.subarray(0, 8)) !== "DRUMREC1") refuse(0, "the file does not begin with DRUMREC1, so it is no recording");
  const view = viewOf(bytes, 0, HEADER_BYTES);
  if (view.getUint32(84, true) !== crc32c(bytes.subarray(0, 84))) refuse(0, "the header's checksum does not hold");
  const version = view.getUint32(8, true);
  if (version !== VERSION) refuse(8, `the recording has version ${version}; version ${VERSION} can be read here`);
  const hashVersion = view.getUint32(12, true);
  if (hashVersion !== HASH_VERSION) refuse(12, `its state hashes have version ${hashVersion}; version ${HASH_VERSION} is known here`);
  const firstTick = view.getBigUint64(32, true);
  if (firstTick > MAX_TICK) refuse(32, `the first tick, ${firstTick}, is out of range`);
  if (view.getUint32(40, true) === 0 || view.getUint32(44, true) !== 0 || view.getUint32(80, true) !== 0) {
    refuse(40, "the header's fields are out of range");
  }
  return {
    battle: view.getBigUint64(16, true),
    epoch: view.getBigUint64(24, true),
    firstTick: Number(firstTick),
    simulation: textOf(bytes.subarray(48, 64)),
    build: textOf(bytes.subarray(64, 80)),
  };
}

/** `next` is 0 when no block can be told from what stands there. */
function blockAt(bytes: Uint8Array, offset: number): Block {
  const block: Block = { kind: Kind.battle, number: 0, tick: 0n, payload: bytes.subarray(0, 0), next: 0, why: "" };
  if (bytes.length - offset < BLOCK_HEADER_BYTES) {
    block.why = "the file ends here, where a block should stand: it was cut off or never finished";
    return block;
  }
  const view = viewOf(bytes, offset, BLOCK_HEADER_BYTES);
  const size = view.getUint32(4, true);
  const kind = view.getUint32(8, true);
  if (kind < Kind.battle || kind > Kind.index) {
    block.why = "no block stands here: its kind is out of range";
    return block;
  }
  block.kind = kind;
  block.number = view.getUint32(12, true);
  block.tick = view.getBigUint64(16, true);
  const name = `the ${KIND_NAMES[kind]} block of tick ${block.tick}`;
  const next = offset + BLOCK_HEADER_BYTES + size;
  if (next > bytes.length) {
    block.why = `${name} reaches past the end of the file: it was cut off`;
    return block;
  }
  block.next = next;
  block.payload = bytes.subarray(offset + BLOCK_HEADER_BYTES, next);
  if (view.getUint32(0, true) !== crc32c(bytes.subarray(offset + 4, next))) {
    block.why = `${name} is damaged: its checksum does not hold`;
  } else if (kind === Kind.tick && size < TICK_HEAD_BYTES) {
    block.why = `${name} is too short`;
  }
  return block;
}

/** All after the battle block, up to where blocks stop to follow each other. */
function readBody(bytes: Uint8Array, begin: number, firstTick: number) {
  const ticks: Array<Uint8Array | null> = [];
  const states: StoredState[] = [];
  const damage: Damage[] = [];
  const damaged = (offset: number, what: string): void => {
    if (damage.length < MAX_DAMAGE) damage.push({ offset, what });
  };
  let offset = begin;
  // Damaged blocks just before this one. Each was a state or one tick, it cannot be said which.
  let skipped = 0;
  for (let number = 1; ; number++) {
    const block = blockAt(bytes, offset);
    if (states.length === 0 && !(block.why === "" && block.kind === Kind.snapshot && block.number === number && block.tick === BigInt(firstTick))) {
      refuse(offset, block.why || "the state that the recording begins with should stand here");
    }
    if (block.why) {
      damaged(offset, block.why);
      // It is passed over when the block behind it holds and has the next number.
      const after = block.next === 0 ? null : blockAt(bytes, block.next);
      if (!after || after.why || after.number !== number + 1) break;
      skipped++;
      offset = block.next;
      continue;
    }
    if (block.number !== number) {
      damaged(offset, `block ${block.number} stands where block ${number} should`);
      break;
    }
    const last = firstTick + ticks.length;
    if (block.kind === Kind.index) {
      checkEnd(bytes, offset, block, last + skipped, damaged);
      break;
    }
    // How many of the damaged blocks were ticks.
    const lost = Number(block.tick - BigInt(last)) - (block.kind === Kind.tick ? 1 : 0);
    if (block.kind === Kind.battle || lost < 0 || lost > skipped) {
      damaged(offset, `a ${KIND_NAMES[block.kind]} block of tick ${block.tick} cannot stand after tick ${last}`);
      break;
    }
    for (let i = 0; i < lost; i++) ticks.push(null);
    skipped = 0;
    if (block.kind === Kind.tick) ticks.push(block.payload);
    else states.push({ tick: Number(block.tick), content: block.payload });
    offset = block.next;
  }
  return { ticks, states, damage };
}

/** The index and the trailer behind it. Nothing is read by them here, so they only tell whether the file is whole. */
function checkEnd(bytes: Uint8Array, offset: number, index: Block, lastAtMost: number, damaged: (offset: number, what: string) => void): void {
  const { payload } = index;
  const view = viewOf(payload, 0, payload.length);
  const fits =
    payload.length >= 16 &&
    view.getBigUint64(0, true) <= BigInt(lastAtMost) &&
    view.getUint32(8, true) === index.number &&
    payload.length === 16 + view.getUint32(12, true) * 16;
  if (!fits) damaged(offset, "the index does not fit what stands before it");
  if (bytes.length - index.next !== TRAILER_BYTES) {
    damaged(index.next, "the recording's end should stand here and the file end behind it");
    return;
  }
  const trailer = bytes.subarray(index.next);
  const end = viewOf(trailer, 0, TRAILER_BYTES);
  const holds =
    textOf(trailer.subarray(24)) === "DRUMEND1" &&
    end.getUint32(20, true) === crc32c(trailer.subarray(0, 20)) &&
    end.getBigUint64(0, true) === BigInt(offset) &&
    end.getBigUint64(8, true) === BigInt(bytes.length);
  if (!holds) damaged(index.next, "the recording's end does not hold");
}

// A battle of arena in simulation.wasm, behind a way that delays and loses. The one player
// in it sends commands, three times each as a client over datagrams does, and is sent the
// state every tick. Time is whole milliseconds.
import { execFileSync } from "node:child_process";

const SENT_POSITION = 32;

function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}
const zigzag = (value) => varint(value < 0 ? -2 * value - 1 : 2 * value);

/** A journal's tick payload (docs/formats/journal.md). */
function tickPayload(inputs) {
  const bytes = inputs.flat();
  const payload = new Uint8Array(14 + bytes.length);
  new DataView(payload.buffer).setUint32(10, inputs.length, true);
  payload.set(bytes, 14);
  return payload;
}

const join = () => [1, 0, 0, 0];
function move({ sequence, x, y, entity }) {
  const { table, generation, slot } = entity;
  const hasAim = x !== 0 || y !== 0;
  const who = [table, ...varint(generation), ...varint(slot)];
  return [0x08 | (hasAim ? 0x20 : 0), 0, ...varint(sequence), 1, 0, ...who, ...(hasAim ? [...zigzag(x), ...zigzag(y)] : [])];
}

export class ArenaOverLink {
  compared = 0;
  /** The largest distance of what was predicted of a tick from what it was. */
  worst = 0;
  applied = 0;
  up = [];
  down = [];
  predicted = new Map();

  constructor(build, module, { wayMs, jitterMs, lost, seed }) {
    let random = seed;
    this.random = () => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      return random / 2 ** 32;
    };
    Object.assign(this, { wayMs, jitterMs, lost });
    const recorded = execFileSync(`${build}/tests/determinism/determinism_runner`, ["arena", "ticks=1", "battles=1", "record=-"]);
    this.simulation = module.fromParts(new Uint8Array(recorded.subarray(8, 8 + recorded.readUInt32LE(4))));
    this.table = this.simulation.table("player");
    this.simulation.step(tickPayload([join()]));
    const [{ id, slot, generation }] = this.simulation.rows(this.table);
    this.entity = { table: this.table.index, generation, slot };
    this.welcome = { entityId: id, mapWidth: this.simulation.map.width, mapDescription: this.simulation.mapDescription() };
  }

  arrival(now) {
    return now + this.wayMs + Math.floor(this.random() * this.jitterMs);
  }

  send(command, now) {
    for (const copy of [0, 1, 2]) {
      if (this.random() >= this.lost) this.up.push({ ...command, due: this.arrival(now) + 48 * copy });
    }
  }

  /** One millisecond: the server's tick when it is due, and to the prediction what has come. */
  pass(now, prediction) {
    if (now % 16 === 0) this.step(now);
    if (now % 250 === 0) prediction.onRoundTrip(2 * this.wayMs + this.jitterMs, now);
    const due = this.down.filter((state) => state.due <= now);
    this.down = this.down.filter((state) => state.due > now);
    for (const { tick, applied, values } of due) {
      const guess = this.predicted.get(tick);
      if (guess) {
        const off = Math.hypot(guess[0] - Number(values[0]) / SENT_POSITION, guess[1] - Number(values[1]) / SENT_POSITION);
        this.compared++;
        this.worst = Math.max(this.worst, off);
        this.predicted.delete(tick);
      }
      prediction.onFrame(tick, applied, now);
      prediction.onSelf(tick, applied, values, now);
    }
    const shown = prediction.advance(now);
    if (shown && !this.predicted.has(shown.tick)) this.predicted.set(shown.tick, [shown.x, shown.y]);
  }

  step(now) {
    const next = this.simulation.tick + 1;
    const inputs = [];
    this.up = this.up.filter((command) => {
      if (command.due > now || command.applyTick > next) return true;
      if (command.sequence > this.applied) {
        this.applied = command.sequence;
        inputs.push(move({ ...command, entity: this.entity }));
      }
      return false;
    });
    const { accepted } = this.simulation.step(tickPayload(inputs));
    if (!accepted) throw new Error(`tick ${next}: the battle refused a command`);
    if (this.random() < this.lost) return;
    const [{ values }] = this.simulation.rows(this.table);
    const sent = [values.x * SENT_POSITION, values.y * SENT_POSITION, 0, 0, values.flags, 0].map((value) => BigInt(Math.floor(value)));
    this.down.push({ tick: next, applied: this.applied, values: BigInt64Array.from(sent), due: this.arrival(now) });
  }
}

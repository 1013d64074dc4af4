// Writes state frames (docs/formats/state-frame.md) the plain way: a stream for
// each cell of a grid, a key frame now and then, dense or sparse deltas. For
// tests of what reads them; the server's encoder is src/broadcast.

class BitWriter {
  bytes = [];
  buffer = 0n;
  count = 0n;
  bits(value, width) {
    this.buffer |= (BigInt(value) & ((1n << BigInt(width)) - 1n)) << this.count;
    this.count += BigInt(width);
    while (this.count >= 8n) {
      this.bytes.push(Number(this.buffer & 0xffn));
      this.buffer >>= 8n;
      this.count -= 8n;
    }
  }
  end() {
    if (this.count > 0n) this.bytes.push(Number(this.buffer & 0xffn));
    this.buffer = 0n;
    this.count = 0n;
  }
  varint(value) {
    let left = BigInt(value);
    while (left >= 0x80n) {
      this.bytes.push(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    this.bytes.push(Number(left));
  }
  u8(value) {
    this.bytes.push(value & 0xff);
  }
  i32(value) {
    for (let shift = 0; shift < 32; shift += 8) this.bytes.push((value >> shift) & 0xff);
  }
  zigzag(value) {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }
}

const wrap = (difference, bits) => {
  const span = 2 ** bits;
  const folded = ((difference % span) + span) % span;
  return folded >= span / 2 ? folded - span : folded;
};
const zigzagOf = (value) => (value >= 0 ? value * 2 : -value * 2 - 1);

/** entities: [{ slot, generation, values: [quantised…] }], by slot. */
function fullEntries(out, fields, entities) {
  let last = 0;
  for (const { slot } of entities) {
    out.varint(slot - last);
    last = slot;
  }
  for (const { generation } of entities) out.varint(generation);
  fields.forEach(({ bits }, f) => entities.forEach(({ values }) => out.bits(values[f], bits)));
  out.end();
}

export function keyBody(schema, tables) {
  const out = new BitWriter();
  for (const { index, fields } of schema) {
    const entities = tables[index] ?? [];
    if (entities.length === 0) continue;
    out.u8(index);
    out.varint(entities.length);
    fullEntries(out, fields, entities);
  }
  return out.bytes;
}

export function deltaBody(schema, key, now, events = []) {
  const sections = [];
  for (const { index, fields } of schema) {
    const before = key[index] ?? [];
    const after = now[index] ?? [];
    const same = (a, b) => a.slot === b.slot && a.generation === b.generation;
    const stays = before.map((entity) => after.find((other) => same(entity, other)));
    const newcomers = after.filter((entity) => !before.some((other) => same(entity, other)));
    const gone = stays.filter((entity) => !entity).length;
    const out = new BitWriter();
    out.u8(index);
    const mode = gone === 0 ? 0 : gone === before.length ? 2 : 1;
    out.u8(before.length === 0 ? 0 : mode);
    let changed = newcomers.length > 0 || gone > 0;
    if (before.length > 0 && mode !== 2) {
      if (mode === 1) stays.forEach((entity) => out.bits(entity ? 0 : 1, 1));
      fields.forEach(({ bits }, f) => {
        const differences = before
          .map((entity, i) => stays[i] && zigzagOf(wrap(stays[i].values[f] - entity.values[f], bits)))
          .filter((difference) => difference !== undefined);
        const moved = differences.filter((difference) => difference !== 0).length;
        if (moved === 0) return out.bits(0, 2);
        changed = true;
        const width = Math.max(1, Math.max(...differences).toString(2).length);
        const sparse = differences.length + moved * width < differences.length * width;
        out.bits(sparse ? 2 : 1, 2);
        out.bits(width - 1, 5);
        if (sparse) differences.forEach((difference) => out.bits(difference ? 1 : 0, 1));
        differences.forEach((difference) => (!sparse || difference) && out.bits(difference, width));
      });
      out.end();
    }
    out.varint(newcomers.length);
    if (newcomers.length > 0) fullEntries(out, fields, newcomers);
    if (changed) sections.push(out.bytes);
  }
  const out = new BitWriter();
  out.u8(sections.length);
  for (const section of sections) out.bytes.push(...section);
  out.varint(events.length);
  for (const event of events) {
    out.u8(event.age);
    out.u8(event.number);
    out.u8(event.kind);
    out.varint(event.source);
    out.varint(event.target);
    out.i32(Math.round(event.x * 64));
    out.i32(Math.round(event.y * 64));
    out.zigzag(event.a);
    out.zigzag(event.b);
  }
  return out.bytes;
}

export function header(tick, commandId, players) {
  const out = new BitWriter();
  out.u8(1);
  out.u8(0);
  out.i32(tick | 0);
  out.i32(commandId | 0);
  out.u8(players);
  out.u8(players >> 8);
  return out.bytes;
}

/** `age`: of a key, ticks since it was made; of a delta, undefined. */
export function chunk(stream, key, body, age) {
  const out = new BitWriter();
  out.varint(stream);
  out.u8(age === undefined ? 0 : 1);
  out.u8(key & 0xff);
  if (age !== undefined) out.varint(age);
  out.varint(body.length);
  out.bytes.push(...body);
  return out.bytes;
}

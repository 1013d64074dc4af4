// Writes state frames (docs/formats/state-frame.md) the plain way: a stream for
// each cell of a grid, a key frame now and then, dense or sparse deltas. For
// tests of what reads them; the server's encoder is src/broadcast.

class BitWriter {
  bytes = [];
  buffer = 0;
  count = 0;
  /** At most 32. */
  bits(value, width) {
    const span = 2 ** width;
    this.buffer += (((value % span) + span) % span) * 2 ** this.count;
    this.count += width;
    while (this.count >= 8) {
      this.bytes.push(this.buffer & 0xff);
      this.buffer = Math.floor(this.buffer / 256);
      this.count -= 8;
    }
  }
  end() {
    if (this.count > 0) this.bytes.push(this.buffer & 0xff);
    this.buffer = this.count = 0;
  }
  varint(value) {
    let left = value;
    for (; left > 0x7fffffff; left >>= 7n) {
      left = BigInt(left);
      this.bytes.push(Number(left & 0x7fn) | 0x80);
    }
    left = Number(left);
    for (; left >= 0x80; left >>= 7) this.bytes.push((left & 0x7f) | 0x80);
    this.bytes.push(left);
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
    const byName = (entities) => new Map(entities.map((entity) => [entity.slot * 2 ** 24 + entity.generation, entity]));
    const [known, living] = [byName(before), byName(after)];
    const stays = [...known.keys()].map((name) => living.get(name));
    const newcomers = [...living].filter(([name]) => !known.has(name)).map(([, entity]) => entity);
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

#include "broadcast/state_columns.hpp"

#include "base/assert.hpp"
#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

constexpr u32 kMaxEntities = 256;  // of a stream; servers send at most 64
constexpr u32 kMaxGeneration = 0xFF'FFFF;

/// Reads the parts of a body, one after the other; fails once and for all.
class BodyReader {
 public:
  explicit BodyReader(Bytes body) : body_(body) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == body_.size(); }
  bool fail() { return ok_ = false; }

  u8 byte() {
    if (at_ >= body_.size()) {
      ok_ = false;
      return 0;
    }
    return static_cast<u8>(body_[at_++]);
  }
  u64 varint() {
    u64 value = 0;
    for (u32 shift = 0; shift < 64; shift += 7) {
      const u8 next = byte();
      value |= u64{next & 0x7FU} << shift;
      if (next < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  i32 fixed32() {
    u32 value = 0;
    for (u32 i = 0; i < 4; ++i) value |= u32{byte()} << (8 * i);
    return static_cast<i32>(value);
  }
  i32 zigzag() {
    const u64 coded = varint();
    if (coded > 0xFFFF'FFFF) fail();
    return static_cast<i32>(unzigzag(static_cast<u32>(coded)));
  }
  BitReader bits() const { return BitReader(body_.subspan(at_)); }
  void skip(const BitReader& bits) {
    ok_ = ok_ && bits.ok();
    at_ += bits.bytes_used();
  }

 private:
  Bytes body_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// Full entries of `count` entities, as a section of their own.
bool read_full(BodyReader& in, const SentTable& table, u64 count, Columns& out) {
  if (count == 0 || count > kMaxEntities || out.slots.size() + count > kMaxEntities) return in.fail();
  const u32 n = static_cast<u32>(count);
  const Section section{&table, static_cast<u32>(out.slots.size()), n, static_cast<u32>(out.values.size())};
  u64 slot = 0;
  for (u32 i = 0; i < n; ++i) {
    const u64 step = in.varint();
    if ((i > 0 && step == 0) || step > 0xFFFF'FFFF) return in.fail();
    slot += step;
    if (slot > 0xFFFF'FFFF) return in.fail();
    out.slots.push_back(static_cast<u32>(slot));
  }
  for (u32 i = 0; i < n; ++i) {
    const u64 generation = in.varint();
    if (generation == 0 || generation > kMaxGeneration) return in.fail();
    out.generations.push_back(static_cast<u32>(generation));
  }
  if (!in.ok()) return false;
  BitReader bits = in.bits();
  u64 needed = 0;
  for (const SentField& field : table.fields) needed += u64{n} * field.bits;
  if (needed > bits.bits_left()) return in.fail();
  out.values.resize(section.values + table.fields.size() * n);
  u32* value = out.values.data() + section.values;
  for (const SentField& field : table.fields) {
    for (u32 i = 0; i < n; ++i) *value++ = static_cast<u32>(bits.take(field.bits));
  }
  in.skip(bits);
  out.sections.push_back(section);
  return in.ok();
}

}  // namespace

TablesByIndex::TablesByIndex(const Schema& schema) {
  for (const SentTable& each : schema) {
    DRUM_ASSERT(each.index < tables_.size() && each.fields.size() <= kMaxSentFields);
    tables_[each.index] = &each;
  }
}

void Columns::clear() {
  sections.clear();
  slots.clear();
  generations.clear();
  values.clear();
}

std::size_t Columns::memory_bytes() const {
  return sections.capacity() * sizeof(Section) +
         (slots.capacity() + generations.capacity() + values.capacity()) * sizeof(u32);
}

bool parse_key(const TablesByIndex& tables, Bytes body, Columns& out) {
  out.clear();
  BodyReader in(body);
  i32 last = -1;
  while (in.ok() && !in.at_end()) {
    const u8 index = in.byte();
    const SentTable* const of = tables[index];
    if (of == nullptr || index <= last) return false;
    last = index;
    const u64 count = in.varint();
    if (!read_full(in, *of, count, out)) return false;
  }
  return in.ok();
}

bool parse_delta(const TablesByIndex& tables, const Columns& key, Bytes body, u32 frame_tick, Columns& out,
                 std::vector<ToldEvent>& events) {
  out.clear();
  events.clear();
  const auto keep_whole = [&](const Section& from) {
    Section section = from;
    section.first = static_cast<u32>(out.slots.size());
    section.values = static_cast<u32>(out.values.size());
    const auto slots = key.slots.begin() + from.first;
    const auto generations = key.generations.begin() + from.first;
    const auto values = key.values.begin() + from.values;
    out.slots.insert(out.slots.end(), slots, slots + from.count);
    out.generations.insert(out.generations.end(), generations, generations + from.count);
    out.values.insert(out.values.end(), values,
                      values + static_cast<std::ptrdiff_t>(from.table->fields.size() * from.count));
    out.sections.push_back(section);
  };

  BodyReader in(body);
  const u32 sections = in.byte();
  std::size_t next_key = 0;
  i32 last = -1;
  for (u32 s = 0; s < sections; ++s) {
    const u8 index = in.byte();
    const u8 gone_mode = in.byte();
    const SentTable* const of = tables[index];
    if (!in.ok() || of == nullptr || index <= last || gone_mode > 2) return false;
    last = index;
    while (next_key < key.sections.size() && key.sections[next_key].table->index < index) {
      keep_whole(key.sections[next_key++]);
    }
    const Section* from = nullptr;
    if (next_key < key.sections.size() && key.sections[next_key].table == of)
      from = &key.sections[next_key++];
    if (from == nullptr && gone_mode != 0) return false;

    BitReader bits = in.bits();
    if (from != nullptr && gone_mode != 2) {
      std::array<u16, kMaxEntities> stays;
      u32 kept = 0;
      for (u32 i = 0; i < from->count; ++i) {
        if (gone_mode == 1 && bits.take(1) != 0) continue;
        stays[kept++] = static_cast<u16>(i);
      }
      if (!bits.ok() || out.slots.size() + kept > kMaxEntities) return false;
      Section section{of, static_cast<u32>(out.slots.size()), kept, static_cast<u32>(out.values.size())};
      for (u32 i = 0; i < kept; ++i) {
        out.slots.push_back(key.slots[from->first + stays[i]]);
        out.generations.push_back(key.generations[from->first + stays[i]]);
      }
      out.values.resize(section.values + of->fields.size() * kept);
      u32* to = out.values.data() + section.values;
      const u32* base = key.values.data() + from->values;
      for (const SentField& field : of->fields) {
        const u32 mask = low_mask(field.bits);
        const u64 mode = bits.take(2);
        if (mode > 2 || !bits.ok()) return false;
        const u32 width = mode == 0 ? 0 : static_cast<u32>(bits.take(5)) + 1;
        if (mode == 1) {
          if (u64{width} * kept > bits.bits_left()) return false;
          for (u32 i = 0; i < kept; ++i) {
            to[i] = (base[stays[i]] + unzigzag(static_cast<u32>(bits.take(width)))) & mask;
          }
        } else {
          for (u32 i = 0; i < kept; ++i) to[i] = base[stays[i]];
        }
        if (mode == 2) {
          std::array<u16, kMaxEntities> marked;
          u32 count = 0;
          for (u32 i = 0; i < kept; ++i) {
            if (bits.take(1) != 0) marked[count++] = static_cast<u16>(i);
          }
          for (u32 i = 0; i < count; ++i) {
            to[marked[i]] = (to[marked[i]] + unzigzag(static_cast<u32>(bits.take(width)))) & mask;
          }
        }
        if (!bits.ok()) return false;
        to += kept;
        base += from->count;
      }
      if (kept > 0) out.sections.push_back(section);
    }
    in.skip(bits);
    const u64 newcomers = in.varint();
    if (!in.ok()) return false;
    if (newcomers > 0 && !read_full(in, *of, newcomers, out)) return false;
  }
  while (next_key < key.sections.size()) keep_whole(key.sections[next_key++]);
  if (out.slots.size() > kMaxEntities) return false;
  if (in.at_end()) return in.ok();

  const u64 count = in.varint();
  for (u64 i = 0; i < count && in.ok(); ++i) {
    ToldEvent told;
    StateEvent& event = told.event;
    event.tick = frame_tick - in.byte();
    told.number = in.byte();
    event.kind = in.byte();
    event.source.value = in.varint();
    event.target.value = in.varint();
    event.x = in.fixed32();
    event.y = in.fixed32();
    event.a = in.zigzag();
    event.b = in.zigzag();
    if (!in.ok()) return false;
    events.push_back(told);
  }
  return in.ok() && in.at_end();
}

}  // namespace drumline::broadcast

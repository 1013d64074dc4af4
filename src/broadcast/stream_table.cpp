#include "broadcast/stream_table.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

/// A position column, whatever its type.
class PositionColumn {
 public:
  PositionColumn(const world::TableBase& table, u8 column)
      : table_(table), column_(column), is_fixed_(table.fields()[column].type == world::FieldType::fixed) {
    if (is_fixed_) data_ = table.column_bytes(column).data();
  }
  i64 operator[](u32 slot) const {
    if (!is_fixed_) return table_.value(column_, slot) * world::Fixed::kOneRaw;
    i64 raw;
    std::memcpy(&raw, data_ + std::size_t{slot} * 8, 8);
    return raw;
  }

 private:
  const world::TableBase& table_;
  const std::byte* data_ = nullptr;
  u8 column_;
  bool is_fixed_;
};

u8 column_of_role(const world::TableBase& table, world::FieldRole role) {
  for (std::size_t i = 0; i < table.fields().size(); ++i) {
    if (table.fields()[i].wire.role == role) return static_cast<u8>(i);
  }
  return 0;
}

}  // namespace

StreamTable::StreamTable(const Grid& grid, const world::World& world, const Schema& schema,
                         const StreamLimits& limits, const world::Visibility* visibility)
    : grid_(grid),
      limits_(limits),
      visibility_(visibility),
      streams_(std::make_unique_for_overwrite<Stream[]>(limits.streams)),
      cell_first_(grid.cell_count(), kNoStream),
      free_((limits.streams + 63) / 64, 0),
      margin_(grid.cell_size_raw() / 8) {
  DRUM_ASSERT(limits.streams <= kMaxStreams && limits.entities <= kMaxStreamEntities);
  table_place_.fill(0xFF);
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const world::TableBase& source = world.table(schema[i].index);
    Table table{.sent = &schema[i],
                .slot_bytes = varint_size(source.capacity()),
                .x_column = column_of_role(source, world::FieldRole::position_x),
                .y_column = column_of_role(source, world::FieldRole::position_y),
                .stream = std::vector<u16>(source.capacity(), kNoStream),
                .generation = std::vector<u32>(source.capacity(), 0),
                .known = std::vector<u64>((source.capacity() + 63) / 64, 0)};
    for (const SentField& field : schema[i].fields) table.bits += field.bits;
    if (visibility != nullptr) table.hidden.resize(source.capacity());
    tables_.push_back(std::move(table));
    table_place_[schema[i].index] = static_cast<u8>(i);
  }
  for (u32 i = 0; i < limits.streams; ++i) free_[i / 64] |= u64{1} << (i % 64);
}

u32 StreamTable::weight_of(u32 table, u32 generation) const {
  return (tables_[table].bits + 7) / 8 + tables_[table].slot_bytes + varint_size(generation);
}

u16 StreamTable::stream_of(EntityId entity) const {
  if (entity.value == 0 || entity_table(entity) >= world::kMaxTables) return kNoStream;
  const u8 place = table_place_[entity_table(entity)];
  if (place == 0xFF) return kNoStream;
  const Table& table = tables_[place];
  const u32 slot = entity_slot(entity);
  if (slot >= table.stream.size() || table.generation[slot] != entity_generation(entity)) return kNoStream;
  return table.stream[slot];
}

void StreamTable::position_of(const world::World& world, EntityId entity, i64& x, i64& y) const {
  const Table& table = tables_[table_place_[entity_table(entity)]];
  const world::TableBase& source = world.table(table.sent->index);
  x = PositionColumn(source, table.x_column)[entity_slot(entity)];
  y = PositionColumn(source, table.y_column)[entity_slot(entity)];
}

world::TeamSet StreamTable::hidden_from(EntityId entity) const {
  if (visibility_ == nullptr || entity.value == 0 || entity_table(entity) >= world::kMaxTables) return 0;
  const u8 place = table_place_[entity_table(entity)];
  if (place == 0xFF) return 0;
  const std::vector<Hidden>& hidden = tables_[place].hidden;
  const u32 slot = entity_slot(entity);
  if (slot >= hidden.size()) return world::kAllTeams;
  const u32 generation = entity_generation(entity);
  if (hidden[slot].generation == generation) return hidden[slot].from;
  return hidden[slot].former_generation == generation ? hidden[slot].former_from : world::kAllTeams;
}

void StreamTable::note_hidden(const world::World& world) {
  if (visibility_ == nullptr) return;
  for (Table& table : tables_) {
    const world::TableBase& source = world.table(table.sent->index);
    source.for_each([&](u32 slot) {
      Hidden& hidden = table.hidden[slot];
      if (const u32 generation = source.generations()[slot]; hidden.generation != generation) {
        hidden.former_generation = std::exchange(hidden.generation, generation);
        hidden.former_from = hidden.from;
      }
      hidden.from = visibility_->hidden_from(source.id_of(slot));
    });
  }
}

void StreamTable::update(const world::World& world, u32 tick) {
  note_hidden(world);
  for (u32 i = 0; i < tables_.size(); ++i) update_table(i, world.table(tables_[i].sent->index), tick);
  close_lingering(tick);
  if (tick >= merge_at_) {
    merge_small(tick);
    merge_at_ = tick + limits_.linger_ticks;
  }
}

void StreamTable::update_table(u32 index, const world::TableBase& source, u32 tick) {
  Table& table = tables_[index];
  const std::span<const u64> live = source.live_bits();
  const std::span<const u32> generations = source.generations();
  // The dead first: they make room.
  for (u32 word = 0; word < table.known.size(); ++word) {
    const u64 alive = word < live.size() ? live[word] : 0;
    for (u64 dead = table.known[word] & ~alive; dead != 0; dead &= dead - 1) {
      remove(index, word * 64 + static_cast<u32>(std::countr_zero(dead)), tick);
    }
  }
  const PositionColumn xs(source, table.x_column);
  const PositionColumn ys(source, table.y_column);
  const bool hides = visibility_ != nullptr;
  for (u32 word = 0; word < live.size(); ++word) {
    for (u64 bits = live[word]; bits != 0; bits &= bits - 1) {
      const u32 slot = word * 64 + static_cast<u32>(std::countr_zero(bits));
      const u16 number = table.stream[slot];
      const i64 x = xs[slot];
      const i64 y = ys[slot];
      const world::TeamSet hidden_from = hides ? table.hidden[slot].from : world::TeamSet{0};
      if (number != kNoStream && table.generation[slot] == generations[slot]) {
        const Stream& stream = streams_[number];
        if (x >= stream.left && x < stream.right && y >= stream.top && y < stream.bottom &&
            (!hides || stream.hidden_from == hidden_from)) {
          continue;
        }
      }
      if (number != kNoStream) remove(index, slot, tick);
      insert(index, slot, generations[slot], grid_.cell_of(x, y), hidden_from);
    }
  }
}

void StreamTable::remove(u32 table, u32 slot, u32 tick) {
  Table& of = tables_[table];
  Stream& stream = streams_[of.stream[slot]];
  const Member member = make_member(table, slot);
  auto* const end = stream.members.data() + stream.count;
  auto* const at = std::lower_bound(stream.members.data(), end, member);
  std::move(at + 1, end, at);
  --stream.count;
  stream.weight -= weight_of(table, of.generation[slot]);
  ++stream.membership;
  if (stream.count == 0) stream.linger_until = tick + limits_.linger_ticks;
  of.stream[slot] = kNoStream;
  of.known[slot / 64] &= ~(u64{1} << (slot % 64));
}

void StreamTable::insert(u32 table, u32 slot, u32 generation, u32 cell, world::TeamSet hidden_from) {
  const u32 weight = weight_of(table, generation);
  u16 number = cell_first_[cell];
  while (number != kNoStream &&
         (streams_[number].hidden_from != hidden_from || streams_[number].count >= limits_.entities ||
          streams_[number].weight + weight > limits_.weight)) {
    number = streams_[number].next;
  }
  if (number == kNoStream) number = open(cell, hidden_from);
  if (number == kNoStream) {
    ++overflowed_;
    return;
  }
  Table& of = tables_[table];
  Stream& stream = streams_[number];
  const Member member = make_member(table, slot);
  auto* const end = stream.members.data() + stream.count;
  auto* const at = std::lower_bound(stream.members.data(), end, member);
  std::move_backward(at, end, end + 1);
  *at = member;
  ++stream.count;
  stream.weight += weight;
  ++stream.membership;
  of.stream[slot] = number;
  of.generation[slot] = generation;
  of.known[slot / 64] |= u64{1} << (slot % 64);
}

u16 StreamTable::open(u32 cell, world::TeamSet hidden_from) {
  u16 number = kNoStream;
  for (u32 word = 0; word < free_.size() && number == kNoStream; ++word) {
    if (free_[word] != 0)
      number = static_cast<u16>(word * 64 + static_cast<u32>(std::countr_zero(free_[word])));
  }
  if (number == kNoStream) {
    // All are open: the one that has been empty the longest makes room.
    for (u32 i = 0; i < used_; ++i) {
      if (!streams_[i].open || streams_[i].count > 0) continue;
      if (number == kNoStream ||
          static_cast<i32>(streams_[i].linger_until - streams_[number].linger_until) < 0) {
        number = static_cast<u16>(i);
      }
    }
    if (number == kNoStream) return kNoStream;
    close(number);
  }
  free_[number / 64] &= ~(u64{1} << (number % 64));
  Stream& stream = streams_[number];
  for (; used_ <= number; ++used_) {
    streams_[used_].membership = 0;
    streams_[used_].open = false;
  }
  const u32 column = cell % grid_.columns();
  const u32 row = cell / grid_.columns();
  const i64 size = grid_.cell_size_raw();
  constexpr i64 kLowest = std::numeric_limits<i64>::min();
  constexpr i64 kHighest = std::numeric_limits<i64>::max();
  // The cells at the border hold what is outside the map too.
  stream.left = column == 0 ? kLowest : column * size - margin_;
  stream.right = column + 1 == grid_.columns() ? kHighest : (column + 1) * size + margin_;
  stream.top = row == 0 ? kLowest : row * size - margin_;
  stream.bottom = row + 1 == grid_.rows() ? kHighest : (row + 1) * size + margin_;
  stream.cell = cell;
  stream.weight = 0;
  stream.count = 0;
  stream.linger_until = 0;
  stream.next = kNoStream;
  stream.hidden_from = hidden_from;
  stream.open = true;
  stream.reopened = true;
  ++stream.membership;
  u16* link = &cell_first_[cell];
  while (*link != kNoStream) link = &streams_[*link].next;
  *link = number;
  ++open_streams_;
  ++layout_;
  return number;
}

void StreamTable::close(u16 number) {
  Stream& stream = streams_[number];
  u16* link = &cell_first_[stream.cell];
  while (*link != number) link = &streams_[*link].next;
  *link = stream.next;
  stream.open = false;
  free_[number / 64] |= u64{1} << (number % 64);
  --open_streams_;
  ++layout_;
}

void StreamTable::close_lingering(u32 tick) {
  for (u32 i = 0; i < used_; ++i) {
    const Stream& stream = streams_[i];
    if (stream.open && stream.count == 0 && static_cast<i32>(tick - stream.linger_until) >= 0) {
      close(static_cast<u16>(i));
    }
  }
}

void StreamTable::merge_small(u32 tick) {
  // After a crowd has left, its remains share one stream again.
  for (u32 i = 0; i < used_; ++i) {
    Stream& small = streams_[i];
    if (!small.open || small.count == 0 || small.weight * 4 > limits_.weight) continue;
    for (u16 at = cell_first_[small.cell]; at != static_cast<u16>(i) && at != kNoStream;
         at = streams_[at].next) {
      const Stream& into = streams_[at];
      if (into.count == 0 || into.hidden_from != small.hidden_from ||
          into.count + small.count > limits_.entities || into.weight + small.weight > limits_.weight) {
        continue;
      }
      while (small.count > 0) {
        const Member member = small.members[0];
        const u32 table = member_table(member);
        const u32 slot = member_slot(member);
        const u32 generation = tables_[table].generation[slot];
        remove(table, slot, tick);
        insert(table, slot, generation, small.cell, small.hidden_from);
      }
      break;
    }
  }
}

}  // namespace drumline::broadcast

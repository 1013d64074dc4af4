// Which entity is in which stream. A stream is a part of a grid cell with so
// few entities that its key frame and any delta fit one datagram together, and
// all of which are hidden from the same teams.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "broadcast/battle_frame.hpp"
#include "broadcast/grid.hpp"
#include "broadcast/schema.hpp"

namespace drumline::broadcast {

inline constexpr u32 kMaxStreamEntities = 64;

/// An entity within a battle: table position in the schema (8) | slot (24). In
/// this order entities stand in key frames.
using Member = u32;
static_assert(world::kMaxTableCapacity <= 1U << 24);
constexpr Member make_member(u32 table, u32 slot) {
  return (table << 24) | slot;
}
constexpr u32 member_table(Member member) {
  return member >> 24;
}
constexpr u32 member_slot(Member member) {
  return member & 0xFF'FFFF;
}

struct StreamLimits {
  u32 entities = 48;      ///< at most, <= kMaxStreamEntities
  u32 weight = 480;       ///< bytes that the entities take when sent in full
  u32 streams = 0;        ///< open at a time, <= kMaxStreams
  u32 linger_ticks = 64;  ///< an empty stream goes on saying so
};

struct Stream {
  std::array<Member, kMaxStreamEntities> members;  // sorted
  // The cell's bounds and the margin beyond which an entity has left it.
  i64 left, right, top, bottom;
  u32 cell = 0;
  u32 membership = 0;  ///< changes whenever the members or one's generation do
  u32 weight = 0;
  u32 linger_until = 0;
  u16 count = 0;
  u16 next = kNoStream;            ///< in the same cell
  world::TeamSet hidden_from = 0;  ///< as long as it is open
  bool open = false;
  bool reopened = false;  ///< since the encoder looked last
};

/// One a battle, on its thread. Allocates at creation only.
class StreamTable {
 public:
  /// `visibility`, if the game hides anything, outlives the table.
  StreamTable(const Grid& grid, const world::World& world, const Schema& schema, const StreamLimits& limits,
              const world::Visibility* visibility);

  /// Takes in the world as it is at `tick`: births, deaths and moves, and who may know whom.
  void update(const world::World& world, u32 tick);
  /// A tick without an update: takes in who may know whom.
  void note_hidden(const world::World& world);
  /// The teams that must not know of an entity; of one that is gone, as it was last
  /// known; of one that never was, or is long gone, all. None of what has no place on the map.
  world::TeamSet hidden_from(EntityId entity) const;

  Stream& stream(u16 number) { return streams_[number]; }
  const Stream& stream(u16 number) const { return streams_[number]; }
  /// First stream of a cell, or kNoStream; go on with Stream::next.
  u16 first_of(u32 cell) const { return cell_first_[cell]; }
  /// The entity's stream, or kNoStream.
  u16 stream_of(EntityId entity) const;
  /// Where the entity is, raw fixed point; of an entity that is in a stream.
  void position_of(const world::World& world, EntityId entity, i64& x, i64& y) const;

  u32 open_streams() const { return open_streams_; }
  /// Changes when a stream opens or closes.
  u32 layout() const { return layout_; }
  /// Entities that found no stream, in all.
  u64 overflowed() const { return overflowed_; }
  /// The bytes that an entity takes when sent in full, at most.
  u32 weight_of(u32 table, u32 generation) const;
  u32 capacity_of(u32 table) const { return static_cast<u32>(tables_[table].stream.size()); }

 private:
  /// Who may not know of the entity in a slot, and of the one that was there before.
  struct Hidden {
    u32 generation = 0;
    u32 former_generation = 0;
    world::TeamSet from = 0;
    world::TeamSet former_from = 0;
  };
  struct Table {
    const SentTable* sent;
    u32 bits = 0;
    u32 slot_bytes = 0;
    u8 x_column = 0;
    u8 y_column = 0;
    std::vector<u16> stream;      // by slot
    std::vector<u32> generation;  // as the stream knows it, by slot
    std::vector<u64> known;       // one bit a slot: it is in a stream
    std::vector<Hidden> hidden;   // by slot; empty when the game hides nothing
  };

  void update_table(u32 index, const world::TableBase& source, u32 tick);
  void remove(u32 table, u32 slot, u32 tick);
  void insert(u32 table, u32 slot, u32 generation, u32 cell, world::TeamSet hidden_from);
  u16 open(u32 cell, world::TeamSet hidden_from);
  void close(u16 number);
  void close_lingering(u32 tick);
  void merge_small(u32 tick);

  const Grid& grid_;
  StreamLimits limits_;
  const world::Visibility* visibility_;
  std::vector<Table> tables_;
  std::array<u8, world::kMaxTables> table_place_{};  // by the world's index; 0xFF: not sent
  std::unique_ptr<Stream[]> streams_;
  std::vector<u16> cell_first_;
  std::vector<u64> free_;  // one bit a stream
  i64 margin_;
  u32 used_ = 0;  // streams ever opened are below it
  u32 open_streams_ = 0;
  u32 layout_ = 1;
  u32 merge_at_ = 0;
  u64 overflowed_ = 0;
};

}  // namespace drumline::broadcast

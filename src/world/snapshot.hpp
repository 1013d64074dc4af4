// Full snapshots of a world, in MessagePack with one binary column a field.
// Format: docs/formats/snapshot.md.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"
#include "world/world.hpp"

namespace drumline::world {

inline constexpr u32 kSnapshotVersion = 1;
/// A larger snapshot is refused unread.
inline constexpr std::size_t kMaxSnapshotBytes = std::size_t{1} << 30;

/// A state as views into somebody else's memory: a world's, or a snapshot's bytes.
struct StateView {
  struct Column {
    std::string_view name;
    FieldType type = FieldType::u64;
    Bytes rows;
  };
  struct Table {
    std::string_view name;
    u32 capacity = 0;
    u32 used = 0;
    Bytes live_bits;    ///< u64 words
    Bytes generations;  ///< u32 a slot
    std::vector<Column> columns;
  };
  std::string_view game;
  Tick tick = 0;
  Rng::State rng{};
  u64 hash = 0;  ///< the world's combined state hash
  std::vector<Table> tables;
};

/// The same words as StateView, of a living world. Valid until the world changes shape or dies.
StateView view_of(const World& world, std::string_view game);

/// Bytes that a snapshot of this world takes at most, however full its tables get.
std::size_t max_snapshot_bytes(const World& world);

/// Replaces `out` by the snapshot. Does not allocate when `out` has room for
/// max_snapshot_bytes().
void encode_snapshot(const World& world, std::string_view game, std::vector<std::byte>& out);

/// Reads a snapshot without a world to put it in, for inspect and delta: checks
/// its form and sizes, not its hash. Views into `bytes`.
Result<StateView> read_snapshot(Bytes bytes);

/// Fills a world of the same shape (tables, capacities, fields) and checks the
/// state hash. Bytes may be hostile. An error says which table and field; when
/// it is not about the form or shape (then the world is untouched) the world is
/// left empty.
Result<void> restore_snapshot(Bytes bytes, std::string_view game, World& world);

/// "fixed", "u16" …
std::string_view field_type_name(FieldType type);

}  // namespace drumline::world

// The state hash: XXH3-64 of every column of every table, combined by table and
// for the world. Its definition is docs/determinism.md, "State hash".
#pragma once

#include <array>

#include "base/types.hpp"
#include "world/world.hpp"

namespace drumline::world {

struct WorldHash {
  u64 combined = 0;  ///< the one that is journaled
  u32 table_count = 0;
  std::array<u64, kMaxTables> tables{};  ///< [0, table_count): which table differs

  friend bool operator==(const WorldHash&, const WorldHash&) = default;
};

/// XXH3-64 with seed 0.
u64 hash_bytes(Bytes bytes);

/// Over used(), live bits, generations and columns. Never allocates.
u64 hash_table(const TableBase& table);
/// Column `i` alone: which field differs.
u64 hash_column(const TableBase& table, std::size_t i);

/// Over tick, generator and tables. Never allocates.
WorldHash hash_world(const World& world);

/// Bytes that hash_world() reads of this world.
u64 hashed_bytes(const World& world);

}  // namespace drumline::world

#include "world/hash.hpp"

// Inlined, as a library call for each short column would cost as much as the hash.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace drumline::world {
namespace {

// A table's parts, hashed one by one, then together: used, live bits, generations, columns.
constexpr std::size_t kMaxHashedParts = 3 + kMaxColumns;

}  // namespace

u64 hash_bytes(Bytes bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

u64 hash_column(const TableBase& table, std::size_t i) {
  return hash_bytes(table.column_bytes(i));
}

u64 hash_table(const TableBase& table) {
  std::array<u64, kMaxHashedParts> parts{};
  std::size_t count = 0;
  parts[count++] = table.used();
  parts[count++] = hash_bytes(std::as_bytes(table.live_bits()));
  parts[count++] = hash_bytes(std::as_bytes(table.generations()));
  for (std::size_t i = 0; i < table.column_count(); ++i) parts[count++] = hash_column(table, i);
  return hash_bytes(std::as_bytes(std::span(parts).first(count)));
}

WorldHash hash_world(const World& world) {
  WorldHash hash;
  std::array<u64, 6 + kMaxTables> parts{};
  std::size_t count = 0;
  parts[count++] = world.tick();
  for (const u64 word : world.rng().state()) parts[count++] = word;
  hash.table_count = static_cast<u32>(world.table_count());
  parts[count++] = hash.table_count;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    hash.tables[i] = hash_table(world.table(i));
    parts[count++] = hash.tables[i];
  }
  hash.combined = hash_bytes(std::as_bytes(std::span(parts).first(count)));
  return hash;
}

u64 hashed_bytes(const World& world) {
  u64 size = 6 * sizeof(u64);
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& table = world.table(i);
    size += sizeof(u64) + table.live_bits().size_bytes() + table.generations().size_bytes();
    for (std::size_t c = 0; c < table.column_count(); ++c) size += table.column_bytes(c).size();
  }
  return size;
}

}  // namespace drumline::world

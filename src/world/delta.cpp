#include "world/delta.hpp"

#include <algorithm>
#include <cstring>

#include "world/hash.hpp"
#include "world/msgpack.hpp"
#include "world/state_codec.hpp"

namespace drumline::world {
namespace {

constexpr std::string_view kFormat = "drumline.delta";
constexpr u32 kDeltaVersion = 1;

std::size_t bitmap_bytes(u32 used) {
  return (std::size_t{used} + 63) / 64 * 8;
}

bool bit(Bytes bitmap, u32 i) {
  return ((static_cast<u8>(bitmap[i / 8]) >> (i % 8)) & 1) != 0;
}

std::size_t count_bits(Bytes bitmap) {
  std::size_t count = 0;
  for (const std::byte byte : bitmap) count += static_cast<std::size_t>(std::popcount(static_cast<u8>(byte)));
  return count;
}

// Which rows of a column differ, and their new values. Rows that the base does
// not have count as zeros.
class RowDifference {
 public:
  void find(Bytes base, Bytes now, std::size_t size) {
    const u32 used = static_cast<u32>(now.size() / size);
    rows_.assign(bitmap_bytes(used), std::byte{0});
    values_.clear();
    constexpr u32 block = 64;
    for (u32 start = 0; start < used; start += block) {
      const u32 end = std::min(used, start + block);
      const std::size_t offset = start * size;
      const std::size_t bytes = (end - start) * size;
      if (offset + bytes <= base.size() &&
          std::memcmp(base.data() + offset, now.data() + offset, bytes) == 0) {
        continue;
      }
      for (u32 row = start; row < end; ++row) take(base, now.subspan(row * size, size), row);
    }
  }

  void write(MsgpackWriter& out) const {
    if (values_.empty()) {
      out.nil();
      return;
    }
    out.array(2);
    out.binary(rows_);
    out.binary(values_);
  }

 private:
  void take(Bytes base, Bytes value, u32 row) {
    static constexpr std::array<std::byte, 8> zeros{};
    const std::size_t offset = row * value.size();
    const std::byte* old = offset < base.size() ? base.data() + offset : zeros.data();
    if (std::memcmp(old, value.data(), value.size()) == 0) return;
    rows_[row / 8] |= static_cast<std::byte>(1U << (row % 8));
    values_.insert(values_.end(), value.begin(), value.end());
  }

  std::vector<std::byte> rows_;
  std::vector<std::byte> values_;
};

// Reads one column's difference and applies it to a copy of the base's rows.
bool read_rows(codec::Fields& in, Bytes base, u32 used, std::size_t size, std::vector<std::byte>& out) {
  out.assign(used * size, std::byte{0});
  std::copy_n(base.begin(), std::min(base.size(), out.size()), out.begin());
  if (in.in().take_nil()) return true;
  if (const u32 parts = in.in().array(); in.ok() && parts != 2) in.refuse("a change must be [rows, values]");
  const Bytes rows = in.in().binary();
  const Bytes values = in.in().binary();
  if (in.failed()) return false;
  if (rows.size() != bitmap_bytes(used)) {
    in.refuse("the bitmap of rows has " + std::to_string(rows.size()) + " bytes instead of " +
              std::to_string(bitmap_bytes(used)));
    return false;
  }
  for (u32 row = used; row < rows.size() * 8; ++row) {
    if (!bit(rows, row)) continue;
    in.refuse("row " + std::to_string(row) + " is changed, but only " + std::to_string(used) + " are used");
    return false;
  }
  if (values.size() != count_bits(rows) * size) {
    in.refuse("there are " + std::to_string(values.size()) + " bytes of values for " +
              std::to_string(count_bits(rows)) + " rows of " + std::to_string(size));
    return false;
  }
  std::size_t taken = 0;
  for (u32 row = 0; row < used; ++row) {
    if (!bit(rows, row)) continue;
    std::memcpy(out.data() + row * size, values.data() + taken, size);
    taken += size;
  }
  return true;
}

struct Decoded {
  codec::Rows rows;
  std::vector<std::vector<std::byte>> columns;
};

bool read_table(codec::Fields& in, const TableBase& base, Decoded& out) {
  if (!in.map(5, "a table") || !in.key("name")) return false;
  const std::string_view name = codec::read_name(in);
  in.at("table " + base.name());
  if (in.ok() && name != base.name()) in.refuse("it is '" + std::string(name) + "'");
  if (!in.key("used")) return false;
  const u64 used = in.in().unsigned_integer();
  if (in.ok() && used > base.capacity()) {
    in.refuse("used " + std::to_string(used) + " is above the capacity, " + std::to_string(base.capacity()));
  }
  if (in.failed() || !in.key("live")) return false;
  out.rows.used = static_cast<u32>(used);
  const Bytes live = in.in().binary();
  if (in.ok() && live.size() != bitmap_bytes(out.rows.used)) {
    in.refuse("live has " + std::to_string(live.size()) + " bytes instead of " +
              std::to_string(bitmap_bytes(out.rows.used)));
  }
  if (in.failed()) return false;
  out.rows.live.resize(live.size() / sizeof(u64));
  if (!live.empty()) std::memcpy(out.rows.live.data(), live.data(), live.size());
  std::vector<std::byte> generations;
  if (!in.key("generations") ||
      !read_rows(in, std::as_bytes(base.generations()), out.rows.used, sizeof(u32), generations)) {
    return false;
  }
  out.rows.generations.resize(out.rows.used);
  if (!generations.empty()) std::memcpy(out.rows.generations.data(), generations.data(), generations.size());
  if (!in.key("columns")) return false;
  const u32 columns = in.in().array();
  if (in.ok() && columns != base.column_count()) {
    in.refuse(std::to_string(columns) + " columns instead of " + std::to_string(base.column_count()));
  }
  if (in.failed()) return false;
  out.columns.resize(columns);
  for (u32 i = 0; i < columns; ++i) {
    in.at("table " + base.name() + ", column " + std::string(base.fields()[i].name));
    if (!read_rows(in, base.column_bytes(i), out.rows.used, field_size(base.fields()[i].type),
                   out.columns[i])) {
      return false;
    }
    out.rows.columns.emplace_back(out.columns[i]);
  }
  return in.ok();
}

}  // namespace

Result<void> encode_delta(const StateView& base, const World& world, std::vector<std::byte>& out) {
  if (Result<void> shape = codec::check_shape("delta: base", base, world); !shape) return shape;
  out.clear();
  MsgpackWriter write(out);
  write.map(9);
  write.text("format");
  write.text(kFormat);
  write.text("version");
  write.unsigned_integer(kDeltaVersion);
  write.text("game");
  write.text(base.game);
  write.text("base_tick");
  write.unsigned_integer(base.tick);
  write.text("base_hash");
  write.unsigned_integer(base.hash);
  write.text("tick");
  write.unsigned_integer(world.tick());
  write.text("rng");
  codec::write_rng(write, world.rng());
  write.text("hash");
  write.unsigned_integer(hash_world(world).combined);
  write.text("tables");
  write.array(static_cast<u32>(world.table_count()));
  RowDifference difference;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& table = world.table(i);
    const StateView::Table& old = base.tables[i];
    write.map(5);
    write.text("name");
    write.text(table.name());
    write.text("used");
    write.unsigned_integer(table.used());
    write.text("live");
    write.binary(std::as_bytes(table.live_bits()));
    write.text("generations");
    difference.find(old.generations, std::as_bytes(table.generations()), sizeof(u32));
    difference.write(write);
    write.text("columns");
    write.array(static_cast<u32>(table.column_count()));
    for (std::size_t c = 0; c < table.column_count(); ++c) {
      difference.find(old.columns[c].rows, table.column_bytes(c), field_size(table.fields()[c].type));
      difference.write(write);
    }
  }
  return {};
}

Result<void> apply_delta(Bytes bytes, std::string_view game, World& world) {
  if (bytes.size() > kMaxSnapshotBytes) {
    return Error{ErrorCode::exhausted, "delta: " + std::to_string(bytes.size()) + " bytes; at most " +
                                           std::to_string(kMaxSnapshotBytes) + " are read"};
  }
  codec::Fields in(bytes, "delta");
  if (!in.map(9, "the delta") || !in.key("format")) return in.error();
  if (const auto format = codec::read_name(in); in.ok() && format != kFormat) {
    in.refuse("this is '" + std::string(format) + "', not '" + std::string(kFormat) + "'");
  }
  if (!in.key("version")) return in.error();
  if (const u64 version = in.in().unsigned_integer(); in.ok() && version != kDeltaVersion) {
    return Error{ErrorCode::mismatch, "delta: version " + std::to_string(version) + "; this build reads " +
                                          std::to_string(kDeltaVersion)};
  }
  if (!in.key("game")) return in.error();
  if (const auto found = codec::read_name(in); in.ok() && found != game) {
    return Error{ErrorCode::mismatch,
                 "delta: it is of the game '" + std::string(found) + "', not '" + std::string(game) + "'"};
  }
  if (!in.key("base_tick")) return in.error();
  const Tick base_tick = in.in().unsigned_integer();
  if (!in.key("base_hash")) return in.error();
  const u64 base_hash = in.in().unsigned_integer();
  if (!in.key("tick")) return in.error();
  const Tick tick = in.in().unsigned_integer();
  Rng::State rng{};
  if (!in.key("rng") || !codec::read_rng(in, rng)) return in.error();
  if (!in.key("hash")) return in.error();
  const u64 hash = in.in().unsigned_integer();
  if (!in.key("tables")) return in.error();
  const u32 tables = in.in().array();
  if (in.failed()) return in.error();
  if (base_tick != world.tick() || base_hash != hash_world(world).combined) {
    return Error{ErrorCode::mismatch, "delta: it starts from tick " + std::to_string(base_tick) +
                                          " with hash " + std::to_string(base_hash) +
                                          ", but the world is at tick " + std::to_string(world.tick()) +
                                          " with hash " + std::to_string(hash_world(world).combined)};
  }
  if (tables != world.table_count()) {
    in.refuse(std::to_string(tables) + " tables instead of " + std::to_string(world.table_count()));
    return in.error();
  }
  std::vector<Decoded> decoded(tables);
  for (u32 i = 0; i < tables; ++i) {
    in.at("table " + std::to_string(i));
    if (!read_table(in, world.table(i), decoded[i])) return in.error();
  }
  in.at("");
  if (!in.in().at_end()) {
    in.refuse("bytes follow the end, from offset " + std::to_string(in.in().position()) + " on");
    return in.error();
  }
  std::vector<codec::Rows> rows;
  rows.reserve(tables);
  for (Decoded& table : decoded) rows.push_back(std::move(table.rows));
  return codec::install("delta", rows, tick, rng, hash, world);
}

}  // namespace drumline::world

#include "world/snapshot.hpp"

#include <cstring>

#include "world/hash.hpp"
#include "world/msgpack.hpp"
#include "world/state_codec.hpp"

namespace drumline::world {
namespace {

constexpr std::string_view kFormat = "drumline.snapshot";
constexpr std::array<std::string_view, 9> kTypeNames = {"i8",  "u8",  "i16", "u16",  "i32",
                                                        "u32", "i64", "u64", "fixed"};

bool type_of_name(std::string_view name, FieldType& type) {
  for (std::size_t i = 0; i < kTypeNames.size(); ++i) {
    if (kTypeNames[i] != name) continue;
    type = static_cast<FieldType>(i);
    return true;
  }
  return false;
}

bool check_size(codec::Fields& in, std::string_view what, std::size_t found, std::size_t expected) {
  if (in.ok() && found != expected) {
    in.refuse(std::string(what) + ": " + std::to_string(found) + " bytes instead of " +
              std::to_string(expected));
  }
  return in.ok();
}

bool read_column(codec::Fields& in, u32 used, StateView::Column& column) {
  if (!in.map(3, "a column") || !in.key("name")) return false;
  column.name = codec::read_name(in);
  if (!in.key("type")) return false;
  const std::string_view type = codec::read_name(in);
  if (in.ok() && !type_of_name(type, column.type)) {
    in.refuse("column " + std::string(column.name) + " has the unknown type '" + std::string(type) + "'");
  }
  if (!in.key("rows")) return false;
  column.rows = in.in().binary();
  return in.ok() && check_size(in, "column " + std::string(column.name), column.rows.size(),
                               std::size_t{used} * field_size(column.type));
}

bool read_table(codec::Fields& in, StateView::Table& table) {
  if (!in.map(6, "a table") || !in.key("name")) return false;
  table.name = codec::read_name(in);
  if (!in.ok()) return false;
  in.at("table " + std::string(table.name));
  if (!in.key("capacity")) return false;
  const u64 capacity = in.in().unsigned_integer();
  if (!in.key("used")) return false;
  const u64 used = in.in().unsigned_integer();
  if (in.ok() && (capacity == 0 || capacity > kMaxTableCapacity || used > capacity)) {
    in.refuse("capacity " + std::to_string(capacity) + " and used " + std::to_string(used) +
              " are not 0 <= used <= capacity <= " + std::to_string(kMaxTableCapacity));
  }
  if (in.failed()) return false;
  table.capacity = static_cast<u32>(capacity);
  table.used = static_cast<u32>(used);
  if (!in.key("live")) return false;
  table.live_bits = in.in().binary();
  if (in.failed() ||
      !check_size(in, "live", table.live_bits.size(), (std::size_t{table.used} + 63) / 64 * 8)) {
    return false;
  }
  if (!in.key("generations")) return false;
  table.generations = in.in().binary();
  if (in.failed() || !check_size(in, "generations", table.generations.size(), std::size_t{table.used} * 4)) {
    return false;
  }
  if (!in.key("columns")) return false;
  const u32 columns = in.in().array();
  if (in.ok() && columns > kMaxColumns) {
    in.refuse(std::to_string(columns) + " columns; at most " + std::to_string(kMaxColumns) + " are allowed");
  }
  for (u32 i = 0; i < columns && in.ok(); ++i) {
    if (!read_column(in, table.used, table.columns.emplace_back())) return false;
  }
  return in.ok();
}

}  // namespace

std::string_view field_type_name(FieldType type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

StateView view_of(const World& world, std::string_view game) {
  StateView view;
  view.game = game;
  view.tick = world.tick();
  view.rng = world.rng().state();
  view.hash = hash_world(world).combined;
  view.tables.resize(world.table_count());
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& from = world.table(i);
    StateView::Table& to = view.tables[i];
    to.name = from.name();
    to.capacity = from.capacity();
    to.used = from.used();
    to.live_bits = std::as_bytes(from.live_bits());
    to.generations = std::as_bytes(from.generations());
    to.columns.reserve(from.column_count());
    for (std::size_t c = 0; c < from.column_count(); ++c) {
      to.columns.push_back({from.fields()[c].name, from.fields()[c].type, from.column_bytes(c)});
    }
  }
  return view;
}

std::size_t max_snapshot_bytes(const World& world) {
  // Names have at most kMaxNameBytes; keys and lengths take less than a name and half as much.
  constexpr std::size_t kPerColumn = 2 * codec::kMaxNameBytes;
  std::size_t size = 4 * codec::kMaxNameBytes;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& table = world.table(i);
    std::size_t row = sizeof(u32);
    for (const FieldDescription& field : table.fields()) row += field_size(field.type);
    size += (table.column_count() + 2) * kPerColumn + table.capacity() * row +
            (table.capacity() + 63) / 64 * sizeof(u64);
  }
  return size;
}

void encode_snapshot(const World& world, std::string_view game, std::vector<std::byte>& out) {
  out.clear();
  // Only once for each buffer, whatever the tables hold by then; what is not written is not touched.
  out.reserve(max_snapshot_bytes(world));
  MsgpackWriter write(out);
  write.map(7);
  write.text("format");
  write.text(kFormat);
  write.text("version");
  write.unsigned_integer(kSnapshotVersion);
  write.text("game");
  write.text(game);
  write.text("tick");
  write.unsigned_integer(world.tick());
  write.text("rng");
  codec::write_rng(write, world.rng());
  write.text("hash");
  write.unsigned_integer(hash_world(world).combined);
  write.text("tables");
  write.array(static_cast<u32>(world.table_count()));
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& table = world.table(i);
    write.map(6);
    write.text("name");
    write.text(table.name());
    write.text("capacity");
    write.unsigned_integer(table.capacity());
    write.text("used");
    write.unsigned_integer(table.used());
    write.text("live");
    write.binary(std::as_bytes(table.live_bits()));
    write.text("generations");
    write.binary(std::as_bytes(table.generations()));
    write.text("columns");
    write.array(static_cast<u32>(table.column_count()));
    for (std::size_t c = 0; c < table.column_count(); ++c) {
      write.map(3);
      write.text("name");
      write.text(table.fields()[c].name);
      write.text("type");
      write.text(field_type_name(table.fields()[c].type));
      write.text("rows");
      write.binary(table.column_bytes(c));
    }
  }
}

Result<StateView> read_snapshot(Bytes bytes) {
  if (bytes.size() > kMaxSnapshotBytes) {
    return Error{ErrorCode::exhausted, "snapshot: " + std::to_string(bytes.size()) + " bytes; at most " +
                                           std::to_string(kMaxSnapshotBytes) + " are read"};
  }
  StateView state;
  codec::Fields in(bytes, "snapshot");
  if (!in.map(7, "the snapshot") || !in.key("format")) return in.error();
  if (const auto format = codec::read_name(in); in.ok() && format != kFormat) {
    in.refuse("this is '" + std::string(format) + "', not '" + std::string(kFormat) + "'");
  }
  if (!in.key("version")) return in.error();
  if (const u64 version = in.in().unsigned_integer(); in.ok() && version != kSnapshotVersion) {
    return Error{ErrorCode::mismatch, "snapshot: version " + std::to_string(version) + "; this build reads " +
                                          std::to_string(kSnapshotVersion)};
  }
  if (!in.key("game")) return in.error();
  state.game = codec::read_name(in);
  if (!in.key("tick")) return in.error();
  state.tick = in.in().unsigned_integer();
  if (!in.key("rng") || !codec::read_rng(in, state.rng)) return in.error();
  if (!in.key("hash")) return in.error();
  state.hash = in.in().unsigned_integer();
  if (!in.key("tables")) return in.error();
  const u32 tables = in.in().array();
  if (in.ok() && tables > kMaxTables) {
    in.refuse(std::to_string(tables) + " tables; at most " + std::to_string(kMaxTables) + " are allowed");
  }
  for (u32 i = 0; i < tables && in.ok(); ++i) {
    in.at("table " + std::to_string(i));
    if (!read_table(in, state.tables.emplace_back())) return in.error();
  }
  in.at("");
  if (in.ok() && !in.in().at_end()) {
    in.refuse("bytes follow the end, from offset " + std::to_string(in.in().position()) + " on");
  }
  if (in.failed()) return in.error();
  return state;
}

Result<void> restore_snapshot(Bytes bytes, std::string_view game, World& world) {
  Result<StateView> read = read_snapshot(bytes);
  if (!read) return std::move(read).error();
  const StateView& state = *read;
  if (state.game != game) {
    return Error{ErrorCode::mismatch, "snapshot: it is of the game '" + std::string(state.game) + "', not '" +
                                          std::string(game) + "'"};
  }
  if (Result<void> shape = codec::check_shape("snapshot", state, world); !shape) return shape;
  std::vector<codec::Rows> tables(state.tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const StateView::Table& from = state.tables[i];
    codec::Rows& to = tables[i];
    to.used = from.used;
    // Copied, as the bytes need not be aligned.
    to.live.resize(from.live_bits.size() / sizeof(u64));
    to.generations.resize(from.generations.size() / sizeof(u32));
    if (from.used != 0) {
      std::memcpy(to.live.data(), from.live_bits.data(), from.live_bits.size());
      std::memcpy(to.generations.data(), from.generations.data(), from.generations.size());
    }
    for (const StateView::Column& column : from.columns) to.columns.push_back(column.rows);
  }
  return codec::install("snapshot", tables, state.tick, state.rng, state.hash, world);
}

}  // namespace drumline::world

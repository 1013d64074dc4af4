#include "world/state_codec.hpp"

#include <cstring>

#include "world/hash.hpp"

namespace drumline::world::codec {

bool Fields::key(std::string_view name) {
  key_ = name;
  const std::string_view found = in_.text();
  if (ok() && found != name) refuse("expected the key '" + std::string(name) + "'");
  return ok();
}

bool Fields::map(u32 count, std::string_view what) {
  const u32 found = in_.map();
  if (ok() && found != count) {
    refuse(std::string(what) + " has " + std::to_string(found) + " keys instead of " + std::to_string(count));
  }
  return ok();
}

void Fields::refuse(std::string message) {
  if (failed_) return;
  failed_ = true;
  message_ = std::move(message);
}

Error Fields::error() const {
  std::string message = what_ + ": ";
  if (!place_.empty()) message += place_ + ": ";
  if (failed_) {
    message += message_;
  } else {
    message += "the value of '" + key_ + "' is missing, cut short or of another type";
  }
  return Error{ErrorCode::malformed, std::move(message)};
}

std::string_view read_name(Fields& in) {
  const std::string_view name = in.in().text();
  if (in.ok() && (name.empty() || name.size() > kMaxNameBytes)) {
    in.refuse("a name has " + std::to_string(name.size()) + " bytes; 1 to " + std::to_string(kMaxNameBytes) +
              " are allowed");
  }
  return name;
}

void write_rng(MsgpackWriter& out, const Rng& rng) {
  out.binary(std::as_bytes(std::span(rng.state())));
}

bool read_rng(Fields& in, Rng::State& state) {
  const Bytes bytes = in.in().binary();
  if (in.failed()) return false;
  if (bytes.size() != sizeof state) {
    in.refuse("the generator's state has " + std::to_string(bytes.size()) + " bytes instead of 32");
    return false;
  }
  std::memcpy(state.data(), bytes.data(), sizeof state);
  return true;
}

void clear_world(World& world) {
  for (std::size_t i = 0; i < world.table_count(); ++i) world.table(i).clear();
  world.set_tick(0);
}

Result<void> install(std::string_view what, const std::vector<Rows>& tables, Tick tick, const Rng::State& rng,
                     u64 hash, World& world) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const Rows& rows = tables[i];
    if (!world.table(i).restore(rows.used, rows.live, rows.generations, rows.columns)) {
      const std::string name = world.table(i).name();
      clear_world(world);
      return Error{
          ErrorCode::malformed,
          std::string(what) + ": table " + name +
              ": live bits, generations and rows do not agree (a row that is not live must be zeros)"};
    }
  }
  world.set_tick(tick);
  if (!world.rng().set_state(rng)) {
    clear_world(world);
    return Error{ErrorCode::malformed, std::string(what) + ": the generator's state is all zeros"};
  }
  const u64 found = hash_world(world).combined;
  if (found != hash) {
    clear_world(world);
    return Error{ErrorCode::corrupt, std::string(what) + ": the state hash of tick " + std::to_string(tick) +
                                         " is " + std::to_string(found) + ", but " + std::to_string(hash) +
                                         " was recorded"};
  }
  return {};
}

Result<void> check_shape(std::string_view what, const StateView& state, const World& world) {
  const auto mismatch = [&](std::string message) {
    return Error{ErrorCode::mismatch, std::string(what) + ": " + std::move(message)};
  };
  if (state.tables.size() != world.table_count()) {
    return mismatch(std::to_string(state.tables.size()) + " tables instead of " +
                    std::to_string(world.table_count()));
  }
  for (std::size_t i = 0; i < state.tables.size(); ++i) {
    const StateView::Table& table = state.tables[i];
    const TableBase& expected = world.table(i);
    if (table.name != expected.name()) {
      return mismatch("table " + std::to_string(i) + " is '" + std::string(table.name) + "' instead of '" +
                      expected.name() + "'");
    }
    const std::string place = "table " + expected.name() + ": ";
    if (table.capacity != expected.capacity()) {
      return mismatch(place + "capacity " + std::to_string(table.capacity) + " instead of " +
                      std::to_string(expected.capacity()));
    }
    if (table.columns.size() != expected.column_count()) {
      return mismatch(place + std::to_string(table.columns.size()) + " columns instead of " +
                      std::to_string(expected.column_count()));
    }
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const FieldDescription& field = expected.fields()[c];
      if (table.columns[c].name != field.name || table.columns[c].type != field.type) {
        return mismatch(place + "column " + std::to_string(c) + " is '" + std::string(table.columns[c].name) +
                        "' (" + std::string(field_type_name(table.columns[c].type)) + ") instead of '" +
                        std::string(field.name) + "' (" + std::string(field_type_name(field.type)) + ")");
      }
    }
  }
  return {};
}

}  // namespace drumline::world::codec

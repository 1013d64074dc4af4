// What snapshot and delta have in common: header, errors, and the last step that
// puts decoded tables into a world and checks the hash.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "world/msgpack.hpp"
#include "world/snapshot.hpp"

namespace drumline::world::codec {

/// Longest name of a game, table or field that is read.
inline constexpr std::size_t kMaxNameBytes = 64;

/// A reader that knows the names of what it reads, for errors.
class Fields {
 public:
  Fields(Bytes bytes, std::string what) : in_(bytes), what_(std::move(what)) {}

  MsgpackReader& in() { return in_; }
  bool ok() const { return !failed_ && in_.ok(); }
  bool failed() const { return !ok(); }
  /// The next key must be this one.
  bool key(std::string_view name);
  /// The next value is a map with exactly `count` keys.
  bool map(u32 count, std::string_view what);
  void refuse(std::string message);
  /// Where the next value stands, for errors: "table player, column x".
  void at(std::string place) { place_ = std::move(place); }
  Error error() const;

 private:
  MsgpackReader in_;
  std::string what_;
  std::string place_;
  std::string key_;
  std::string message_;
  bool failed_ = false;
};

std::string_view read_name(Fields& in);
void write_rng(MsgpackWriter& out, const Rng& rng);
bool read_rng(Fields& in, Rng::State& state);

/// One table's new rows, owned.
struct Rows {
  u32 used = 0;
  std::vector<u64> live;
  std::vector<u32> generations;
  std::vector<Bytes> columns;
};

/// Puts `tables` into `world`, whose shape they have, and checks the hash; on an
/// error the world is left empty.
Result<void> install(std::string_view what, const std::vector<Rows>& tables, Tick tick, const Rng::State& rng,
                     u64 hash, World& world);

/// Nothing, or what differs between the world's shape and the state's.
Result<void> check_shape(std::string_view what, const StateView& state, const World& world);

void clear_world(World& world);

}  // namespace drumline::world::codec

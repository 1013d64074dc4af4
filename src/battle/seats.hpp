// Who sits where: the engine's own table in every battle's world, so that it is
// hashed, snapshotted and replayed like the rest of the state.
#pragma once

#include <cstring>

#include "world/rules.hpp"
#include "world/table.hpp"

namespace drumline::battle {

/// One seat that is taken. A row's slot is the PlayerSlot, its generation changes
/// with each new owner. The table is named "seats" and is the world's last.
struct Seat {
  u64 account = 0;
  u64 name_0 = 0;  ///< the profile's 24 bytes of name, little-endian
  u64 name_1 = 0;
  u64 name_2 = 0;
  u64 joined_tick = 0;    ///< the tick that seated the player
  u32 last_sequence = 0;  ///< of the last command that was applied
  u8 connected = 0;

  static constexpr auto kFields = world::fields(
      world::field("account", &Seat::account), world::field("name_0", &Seat::name_0),
      world::field("name_1", &Seat::name_1), world::field("name_2", &Seat::name_2),
      world::field("joined_tick", &Seat::joined_tick), world::field("last_sequence", &Seat::last_sequence),
      world::field("connected", &Seat::connected));
};

using SeatTable = world::Table<Seat>;
inline constexpr std::string_view kSeatTableName = "seats";

/// A copy of one seat for those who ask.
struct SeatView {
  PlayerSlot player;
  u32 generation = 0;
  world::Profile profile;
  Tick joined_tick = 0;
  u32 last_sequence = 0;
  bool connected = false;
};

}  // namespace drumline::battle

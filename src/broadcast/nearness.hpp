// Who has other players near: he is sent to at every tick, the others may be sent to less often.
#pragma once

#include <span>
#include <vector>

#include "base/types.hpp"
#include "world/rules.hpp"

namespace drumline::broadcast {

/// Where a player's entity is, raw fixed point.
struct PlayerPosition {
  bool known = false;  ///< he has an entity
  i64 x = 0;
  i64 y = 0;
};

/// One a battle, on its thread. Allocates at creation, and for more players than it was made for.
class Nearness {
 public:
  /// The most that a player is calm: sent to every 2^kMostCalm-th time.
  static constexpr u8 kMostCalm = 2;

  /// `distance`: raw fixed point, > 0; made longer on maps that are very large.
  Nearness(world::MapSize map, i64 distance, u32 players);

  /// Sets `calm` by player: 0, another one is within the distance, or he has no entity; 1, within
  /// twice that; 2, nobody is. Sometimes lower than it is, by a whole distance, never higher.
  /// As many as positions.
  void update(std::span<const PlayerPosition> positions, std::span<u8> calm);

 private:
  u32 place(i64 position, u32 count) const;
  bool somebody_within(u32 column, u32 row, u32 reach) const;

  i64 side_;
  u32 columns_ = 1;
  u32 rows_ = 1;
  std::vector<u16> counts_;   ///< players in each square of that side
  std::vector<u32> squares_;  ///< by player
};

}  // namespace drumline::broadcast

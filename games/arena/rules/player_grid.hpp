// Who is near a place: the living players by map cell, rebuilt from the players
// table in every step, so it is not state. All memory is taken at construction.
#pragma once

#include <algorithm>
#include <vector>

#include "arena/geometry.hpp"

namespace drumline::arena {

class PlayerGrid {
 public:
  PlayerGrid(Fixed map_side, u32 players)
      : side_cells_(static_cast<u32>(map_side.raw >> kCellShift) + 1),
        first_(std::size_t{side_cells_} * side_cells_, kNone),
        nodes_(players) {}

  void clear() { std::fill(first_.begin(), first_.end(), kNone); }
  void add(u32 slot, Vector place) {
    u32& first = first_[std::size_t{cell(place.y)} * side_cells_ + cell(place.x)];
    nodes_[slot] = {place, first};
    first = slot;
  }

  /// Calls visit(slot, place) for everybody in a cell that meets the square of
  /// half-width `reach` around `centre`. The order is the same for the same table.
  template <class Visit>
  void for_each_near(Vector centre, Fixed reach, Visit visit) const {
    const u32 left = cell(centre.x - reach);
    const u32 right = cell(centre.x + reach);
    const u32 bottom = cell(centre.y + reach);
    for (u32 y = cell(centre.y - reach); y <= bottom; ++y) {
      for (u32 x = left; x <= right; ++x) {
        for (u32 slot = first_[std::size_t{y} * side_cells_ + x]; slot != kNone; slot = nodes_[slot].next) {
          visit(slot, nodes_[slot].place);
        }
      }
    }
  }

 private:
  static constexpr u32 kNone = 0xFFFF'FFFF;
  static constexpr int kCellShift = Fixed::kFractionBits + 4;

  u32 cell(Fixed coordinate) const {
    const i64 at = coordinate.raw >> kCellShift;
    return at < 0 ? 0 : (at >= side_cells_ ? side_cells_ - 1 : static_cast<u32>(at));
  }

  // The place is copied, so that a look at a neighbour touches one cache line.
  struct Node {
    Vector place;
    u32 next = kNone;  ///< the player added to the same cell before
  };

  u32 side_cells_;
  std::vector<u32> first_;   ///< cell → the player in it that was added last
  std::vector<Node> nodes_;  ///< by player
};

}  // namespace drumline::arena

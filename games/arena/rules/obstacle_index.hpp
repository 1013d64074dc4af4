// Which obstacles are near a place. Derived from the obstacles table, which
// never changes in a battle's life, so it is not state.
#pragma once

#include <span>
#include <vector>

#include "arena/components.hpp"
#include "arena/geometry.hpp"
#include "world/rng.hpp"
#include "world/table.hpp"

namespace drumline::arena {

class ObstacleIndex {
 public:
  /// Allocates; call outside of the step.
  void build(const world::Table<ObstacleRow>& table, Fixed map_side);
  void build(std::span<const Obstacle> obstacles, Fixed map_side);

  std::span<const Obstacle> all() const { return obstacles_; }

  /// Where a body that wants to be at `place` comes to stand: outside of obstacles.
  Vector resolve(Vector place, Fixed radius) const {
    for (const u32 i : near(place)) place = push_out(place, radius, obstacles_[i]);
    return place;
  }
  /// True when a circle at `place` touches no obstacle; radius at most kReach.
  bool is_free(Vector place, Fixed radius) const { return resolve(place, radius) == place; }

  /// When a moving point first touches an obstacle grown by `radius`, in 65536ths
  /// of its way; -1 never. `way` and `radius` together at most kReach.
  i64 sweep(Vector from, Vector way, Fixed radius) const;

 private:
  /// An obstacle is listed in each cell that it reaches when grown by this.
  static constexpr Fixed kReach = Fixed::from_int(3);
  static constexpr int kCellShift = Fixed::kFractionBits + 3;

  std::span<const u32> near(Vector place) const {
    const auto x = static_cast<u64>(place.x.raw) >> kCellShift;
    const auto y = static_cast<u64>(place.y.raw) >> kCellShift;
    if (x >= side_cells_ || y >= side_cells_) return {};
    const u64 cell = y * side_cells_ + x;
    if ((occupied_[cell / 64] >> (cell % 64) & 1) == 0) return {};
    return std::span(listed_).subspan(first_[cell], first_[cell + 1] - first_[cell]);
  }

  u64 side_cells_ = 0;
  std::vector<Obstacle> obstacles_;
  std::vector<u64> occupied_;  ///< a bit a cell; most are empty, and the bits stay in the nearest cache
  std::vector<u32> first_;     ///< cell → its first entry in listed_; one more at the end
  std::vector<u32> listed_;    ///< obstacle numbers, ascending within a cell
};

/// Fills the table of a new battle: at most `wanted` obstacles, apart from each
/// other and from the edge by more than two bodies. A place that is too full gets fewer.
void generate_obstacles(u32 wanted, Fixed map_side, world::Rng& rng, world::Table<ObstacleRow>& table);

}  // namespace drumline::arena

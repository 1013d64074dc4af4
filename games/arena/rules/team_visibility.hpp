// Teams and fog of war: who may know of whom. Only asked about, no state: it follows
// from the tables, and the step does not depend on it.
#pragma once

#include <vector>

#include "arena/components.hpp"
#include "arena/geometry.hpp"
#include "world/rules.hpp"

namespace drumline::arena {

/// Players are dealt to the teams by seat, in turns.
class TeamVisibility final : public world::Visibility {
 public:
  /// Teammates in a row of seats; to each the others matter most, wherever they are.
  static constexpr u32 kSquad = world::kMaxRelevant + 1;

  /// `world` outlives this. `sight` 0: there is no fog. Allocates at construction only.
  TeamVisibility(const world::World& world, u32 teams, Fixed sight, Fixed map_side);

  bool has_teams() const { return teams_ > 0; }

  u32 team_count() const override { return sight_cells_ > 0 ? teams_ : 0; }
  u32 team_of(PlayerSlot player) const override { return player.value % teams_; }
  /// Teammates know each other. All else a team knows as far as one of its living sees.
  world::TeamSet hidden_from(EntityId entity) const override;
  u32 most_relevant() const override { return teams_ > 0 ? world::kMaxRelevant : 0; }
  u32 relevant_to(PlayerSlot player, std::span<EntityId> out) const override;

 private:
  // The fog lies in squares of 4 units.
  static constexpr int kCellShift = Fixed::kFractionBits + 2;

  template <class C>
  const world::Table<C>& table(std::size_t index) const {
    return static_cast<const world::Table<C>&>(world_.table(index));
  }
  u32 cell(Fixed at) const {
    return at.raw < 0 ? 0 : std::min(static_cast<u32>(at.raw >> kCellShift), side_ - 1);
  }
  void look() const;
  void see_from(u32 x, u32 y, world::TeamSet team) const;

  const world::World& world_;
  u32 teams_;
  u32 sight_cells_;
  u32 side_;                ///< of the map, in cells
  std::vector<u32> reach_;  ///< by rows away from who sees: how many cells he sees to either side
  // By cell, row by row: which teams see it, and from which they look. Of seen_at_.
  mutable std::vector<world::TeamSet> seen_by_;
  mutable std::vector<world::TeamSet> eyes_of_;
  mutable Tick seen_at_ = ~Tick{0};
};

}  // namespace drumline::arena

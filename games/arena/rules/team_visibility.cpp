#include "arena/team_visibility.hpp"

#include <algorithm>

#include "world/fixed_math.hpp"

namespace drumline::arena {
namespace {

constexpr std::size_t kSeatTable = 4;

}  // namespace

TeamVisibility::TeamVisibility(const world::World& world, u32 teams, Fixed sight, Fixed map_side)
    : world_(world),
      teams_(teams),
      sight_cells_(teams > 0 ? static_cast<u32>((sight.raw + (i64{1} << kCellShift) - 1) >> kCellShift) : 0),
      side_(static_cast<u32>(map_side.raw >> kCellShift) + 1) {
  if (sight_cells_ == 0) return;
  for (u64 rows = 0; rows <= sight_cells_; ++rows) {
    reach_.push_back(static_cast<u32>(world::isqrt(u64{sight_cells_} * sight_cells_ - rows * rows)));
  }
  seen_by_.resize(std::size_t{side_} * side_);
  eyes_of_.resize(seen_by_.size());
}

void TeamVisibility::see_from(u32 x, u32 y, world::TeamSet team) const {
  // Who stands together sees the same.
  world::TeamSet& eyes = eyes_of_[std::size_t{y} * side_ + x];
  if ((eyes & team) != 0) return;
  eyes |= team;
  const u32 top = y - std::min(y, sight_cells_);
  const u32 bottom = std::min(y + sight_cells_, side_ - 1);
  for (u32 row = top; row <= bottom; ++row) {
    const u32 reach = reach_[row > y ? row - y : y - row];
    const u32 right = std::min(x + reach, side_ - 1);
    world::TeamSet* const cells = seen_by_.data() + std::size_t{row} * side_;
    for (u32 column = x - std::min(x, reach); column <= right; ++column) cells[column] |= team;
  }
}

void TeamVisibility::look() const {
  if (seen_at_ == world_.tick()) return;
  seen_at_ = world_.tick();
  std::fill(seen_by_.begin(), seen_by_.end(), world::TeamSet{0});
  std::fill(eyes_of_.begin(), eyes_of_.end(), world::TeamSet{0});
  const auto& players = table<Player>(kPlayerTable);
  players.for_each([&](u32 slot) {
    if ((players.at<&Player::flags>(slot) & kFlagDead) != 0) return;
    const u32 team = team_of(PlayerSlot{players.at<&Player::seat>(slot)});
    see_from(cell(players.at<&Player::x>(slot)), cell(players.at<&Player::y>(slot)),
             static_cast<world::TeamSet>(1U << team));
  });
}

world::TeamSet TeamVisibility::hidden_from(EntityId entity) const {
  look();
  const u32 slot = entity_slot(entity);
  u32 knows = 0;
  Vector place;
  if (entity_table(entity) == kPlayerTable) {
    const auto& players = table<Player>(kPlayerTable);
    place = {players.at<&Player::x>(slot), players.at<&Player::y>(slot)};
    knows = 1U << team_of(PlayerSlot{players.at<&Player::seat>(slot)});
  } else {
    const auto& pickups = table<Pickup>(kPickupTable);
    place = {pickups.at<&Pickup::x>(slot), pickups.at<&Pickup::y>(slot)};
  }
  knows |= seen_by_[std::size_t{cell(place.y)} * side_ + cell(place.x)];
  return static_cast<world::TeamSet>(((1U << teams_) - 1) & ~knows);
}

u32 TeamVisibility::relevant_to(PlayerSlot player, std::span<EntityId> out) const {
  const auto& seats = table<Seat>(kSeatTable);
  const u32 first = player.value / (teams_ * kSquad) * (teams_ * kSquad) + team_of(player);
  u32 count = 0;
  for (u32 i = 0; i < kSquad && count < out.size(); ++i) {
    const u32 seat = first + i * teams_;
    if (seat == player.value || !seats.is_live(seat)) continue;
    if (const u64 entity = seats.at<&Seat::entity>(seat); entity != 0) out[count++] = EntityId{entity};
  }
  return count;
}

}  // namespace drumline::arena

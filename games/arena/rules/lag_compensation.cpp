#include "arena/lag_compensation.hpp"

namespace drumline::arena {

LagCompensation::LagCompensation(world::World& world, u32 players, u32 most_ticks)
    : players_(players), most_ticks_(most_ticks) {
  DRUM_ASSERT(most_ticks <= kMaxLagTicks);
  if (most_ticks == 0) return;
  places_ = &world.add_table<PastPlace>("past_place", players * kRing);
  shots_ = &world.add_table<ShotView>("shot_view", players);
}

void LagCompensation::create() {
  if (!enabled()) return;
  for (u32 i = 0; i < players_ * kRing; ++i) places_->create();
  for (u32 i = 0; i < players_; ++i) shots_->create();
}

Vector LagCompensation::place_at(u32 slot, u32 tick) const {
  const u32 packed = places_->at<&PastPlace::place>(row(slot, tick));
  constexpr i64 half = i64{1} << (kShift - 1);
  return {Fixed::from_raw((i64{packed & 0xFFFF} << kShift) + half),
          Fixed::from_raw((i64{packed >> 16} << kShift) + half)};
}

void LagCompensation::restart(u32 slot, Vector place) {
  for (u32 tick = 0; tick < kRing; ++tick) note(slot, place, tick);
}

}  // namespace drumline::arena

// Where players stood in the last ticks, so that a hit is judged by what its sender
// saw (Bernier, "Latency Compensating Methods in Client/Server In-game Protocol Design
// and Optimization", GDC 2001). State, as hits depend on it; there only when the rules
// document asks for it, since its hash costs every tick of every battle.
#pragma once

#include "arena/geometry.hpp"
#include "world/world.hpp"

namespace drumline::arena {

/// The most that a sender's view may lie back. One less than the ring holds: while a
/// tick is written, the ones before it are read.
inline constexpr u32 kMaxLagTicks = 15;

/// A place of one tick in 16 + 16 bits of 1/16 unit, which reach 4,096 units. Row
/// (tick % 16) × players + slot: what a tick writes lies in one piece.
struct PastPlace {
  u32 place;
  static constexpr auto kFields = world::fields(world::field("place", &PastPlace::place));
};

/// Row i: how far back the pending shot of player row i was aimed.
struct ShotView {
  u8 age_ticks;
  static constexpr auto kFields = world::fields(world::field("age_ticks", &ShotView::age_ticks));
};

/// Makes no tables and looks at the present only when `most_ticks` is 0. Allocates at construction only.
class LagCompensation {
 public:
  LagCompensation(world::World& world, u32 players, u32 most_ticks);

  bool enabled() const { return places_ != nullptr; }
  /// Makes the rows of a new battle.
  void create();

  /// By how many ticks before `now` hits are judged for a sender who claims to have seen
  /// `view_tick` (low 32 bits; 0: the present). A claim beyond the bound counts as the
  /// bound, one of the future as the present.
  u32 age_of(u32 view_tick, u32 now) const {
    if (view_tick == 0) return 0;
    const i32 age = static_cast<i32>(now - view_tick);
    if (age <= 0) return 0;
    return static_cast<u32>(age) < most_ticks_ ? static_cast<u32>(age) : most_ticks_;
  }
  /// To 1/32 unit. `tick` is one of the last kMaxLagTicks, or the one that is noted now.
  Vector place_at(u32 slot, u32 tick) const;

  void note(u32 slot, Vector place, u32 tick) {
    places_->at<&PastPlace::place>(row(slot, tick)) = pack(place);
  }
  /// A body appears: nobody may hit it where it, or who had its row before, was earlier.
  void restart(u32 slot, Vector place);

  u8& shot_age(u32 slot) { return shots_->at<&ShotView::age_ticks>(slot); }

 private:
  static constexpr u32 kRing = kMaxLagTicks + 1;
  static constexpr int kShift = Fixed::kFractionBits - 4;

  u32 row(u32 slot, u32 tick) const { return tick % kRing * players_ + slot; }
  static u32 pack(Vector place) {
    return static_cast<u32>(place.x.raw >> kShift & 0xFFFF) | static_cast<u32>(place.y.raw >> kShift & 0xFFFF)
                                                                  << 16;
  }

  u32 players_;
  u32 most_ticks_;
  world::Table<PastPlace>* places_ = nullptr;
  world::Table<ShotView>* shots_ = nullptr;
};

}  // namespace drumline::arena

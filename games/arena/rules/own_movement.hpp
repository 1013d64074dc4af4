// A client's own body, for prediction (the MovementModel of sdk/cpp/prediction): the
// movement of the rules on what a client knows.
#pragma once

#include "arena/movement.hpp"
#include "arena_view/map_description.hpp"
#include "world/rules.hpp"

namespace drumline::arena {

class OwnMovement {
 public:
  struct State {
    Vector place;
    Gait gait;
    u16 heading = 0;
    u32 dash_until = 0;
    u32 dash_ready = 0;
  };
  /// A player as a state frame shows him, in its values (PlayerField).
  struct Sighting {
    i64 x = 0;
    i64 y = 0;
    u8 flags = 0;
  };

  /// `rules_document` is the battle's; map and side are the Welcome's. Allocates.
  static Result<OwnMovement> make(std::string_view rules_document, const MapDescription& map, Fixed map_side);

  void apply(State& state, const world::Command& command, Tick tick) const;
  void step(State& state, Tick tick) const;
  void reconcile(State& state, const Sighting& seen, Tick tick) const;
  Vector place_of(const State& state) const { return state.place; }

 private:
  OwnMovement(const Tuning& tuning, Fixed map_side) : tuning_(tuning), map_side_(map_side) {}

  Tuning tuning_;
  Fixed map_side_;
  ObstacleIndex obstacles_;
};

}  // namespace drumline::arena

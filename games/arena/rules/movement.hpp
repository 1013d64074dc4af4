// How a body moves in one tick. Shared by the step and by clients that predict
// themselves (own_movement.hpp), so that both come to the same place to the last bit.
#pragma once

#include "arena/obstacle_index.hpp"
#include "arena/tuning.hpp"
#include "world/rules.hpp"

namespace drumline::arena {

/// What a body's next place follows from, besides the place.
struct Gait {
  u8 flags = 0;  ///< PlayerFlag
  i16 move_x = 0;
  i16 move_y = 0;
  u16 dash_heading = 0;  ///< while dashing
};

/// Where a command points; its x, y are not both 0.
inline world::Angle heading_of(const world::Command& command) {
  return world::atan2(Fixed::from_raw(command.y), Fixed::from_raw(command.x));
}

inline Vector moved(Vector from, const Gait& gait, const Tuning& tuning, const ObstacleIndex& obstacles,
                    Fixed map_side) {
  Vector way;
  if ((gait.flags & kFlagDashing) != 0) {
    way = world::direction_of(gait.dash_heading) * tuning.dash_speed;
  } else {
    const i64 speed = (gait.flags & kFlagFast) != 0 ? tuning.fast_speed : tuning.speed;
    way = {Fixed::from_raw((gait.move_x * speed) >> 15), Fixed::from_raw((gait.move_y * speed) >> 15)};
  }
  const Vector place = obstacles.resolve(from + way, tuning.radius);
  const Fixed far = map_side - tuning.radius;
  return {clamp(place.x, tuning.radius, far), clamp(place.y, tuning.radius, far)};
}

}  // namespace drumline::arena

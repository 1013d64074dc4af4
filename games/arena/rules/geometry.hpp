// Circles, boxes and moving points in integers.
#pragma once

#include "arena_view/map_description.hpp"
#include "world/fixed_math.hpp"

namespace drumline::arena {

using world::Fixed;
using world::Vector;

/// When, in 65536ths of the way, a point that moves from `from` by `way` first
/// touches the circle; -1 if it does not. 0 when it starts inside. `way` at most
/// 2 units long, `from` within 60 units of the centre; precise to 1/256 unit.
i64 sweep_circle(Vector from, Vector way, Vector centre, Fixed radius);

/// The same for an axis-parallel box, exact to rounding of the time.
i64 sweep_box(Vector from, Vector way, Vector centre, Fixed half_width, Fixed half_height);

/// Where a circle at `centre` that overlaps the obstacle must go to just touch
/// it: the shortest way out. Unchanged when they do not overlap.
Vector push_out(Vector centre, Fixed radius, const Obstacle& obstacle);

}  // namespace drumline::arena

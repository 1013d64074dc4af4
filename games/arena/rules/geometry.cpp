#include "arena/geometry.hpp"

#include <utility>

namespace drumline::arena {
namespace {

constexpr i64 kNever = -1;
// Swept circles are computed in 1/256 unit: squares of squares then fit 64 bits.
constexpr int kCoarse = 8;

struct Push {
  Vector centre;
  Fixed radius;

  // Out of a circle of `reach` around `middle`, along the line between the centres.
  Vector away_from(Vector middle, Fixed reach) const {
    const Vector apart = centre - middle;
    const u64 square = world::raw_length_squared(apart);
    const Fixed distance = reach + radius;
    if (square >= static_cast<u64>(distance.raw) * static_cast<u64>(distance.raw)) return centre;
    if (square == 0) return {middle.x + distance, middle.y};
    return middle + world::normalised(apart) * distance;
  }
};

// The times at which a coordinate enters and leaves [low, high]; false when never.
bool slab(i64 from, i64 way, i64 low, i64 high, i64& enter, i64& leave) {
  if (way == 0) return from > low && from < high;
  i64 first = (low - from) * Fixed::kOneRaw / way;
  i64 second = (high - from) * Fixed::kOneRaw / way;
  if (first > second) std::swap(first, second);
  enter = first > enter ? first : enter;
  leave = second < leave ? second : leave;
  return true;
}

}  // namespace

i64 sweep_circle(Vector from, Vector way, Vector centre, Fixed radius) {
  const i64 fx = (from.x.raw - centre.x.raw) >> kCoarse;
  const i64 fy = (from.y.raw - centre.y.raw) >> kCoarse;
  const i64 r = radius.raw >> kCoarse;
  const i64 c = fx * fx + fy * fy - r * r;
  if (c <= 0) return 0;
  const i64 dx = way.x.raw >> kCoarse;
  const i64 dy = way.y.raw >> kCoarse;
  const i64 b = fx * dx + fy * dy;
  const i64 a = dx * dx + dy * dy;
  if (b >= 0 || a == 0) return kNever;
  const i64 discriminant = b * b - a * c;
  if (discriminant < 0) return kNever;
  const i64 along = -b - static_cast<i64>(world::isqrt(static_cast<u64>(discriminant)));
  return along > a ? kNever : along * Fixed::kOneRaw / a;
}

i64 sweep_box(Vector from, Vector way, Vector centre, Fixed half_width, Fixed half_height) {
  i64 enter = 0;
  i64 leave = Fixed::kOneRaw;
  const bool reached =
      slab(from.x.raw, way.x.raw, (centre.x - half_width).raw, (centre.x + half_width).raw, enter, leave) &&
      slab(from.y.raw, way.y.raw, (centre.y - half_height).raw, (centre.y + half_height).raw, enter, leave);
  return reached && enter <= leave ? enter : kNever;
}

Vector push_out(Vector centre, Fixed radius, const Obstacle& obstacle) {
  const Vector middle{obstacle.x, obstacle.y};
  const Push push{centre, radius};
  if (obstacle.shape == ObstacleShape::circle) return push.away_from(middle, obstacle.half_width);
  const Vector apart = centre - middle;
  if (abs(apart.x) >= obstacle.half_width + radius || abs(apart.y) >= obstacle.half_height + radius) {
    return centre;
  }
  const Vector nearest{middle.x + clamp(apart.x, -obstacle.half_width, obstacle.half_width),
                       middle.y + clamp(apart.y, -obstacle.half_height, obstacle.half_height)};
  if (nearest != centre) return push.away_from(nearest, Fixed{});
  // The centre itself is inside: out by the nearest side.
  const Fixed out_x = obstacle.half_width + radius - abs(apart.x);
  const Fixed out_y = obstacle.half_height + radius - abs(apart.y);
  if (out_x < out_y) return {apart.x.raw < 0 ? centre.x - out_x : centre.x + out_x, centre.y};
  return {centre.x, apart.y.raw < 0 ? centre.y - out_y : centre.y + out_y};
}

}  // namespace drumline::arena

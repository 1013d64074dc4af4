#include "arena/geometry.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::arena {
namespace {

double value(Fixed fixed) {
  return static_cast<double>(fixed.raw) / 65536.0;
}
Fixed fixed(double number) {
  return Fixed::from_raw(static_cast<i64>(std::lround(number * 65536)));
}

// By walking in very small steps: the first time a point is within `reach`.
double slow_sweep(Vector from, Vector way, Vector centre, double reach) {
  constexpr int steps = 2'000;
  for (int i = 0; i <= steps; ++i) {
    const double t = static_cast<double>(i) / steps;
    const double dx = value(from.x) + t * value(way.x) - value(centre.x);
    const double dy = value(from.y) + t * value(way.y) - value(centre.y);
    if (dx * dx + dy * dy <= reach * reach) return t;
  }
  return -1;
}

TEST(arena_geometry, swept_circles_agree_with_small_steps) {
  world::Rng rng(1);
  int hits = 0;
  for (int i = 0; i < 3'000; ++i) {
    const auto number = [&](double range) {
      return fixed((static_cast<double>(rng.below(u64{100'001})) / 50'000 - 1) * range);
    };
    const Vector from{number(2), number(2)};
    const Vector way{number(1), number(1)};
    const Vector centre{number(2), number(2)};
    const double found = static_cast<double>(sweep_circle(from, way, centre, fixed(0.65))) / 65536;
    const double slow = slow_sweep(from, way, centre, 0.65);
    if (slow >= 0 && found >= 0) {
      EXPECT_NEAR(found * std::hypot(value(way.x), value(way.y)),
                  slow * std::hypot(value(way.x), value(way.y)), 0.12);
      ++hits;
    } else if (slow >= 0) {
      EXPECT_LT(slow_sweep(from, way, centre, 0.63), 0) << "missed more than a graze";
    } else if (found >= 0) {
      EXPECT_GE(slow_sweep(from, way, centre, 0.67), 0) << "hit from too far";
    }
  }
  EXPECT_GT(hits, 200);
}

TEST(arena_geometry, a_swept_box_is_entered_by_the_right_side) {
  const Vector centre{Fixed::from_int(10), Fixed::from_int(10)};
  const Fixed half = Fixed::from_int(1);
  const auto at = [](i64 x, i64 y) { return Vector{Fixed::from_int(x), Fixed::from_int(y)}; };
  EXPECT_EQ(sweep_box(at(8, 10), at(2, 0), centre, half, half), 32768);
  EXPECT_EQ(sweep_box(at(10, 12), at(0, -2), centre, half, half), 32768);
  EXPECT_EQ(sweep_box(at(8, 12), at(2, 0), centre, half, half), -1) << "passes by";
  EXPECT_EQ(sweep_box(at(8, 10), at(-2, 0), centre, half, half), -1) << "goes away";
  EXPECT_EQ(sweep_box(at(10, 10), at(0, 0), centre, half, half), 0) << "is inside";
  EXPECT_EQ(sweep_box(at(5, 10), at(2, 0), centre, half, half), -1) << "too short";
}

TEST(arena_geometry, pushing_out_leaves_the_body_outside_by_the_shortest_way) {
  world::Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    Obstacle obstacle;
    obstacle.shape = rng.below(u64{2}) == 0 ? ObstacleShape::circle : ObstacleShape::box;
    obstacle.x = obstacle.y = Fixed::from_int(50);
    obstacle.half_width = fixed(1 + static_cast<double>(rng.below(u64{200})) / 100);
    obstacle.half_height = obstacle.shape == ObstacleShape::circle
                               ? obstacle.half_width
                               : fixed(1 + static_cast<double>(rng.below(u64{200})) / 100);
    const Vector from{fixed(46 + static_cast<double>(rng.below(u64{8'001})) / 1'000),
                      fixed(46 + static_cast<double>(rng.below(u64{8'001})) / 1'000)};
    const Fixed radius = fixed(0.5);
    const Vector to = push_out(from, radius, obstacle);
    const double x = std::abs(value(to.x) - 50);
    const double y = std::abs(value(to.y) - 50);
    const double w = value(obstacle.half_width);
    const double h = value(obstacle.half_height);
    const double gap = obstacle.shape == ObstacleShape::circle
                           ? std::hypot(x, y) - w
                           : std::hypot(std::max(0.0, x - w), std::max(0.0, y - h));
    EXPECT_GT(gap, 0.4995);
    if (to != from) {
      EXPECT_LT(gap, 0.5005) << "just touching";
    }
  }
}

}  // namespace
}  // namespace drumline::arena

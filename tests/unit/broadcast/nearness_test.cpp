#include "broadcast/nearness.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::broadcast {
namespace {

constexpr i64 kUnit = 65536;

PlayerPosition at(i64 x, i64 y) {
  return {true, x * kUnit, y * kUnit};
}

/// By the distance along the axes to whoever is nearest, as the name says it.
u8 calm_by_definition(const std::vector<PlayerPosition>& all, std::size_t self, i64 distance) {
  i64 nearest = INT64_MAX;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == self || !all[i].known) continue;
    nearest = std::min(nearest, std::max(std::abs(all[i].x - all[self].x), std::abs(all[i].y - all[self].y)));
  }
  return nearest <= distance ? 0 : nearest <= 2 * distance ? 1 : 2;
}

TEST(nearness, is_never_calmer_than_it_is_and_calm_where_nobody_is_for_long) {
  constexpr i64 kDistance = 5 * kUnit;
  const world::MapSize map{world::Fixed::from_int(1000), world::Fixed::from_int(700)};
  Nearness nearness(map, kDistance, 500);
  world::Rng rng(3);
  std::vector<PlayerPosition> positions(500);
  std::vector<u8> calm(500);
  for (int round = 0; round < 20; ++round) {
    for (PlayerPosition& position : positions) {
      position = at(static_cast<i64>(rng.below(u64{1000})), static_cast<i64>(rng.below(u64{700})));
      position.known = rng.below(u64{10}) != 0;
    }
    nearness.update(positions, calm);
    u32 calmest = 0;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (!positions[i].known) {
        EXPECT_EQ(calm[i], 0);
        continue;
      }
      EXPECT_LE(calm[i], calm_by_definition(positions, i, kDistance));
      // A square more than the distance is looked at: never two.
      EXPECT_GE(calm[i], calm_by_definition(positions, i, 2 * kDistance));
      calmest += calm[i] == Nearness::kMostCalm;
    }
    EXPECT_GT(calmest, 10U);
  }
}

TEST(nearness, outside_the_map_and_at_its_rim_players_are_where_the_map_ends) {
  Nearness nearness({world::Fixed::from_int(100), world::Fixed::from_int(100)}, 5 * kUnit, 4);
  std::vector<u8> calm(4);
  nearness.update(std::vector{at(-50, -50), at(0, 0), at(500, 500), at(99, 0)}, calm);
  EXPECT_EQ(calm, (std::vector<u8>{0, 0, 2, 2}));
}

TEST(nearness, a_map_without_bounds_has_bounded_memory) {
  const world::MapSize map{world::Fixed::from_int(1 << 30), world::Fixed::from_int(1 << 30)};
  Nearness nearness(map, 1, 2);
  std::vector<u8> calm(2);
  nearness.update(std::vector{at(1, 1), at(1 << 29, 1 << 29)}, calm);
  EXPECT_EQ(calm, (std::vector<u8>{2, 2}));
}

}  // namespace
}  // namespace drumline::broadcast

#include "prediction/interpolator.hpp"

#include <gtest/gtest.h>

namespace drumline::prediction {
namespace {

using world::Fixed;
using world::Vector;

constexpr EntityId kOne = make_entity_id(0, 1, 3);

Vector at(i64 x, i64 y) {
  return {Fixed::from_int(x), Fixed::from_int(y)};
}
TimeNs ticks(i64 count) {
  return count * kTickNs;
}

TEST(prediction_interpolator, between_two_states_it_is_in_between) {
  Interpolator others;
  EXPECT_FALSE(others.place_at(kOne, 0).has_value());
  others.add(kOne, 10, at(0, 2));
  others.add(kOne, 14, at(2, 0));
  EXPECT_EQ(others.place_at(kOne, ticks(12)), at(1, 1));
  EXPECT_EQ(others.place_at(kOne, ticks(5)), at(0, 2)) << "before the first";
  EXPECT_EQ(others.place_at(kOne, ticks(50)), at(2, 0)) << "no guesses";
}

TEST(prediction_interpolator, old_states_and_repeats_are_passed_over) {
  Interpolator others;
  others.add(kOne, 10, at(0, 0));
  others.add(kOne, 14, at(2, 0));
  others.add(kOne, 12, at(9, 9));
  others.add(kOne, 14, at(9, 9));
  EXPECT_EQ(others.place_at(kOne, ticks(14)), at(2, 0));
  EXPECT_EQ(others.place_at(kOne, ticks(12)), at(1, 0));
}

TEST(prediction_interpolator, a_respawn_is_not_slid_over) {
  Interpolator others;
  others.add(kOne, 10, at(0, 0));
  others.add(kOne, 13, at(50, 0));
  EXPECT_EQ(others.place_at(kOne, ticks(13) - 1), at(0, 0));
  EXPECT_EQ(others.place_at(kOne, ticks(13)), at(50, 0));
}

TEST(prediction_interpolator, a_walk_at_a_steady_pace_is_shown_without_a_step_back) {
  Interpolator others;
  for (Tick tick = 1; tick < 100; tick += 3) others.add(kOne, tick, at(static_cast<i64>(tick), 0));
  Fixed before;
  for (TimeNs now = ticks(70); now < ticks(110); now += kMillisecondNs) {
    const Fixed x = others.place_at(kOne, now)->x;
    EXPECT_GE(x, before);
    before = x;
  }
}

TEST(prediction_interpolator, it_is_bounded) {
  Interpolator others({.max_entities = 2});
  others.add(make_entity_id(0, 1, 1), 5, at(1, 0));
  others.add(make_entity_id(0, 1, 2), 4, at(2, 0));
  others.add(make_entity_id(0, 1, 3), 6, at(3, 0));
  EXPECT_EQ(others.size(), 2U);
  EXPECT_FALSE(others.place_at(make_entity_id(0, 1, 2), 0).has_value()) << "not heard of the longest";
  others.forget(134);
  EXPECT_EQ(others.size(), 1U);
}

}  // namespace
}  // namespace drumline::prediction

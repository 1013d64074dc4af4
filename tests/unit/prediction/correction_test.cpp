#include "prediction/correction.hpp"

#include <gtest/gtest.h>

namespace drumline::prediction {
namespace {

using world::Fixed;
using world::Vector;

Vector at(i64 x, i64 y) {
  return {Fixed::from_int(x), Fixed::from_int(y)};
}

TEST(prediction_correction, what_is_shown_does_not_jump_and_arrives_in_time) {
  Correction correction({.blend_ns = 100 * kMillisecondNs, .teleport = Fixed::from_int(4)});
  correction.add(at(10, 0), at(12, 0), 1'000);
  EXPECT_EQ(at(12, 0) + correction.offset(1'000), at(10, 0));
  Fixed before = Fixed::from_int(-2);
  for (TimeNs now = 1'000; now <= 1'000 + 100 * kMillisecondNs; now += kMillisecondNs) {
    const Fixed offset = correction.offset(now).x;
    EXPECT_GE(offset, before);
    EXPECT_LE(offset - before, Fixed::from_ratio(3, 100)) << "2 units in 100 ms";
    before = offset;
  }
  EXPECT_EQ(correction.offset(1'000 + 100 * kMillisecondNs), Vector{});
}

TEST(prediction_correction, a_second_one_goes_on_from_what_was_shown) {
  Correction correction({});
  correction.add(at(2, 0), at(0, 0), 0);
  const Vector shown = correction.offset(50 * kMillisecondNs);
  EXPECT_EQ(shown.x, Fixed::from_int(1));
  correction.add(at(0, 0), at(0, 1), 50 * kMillisecondNs);
  EXPECT_EQ(at(0, 1) + correction.offset(50 * kMillisecondNs), shown);
}

TEST(prediction_correction, beyond_the_bound_it_teleports) {
  Correction correction({});
  correction.add(at(0, 0), at(3, 0), 0);
  EXPECT_EQ(correction.teleports(), 0U);
  correction.add(at(3, 0), at(6, 0), 0);
  EXPECT_EQ(correction.teleports(), 1U) << "both together are 6 units";
  EXPECT_EQ(correction.offset(0), Vector{});
  EXPECT_EQ(correction.longest(), Fixed::from_int(3));
}

}  // namespace
}  // namespace drumline::prediction

#include "env/clock.hpp"

#include <gtest/gtest.h>

namespace drumline::env {
namespace {

TEST(clock, the_system_clock_never_goes_back) {
  const SystemClock clock;
  TimeNs before = clock.now();
  for (int i = 0; i < 10'000; ++i) {
    const TimeNs now = clock.now();
    ASSERT_GE(now, before);
    before = now;
  }
  EXPECT_GT(clock.wall_now(), TimeNs{1'600'000'000} * kSecondNs);
}

TEST(clock, a_simulated_clock_stands_still_until_it_is_moved) {
  SimulatedClock clock(5, 100);
  EXPECT_EQ(clock.now(), 5);
  clock.advance(kTickNs);
  EXPECT_EQ(clock.now(), 5 + kTickNs);
  EXPECT_EQ(clock.wall_now(), 100 + kTickNs);
  clock.jump_wall(-kSecondNs);
  EXPECT_EQ(clock.now(), 5 + kTickNs);
  EXPECT_EQ(clock.wall_now(), 100 + kTickNs - kSecondNs);
}

}  // namespace
}  // namespace drumline::env

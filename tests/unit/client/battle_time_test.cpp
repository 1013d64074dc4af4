#include "client/battle_time.hpp"

#include <gtest/gtest.h>

namespace drumline::client {
namespace {

TEST(BattleTime, is_the_clocks_until_ticks_take_longer_and_goes_on_from_there_without_a_step) {
  BattleTime time;
  EXPECT_EQ(time.at(5 * kSecondNs), 5 * kSecondNs);
  time.set_pace(200, 10 * kSecondNs);
  EXPECT_EQ(time.at(10 * kSecondNs), 10 * kSecondNs);
  EXPECT_EQ(time.at(12 * kSecondNs), 11 * kSecondNs);
  EXPECT_EQ(time.span(60 * kMillisecondNs), 30 * kMillisecondNs);
  EXPECT_EQ(time.clock_of(11 * kSecondNs), 12 * kSecondNs);
  time.set_pace(100, 14 * kSecondNs);
  EXPECT_EQ(time.at(14 * kSecondNs), 12 * kSecondNs);
  EXPECT_EQ(time.at(15 * kSecondNs), 13 * kSecondNs);
}

TEST(BattleTime, a_tick_always_takes_as_long_in_it_as_one_does) {
  BattleTime time;
  TimeNs now = kSecondNs;
  for (const u32 percent : {100U, 125U, 300U, 1000U, 150U, 100U}) {
    time.set_pace(percent, now);
    for (int tick = 0; tick < 100; ++tick) {
      const TimeNs before = time.at(now);
      now += kTickNs * percent / world::kNormalPacePercent;
      EXPECT_NEAR(static_cast<double>(time.at(now) - before), static_cast<double>(kTickNs), 1);
    }
  }
}

}  // namespace
}  // namespace drumline::client

#include "lockstep/input_delay.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::lockstep {
namespace {

/// A way to the server on which each command takes round_trip + up to jitter: one
/// command and report a tick, a ping a second.
struct Way {
  i64 round_trip_ns;
  i64 jitter_ns;
  world::Rng rng{3};
  TimeNs now = 0;
  u32 late = 0;
  u32 sent = 0;

  void run(InputDelay& delay, double seconds) {
    const TimeNs end = now + static_cast<i64>(seconds * 1e9);
    for (u32 i = 0; now < end; ++i, now += kTickNs) {
      const auto sample = [&] {
        return round_trip_ns + static_cast<i64>(rng.below(static_cast<u64>(jitter_ns + 1)));
      };
      if (i % 62 == 0) delay.on_round_trip(sample(), now);
      const int margin =
          static_cast<int>(delay.ticks()) - 1 - static_cast<int>((sample() + kTickNs - 1) / kTickNs);
      delay.on_margin(margin, now);
      late += margin < 0;
      ++sent;
    }
  }
};

TEST(input_delay, it_settles_on_what_the_way_takes) {
  for (const i64 round_trip_ms : {0, 20, 60, 100, 200}) {
    InputDelay delay({});
    Way way{round_trip_ms * kMillisecondNs, 0};
    way.run(delay, 30);
    const auto least = static_cast<u32>((round_trip_ms + 15) / 16 + 2);
    EXPECT_GE(delay.ticks(), least) << round_trip_ms;
    EXPECT_LE(delay.ticks(), least + 1) << round_trip_ms;
    EXPECT_EQ(way.late, 0U) << round_trip_ms;
  }
}

TEST(input_delay, pings_that_waited_for_a_lost_packet_do_not_count) {
  InputDelay delay({});
  world::Rng rng(5);
  TimeNs now = 0;
  u32 most = 0;
  for (u32 i = 0; i < 400; ++i, now += 250 * kMillisecondNs) {
    const bool waited = rng.below(u64{5}) == 0;  // 10 % each way
    delay.on_round_trip((waited ? 250 : 50) * kMillisecondNs, now);
    // Every command comes as early as the delay allows.
    delay.on_margin(static_cast<int>(delay.ticks()) - 1 - 4, now);
    if (i > 20) most = std::max(most, delay.ticks());
  }
  EXPECT_LE(most, 12U) << "the least possible is 6";
  EXPECT_LE(delay.ticks(), 8U);
}

TEST(input_delay, what_came_late_before_the_way_was_known_does_not_hold_it_up) {
  InputDelay delay({});
  delay.on_margin(-5, kMillisecondNs);
  delay.on_margin(-5, 200 * kMillisecondNs);
  delay.on_round_trip(500 * kMillisecondNs, 300 * kMillisecondNs);  // waited for something lost
  EXPECT_EQ(delay.ticks(), 24U);
  delay.on_round_trip(150 * kMillisecondNs, 550 * kMillisecondNs);
  EXPECT_LE(delay.ticks(), 13U);
}

TEST(input_delay, the_first_ping_alone_does_not_decide) {
  InputDelay delay({});
  delay.on_round_trip(400 * kMillisecondNs, 0);
  for (int i = 1; i < 5; ++i) delay.on_round_trip(40 * kMillisecondNs, i * kSecondNs);
  EXPECT_LE(delay.ticks(), 6U);
}

TEST(input_delay, steady_jitter_does_not_make_it_swing) {
  InputDelay delay({});
  Way way{60 * kMillisecondNs, 30 * kMillisecondNs};
  way.run(delay, 30);
  const u64 before = delay.changes();
  way.late = way.sent = 0;
  way.run(delay, 60);
  EXPECT_LE(delay.changes() - before, 6U);
  EXPECT_EQ(way.late, 0U);
  EXPECT_GE(delay.ticks(), 8U);  // 90 ms
  EXPECT_LE(delay.ticks(), 10U);
}

TEST(input_delay, a_longer_way_is_followed_within_a_second) {
  InputDelay delay({});
  Way way{40 * kMillisecondNs, 0};
  way.run(delay, 20);
  way.round_trip_ns = 140 * kMillisecondNs;
  way.run(delay, 1);
  EXPECT_GE(delay.ticks(), 11U);
  way.late = 0;
  way.run(delay, 5);
  EXPECT_EQ(way.late, 0U);
}

TEST(input_delay, a_shorter_way_is_followed_a_tick_at_a_time) {
  InputDelay delay({});
  Way way{140 * kMillisecondNs, 0};
  way.run(delay, 10);
  const u32 before = delay.ticks();
  way.round_trip_ns = 20 * kMillisecondNs;
  way.run(delay, 4);
  EXPECT_GE(delay.ticks() + 2, before);
  way.run(delay, 40);
  EXPECT_LE(delay.ticks(), 5U);
  EXPECT_EQ(way.late, 0U);
}

TEST(input_delay, one_late_command_costs_one_tick_and_two_in_a_row_what_they_lack) {
  InputDelay delay({});
  delay.on_round_trip(32 * kMillisecondNs, 0);
  const u32 before = delay.ticks();
  TimeNs now = kSecondNs;
  delay.on_margin(-6, now);
  EXPECT_EQ(delay.ticks(), before + 1);
  delay.on_margin(-6, now + kTickNs);
  EXPECT_EQ(delay.ticks(), before + 1) << "sent before the change";
  now += kSecondNs;
  delay.on_margin(-5, now);
  EXPECT_EQ(delay.ticks(), before + 7);
}

TEST(input_delay, a_way_with_rare_delays_is_not_tried_out_over_and_over) {
  InputDelay delay({});
  Way way{60 * kMillisecondNs, 0};
  const auto minute = [&] {
    const u64 before = delay.changes();
    for (int i = 0; i < 15; ++i) {
      way.run(delay, 4);
      way.round_trip_ns += 64 * kMillisecondNs;
      way.run(delay, 0.01);
      way.round_trip_ns -= 64 * kMillisecondNs;
    }
    return delay.changes() - before;
  };
  minute();
  minute();
  EXPECT_LE(minute(), 6U);
}

TEST(input_delay, it_stays_within_its_bounds) {
  InputDelayOptions options;
  options.min_ticks = 3;
  options.max_ticks = 10;
  InputDelay delay(options);
  Way far{900 * kMillisecondNs, 0};
  far.run(delay, 10);
  EXPECT_EQ(delay.ticks(), 10U);
  far.round_trip_ns = 0;
  far.run(delay, 120);
  EXPECT_EQ(delay.ticks(), 3U);
  InputDelay unheard(options);
  EXPECT_EQ(unheard.ticks(), 8U);
}

}  // namespace
}  // namespace drumline::lockstep

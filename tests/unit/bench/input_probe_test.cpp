#include "bench/sync/input_probe.hpp"

#include <gtest/gtest.h>

namespace drumline::bench {
namespace {

constexpr i64 kMs = kMillisecondNs;

double mean_ms(const Histogram& delays_ns) {
  return delays_ns.mean() * 1e-6;
}

TEST(input_probe, a_delay_ends_when_the_body_moves_the_new_way_and_not_while_it_still_moves_the_old_way) {
  InputProbe probe(10);
  probe.press(-1, {100, 60}, 1000 * kMs);
  probe.look({108, 70}, 1008 * kMs);  // goes on to the right
  probe.look({104, 80}, 1016 * kMs);  // turned, but hardly moved yet
  EXPECT_EQ(probe.delays().shown_ns.count(), 0U);
  probe.look({98, 90}, 1024 * kMs);
  EXPECT_EQ(probe.delays().shown_ns.count(), 1U);
  EXPECT_TRUE(probe.open()) << "the server has not confirmed it";
  probe.look({50, 100}, 1040 * kMs);
  probe.look({40, 95}, 1048 * kMs);
  probe.look({30, 90}, 1056 * kMs);
  EXPECT_FALSE(probe.open());
  EXPECT_NEAR(mean_ms(probe.delays().shown_ns), 24, 0.5);
  EXPECT_NEAR(mean_ms(probe.delays().confirmed_ns), 56, 0.5);
  EXPECT_EQ(probe.delays().unanswered, 0U);
}

TEST(input_probe, what_is_not_answered_or_disturbed_is_counted_apart) {
  InputProbe probe(10);
  probe.press(1, {0, 0}, 1 * kMs);
  probe.look({100, 0}, 2 * kMs);
  probe.look({200, 0}, 1 * kMs + InputProbe::kPatienceNs);
  EXPECT_FALSE(probe.open());
  EXPECT_EQ(probe.delays().unanswered, 1U);
  EXPECT_EQ(probe.delays().confirmed_ns.count(), 0U);

  probe.press(1, {0, 0}, 3000 * kMs);
  probe.disturb();
  probe.look({100, 100}, 3001 * kMs);
  EXPECT_EQ(probe.delays().disturbed, 1U);
  EXPECT_EQ(probe.delays().shown_ns.count(), 1U) << "the first press was shown";
}

TEST(input_probe, figures_begin_anew_without_the_press_that_is_open) {
  InputProbe probe(10);
  probe.press(1, {0, 0}, 1 * kMs);
  probe.restart();
  EXPECT_FALSE(probe.open());
  probe.look({100, 100}, 2 * kMs);
  EXPECT_EQ(probe.delays().shown_ns.count(), 0U);
}

}  // namespace
}  // namespace drumline::bench

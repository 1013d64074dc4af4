#include "env/phase_clock.hpp"

#include <gtest/gtest.h>

#include "env/clock.hpp"

namespace drumline::env {
namespace {

void work_for(i64 ns) {
  const SystemClock clock;
  for (const TimeNs end = clock.now() + ns; clock.now() < end;) {
  }
}

TEST(PhaseClock, tells_what_phases_took_without_those_within_them) {
  PhaseClock phases;
  constexpr int kRounds = 4000;
  constexpr i64 kOuterNs = 4 * kMicrosecondNs, kInnerNs = 12 * kMicrosecondNs;
  for (int i = 0; i < kRounds; ++i) {
    phases.begin_round();
    const PhaseScope outer(Phase::write_packet);
    work_for(kOuterNs / 2);
    {
      const PhaseScope inner(Phase::seal);
      work_for(kInnerNs);
    }
    work_for(kOuterNs / 2);
  }
  phases.end_round();
  const auto outer = static_cast<double>(phases.total_ns(Phase::write_packet));
  const auto inner = static_cast<double>(phases.total_ns(Phase::seal));
  // One round in sixteen was looked at, by chance; what the machine did besides is in both.
  EXPECT_GT(outer, 0.4 * kRounds * kOuterNs);
  EXPECT_GT(inner, 0.4 * kRounds * kInnerNs);
  EXPECT_GT(inner, 1.5 * outer);
  EXPECT_LT(inner, 5 * outer);
  EXPECT_EQ(phases.total_ns(Phase::open), 0U);
}

TEST(PhaseClock, costs_nothing_outside_of_rounds) {
  PhaseClock phases;
  {
    const PhaseScope alone(Phase::open);
    work_for(kMicrosecondNs);
  }
  phases.end_round();
  EXPECT_EQ(phases.total_ns(Phase::open), 0U);
}

TEST(PhaseClock, every_phase_has_a_name) {
  for (std::size_t i = 0; i < kPhases; ++i) EXPECT_FALSE(phase_name(static_cast<Phase>(i)).empty());
}

}  // namespace
}  // namespace drumline::env

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
  constexpr int kRounds = 1000;
  constexpr i64 kOuterNs = 4 * kMicrosecondNs, kInnerNs = 12 * kMicrosecondNs;
  double outer = 0, inner = 0;
  // One round in sixteen is looked at, by chance; where the machine did something else in one of those,
  // that counts sixteenfold, so it is tried until it did not.
  const auto as_expected = [&] {
    return outer > 0.4 * kRounds * kOuterNs && inner > 0.4 * kRounds * kInnerNs && inner > 1.5 * outer &&
           inner < 5 * outer;
  };
  for (int attempt = 0; attempt < 60 && !as_expected(); ++attempt) {
    PhaseClock phases;
    for (int i = 0; i < kRounds; ++i) {
      phases.begin_round();
      const PhaseScope outside(Phase::write_packet);
      work_for(kOuterNs / 2);
      {
        const PhaseScope within(Phase::seal);
        work_for(kInnerNs);
      }
      work_for(kOuterNs / 2);
    }
    phases.end_round();
    outer = static_cast<double>(phases.total_ns(Phase::write_packet));
    inner = static_cast<double>(phases.total_ns(Phase::seal));
    EXPECT_EQ(phases.total_ns(Phase::open), 0U);
  }
  EXPECT_TRUE(as_expected()) << "outer " << outer << " ns, inner " << inner << " ns";
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

// The journal on a disk that fails: every k-th I/O, each way, and power cuts.
#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::journal {
namespace {

using Fault = env::SimulatedFiles::Fault;

TEST(journal_faults, power_cuts_lose_nothing_acknowledged) {
  for (const u64 seed : {1, 2, 3}) EXPECT_EQ(test::power_cut_campaign(40, seed), "");
}

TEST(journal_faults, every_kth_io_failing_loses_nothing_acknowledged) {
  const env::SimulatedClock clock(1, 2);
  for (const Fault fault : {Fault::io_error, Fault::no_space, Fault::short_write}) {
    for (u64 k = 1; k <= 60; k += k < 20 ? 1 : 5) {
      env::SimulatedFiles disk({.seed = k});
      test::Life life;
      for (int round = 0; round < 6; ++round) {
        disk.fail_every(k, fault);
        const auto lived = test::live(disk, clock, life, 60);
        ASSERT_EQ(life.found, "") << "fault " << static_cast<int>(fault) << ", every " << k << ", round "
                                  << round;
        if (!lived) {
          const ErrorCode code = lived.error().code;
          ASSERT_TRUE(code == ErrorCode::io || code == ErrorCode::exhausted) << lived.error().message;
        }
        // A failed process, then at times a failed machine.
        disk.fail_every(0, fault);
        if (round % 2 == 1) disk.crash();
      }
      const auto lived = test::live(disk, clock, life, 10);
      ASSERT_TRUE(lived.ok()) << lived.error().message << ": fault " << static_cast<int>(fault) << ", every "
                              << k;
      ASSERT_EQ(life.found, "") << "fault " << static_cast<int>(fault) << ", every " << k;
      EXPECT_GE(life.acknowledged, 10U);
    }
  }
}

}  // namespace
}  // namespace drumline::journal

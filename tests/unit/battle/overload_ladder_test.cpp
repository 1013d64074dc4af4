#include "battle/overload_ladder.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace drumline::battle {
namespace {

constexpr Punctuality kFine{15, 0, 0};
constexpr Punctuality kLate{15, 6, 10};
constexpr Punctuality kNearlyLate{15, 1, 9};

/// Looks four times a second.
class Ladder : public ::testing::Test {
 protected:
  void look(const LoadSample& sample) {
    now_ += kSecondNs / 4;
    ladder_.look(sample, now_);
  }
  void pass(double seconds, const LoadSample& sample) {
    for (double passed = 0; passed < seconds; passed += 0.25) look(sample);
  }
  /// How long it takes until the rung is another one, in seconds.
  double until_change(const LoadSample& sample) {
    const Rung before = ladder_.rung();
    for (double passed = 0.25; passed < 200; passed += 0.25) {
      look(sample);
      if (ladder_.rung() != before) return passed;
    }
    return -1;
  }
  static OverloadSettings settings() {
    OverloadSettings values;
    values.max_pace_percent = 300;
    return values;
  }

  static constexpr LoadSample kCalm{kFine, kFine, false};
  static constexpr LoadSample kSlowFrames{kFine, kLate, false};
  static constexpr LoadSample kLateTicks{kLate, kFine, false};
  static constexpr LoadSample kTimeLost{kFine, kFine, true};
  OverloadLadder ladder_{settings()};
  TimeNs now_ = 1;
};

TEST_F(Ladder, climbs_rung_by_rung_while_the_load_lasts_and_stays_on_the_last) {
  std::vector<Rung> rungs;
  std::vector<u32> paces;
  for (int i = 0; i < 40; ++i) {
    look(i % 2 == 0 ? kSlowFrames : kLateTicks);
    if (rungs.empty() || rungs.back() != ladder_.rung()) rungs.push_back(ladder_.rung());
    if (ladder_.rung() == Rung::dilation && (paces.empty() || paces.back() != ladder_.pace_percent()))
      paces.push_back(ladder_.pace_percent());
  }
  EXPECT_EQ(rungs, (std::vector{Rung::normal, Rung::lower_tiers, Rung::smaller_interest, Rung::no_joins,
                                Rung::dilation}));
  EXPECT_EQ(paces, (std::vector<u32>{125, 150, 200, 300}));
}

TEST_F(Ladder, gives_each_rung_time_to_show_what_it_does) {
  EXPECT_EQ(until_change(kSlowFrames), 0.75);  // half a second after the first look
  EXPECT_EQ(until_change(kSlowFrames), 0.5);
}

TEST_F(Ladder, a_moment_of_lateness_is_no_overload) {
  for (int i = 0; i < 100; ++i) look(i % 2 == 0 ? kLateTicks : kCalm);
  EXPECT_EQ(ladder_.rung(), Rung::normal);
  pass(20, {{100, 24, 24}, kFine, false});
  EXPECT_EQ(ladder_.rung(), Rung::normal) << "less than a quarter";
  EXPECT_EQ(ladder_.reason(), "");
}

TEST_F(Ladder, lost_time_climbs_at_once) {
  look(kTimeLost);
  EXPECT_EQ(ladder_.rung(), Rung::lower_tiers);
  EXPECT_NE(ladder_.reason().find("schedule"), std::string::npos);
}

TEST_F(Ladder, climbs_down_when_it_is_calm_and_not_when_it_just_fits) {
  pass(1.5, kSlowFrames);
  const Rung up = ladder_.rung();
  ASSERT_GE(up, Rung::lower_tiers);
  EXPECT_NE(ladder_.reason().find("40 % of frames left later than 16 ms"), std::string::npos)
      << ladder_.reason();
  pass(30, {kFine, kNearlyLate, false});
  EXPECT_EQ(ladder_.rung(), up);
  pass(2.5, kCalm);
  EXPECT_EQ(ladder_.rung(), up);
  pass(30, kCalm);
  EXPECT_EQ(ladder_.rung(), Rung::normal);
  EXPECT_EQ(ladder_.reason(), "");
}

TEST_F(Ladder, a_rung_that_is_needed_again_at_once_is_kept_longer_each_time) {
  std::vector<double> kept;
  for (int i = 0; i < 6; ++i) {
    ASSERT_GT(until_change(kSlowFrames), 0);
    kept.push_back(until_change(kCalm));
  }
  EXPECT_EQ(kept, (std::vector<double>{3.25, 6.25, 12.25, 24.25, 48.25, 60.25}));
  // After a long time without need it is as patient as in the beginning.
  pass(300, kCalm);
  ASSERT_GT(until_change(kSlowFrames), 0);
  EXPECT_EQ(until_change(kCalm), 3.25);
}

TEST_F(Ladder, a_climb_of_many_steps_makes_the_way_down_longer_once) {
  ASSERT_GT(until_change(kSlowFrames), 0);
  ASSERT_EQ(until_change(kCalm), 3.25);
  pass(5, kSlowFrames);
  ASSERT_EQ(ladder_.rung(), Rung::dilation);
  EXPECT_EQ(until_change(kCalm), 6.25 + 3 * 6) << "from 300 percent in four steps of 6 s to the rung below";
}

TEST_F(Ladder, without_a_single_tick_nothing_is_calm) {
  pass(2, kSlowFrames);
  const Rung up = ladder_.rung();
  pass(60, {{}, {}, false});
  EXPECT_EQ(ladder_.rung(), up);
}

TEST(OverloadSettings, rungs_that_are_not_allowed_are_passed_over) {
  OverloadSettings settings;
  settings.allowed = {true, false, true, false, false};
  OverloadLadder ladder(settings);
  TimeNs now = 1;
  std::vector<Rung> rungs;
  for (int i = 0; i < 40; ++i) {
    if (ladder.look({kLate, kFine, false}, now += kSecondNs)) rungs.push_back(ladder.rung());
  }
  EXPECT_EQ(rungs, std::vector{Rung::smaller_interest});
}

}  // namespace
}  // namespace drumline::battle

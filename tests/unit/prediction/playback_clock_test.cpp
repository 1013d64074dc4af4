#include "prediction/playback_clock.hpp"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::prediction {
namespace {

struct Played {
  i64 delay_ns = 0;
  u64 starved = 0;  ///< milliseconds in which the moment shown was past the newest state
};

// 20 s of states every third tick, `way_ms` and up to `jitter_ms` late, some lost.
Played play(u64 way_ms, u64 jitter_ms, u64 lost_percent) {
  world::Rng rng(5);
  PlaybackClock clock;
  struct OnTheWay {
    Tick tick;
    TimeNs due;
  };
  std::deque<OnTheWay> way;
  Played result;
  TimeNs before = 0;
  Tick sent = 0;
  Tick newest = 0;
  for (TimeNs now = 0; now < 20 * kSecondNs; now += kMillisecondNs) {
    if (now >= static_cast<i64>(sent + 3) * kTickNs) {
      sent += 3;
      if (rng.below(u64{100}) >= lost_percent) {
        way.push_back({sent, now + static_cast<i64>(way_ms + rng.below(jitter_ms + 1)) * kMillisecondNs});
      }
    }
    for (const OnTheWay& state : way) {
      if (state.due != now) continue;
      clock.note(state.tick, now);
      newest = std::max(newest, state.tick);
    }
    std::erase_if(way, [&](const OnTheWay& state) { return state.due <= now; });
    const TimeNs shown = clock.advance(now);
    EXPECT_GE(shown, before) << "never back";
    if (now > 5 * kSecondNs) {
      EXPECT_LE(shown - before, kMillisecondNs + kMillisecondNs / 10) << "never a jump";
      if (shown > static_cast<i64>(newest) * kTickNs) ++result.starved;
    }
    before = shown;
  }
  EXPECT_EQ(clock.view_tick(), static_cast<Tick>(before / kTickNs));
  result.delay_ns = clock.delay_ns();
  return result;
}

TEST(prediction_playback_clock, on_a_steady_way_the_delay_is_about_the_time_between_states) {
  const Played played = play(40, 0, 0);
  EXPECT_LE(played.delay_ns, 60 * kMillisecondNs);
  EXPECT_EQ(played.starved, 0U);
}

TEST(prediction_playback_clock, it_grows_with_the_jitter_and_keeps_states_on_both_sides) {
  const Played played = play(40, 40, 5);
  EXPECT_GT(played.delay_ns, play(40, 0, 0).delay_ns);
  EXPECT_LE(played.delay_ns, 160 * kMillisecondNs);
  EXPECT_LE(played.starved, 15'000U * 3 / 100) << "of 15 s";
}

}  // namespace
}  // namespace drumline::prediction

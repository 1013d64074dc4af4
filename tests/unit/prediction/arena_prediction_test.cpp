// arena's own movement, predicted over a simulated link from a battle that is stepped here.
#include <algorithm>
#include <cstdlib>
#include <deque>

#include <gtest/gtest.h>

#include "arena/own_movement.hpp"
#include "prediction/predictor.hpp"
#include "support/arena_over_link.hpp"

namespace drumline::prediction {
namespace {

using arena::OwnMovement;
using testing::Link;
using world::Command;
using world::Fixed;
using world::Vector;

static_assert(MovementModel<OwnMovement>);

/// One player walks and dashes about for a while, with states at every third tick.
class Play {
 public:
  Play(const Link& link, u32 lead_ticks, u64 seed = 3)
      : battle_(link, seed),
        lead_ticks_(lead_ticks),
        model_(OwnMovement::make("", arena::decode_map_description(battle_.map_description()).value(),
                                 battle_.map_side())
                   .value()),
        predictor_(model_) {}

  /// Milliseconds from 0 on; `undisturbed` asks for no error at all.
  void run(i64 ms, bool undisturbed) {
    Vector shown_before;
    u64 teleports = 0;
    for (i64 now_ms = 0; now_ms < ms; ++now_ms) {
      if (now_ms % 16 == 0) {
        battle_.step(now_ms);
        client_tick(now_ms);
      }
      receive(now_ms);
      if (!predictor_.running()) continue;
      const Vector shown = predictor_.shown(now_ms * kMillisecondNs);
      const bool jump = predictor_.correction().teleports() != teleports;
      if (frames_ > 1 && !jump && shown_before != Vector{}) {
        // A tick's dash and a hundredth of the longest offset, with rounding.
        EXPECT_LE(world::length(shown - shown_before), Fixed::from_ratio(50, 100)) << now_ms;
      }
      teleports = predictor_.correction().teleports();
      shown_before = shown;
    }
    EXPECT_GT(frames_, 20U);
    if (undisturbed) {
      // What is not sent, less than 1/32 unit a coordinate, is all that it did not know.
      EXPECT_LE(predictor_.correction().longest(), Fixed::from_ratio(3, 64));
    }
    EXPECT_EQ(predictor_.correction().teleports(), 0U);
  }

  const Predictor<OwnMovement>& predictor() const { return predictor_; }
  i64 worst_quanta() const { return worst_quanta_; }

 private:
  void client_tick(i64 now_ms) {
    if (!predictor_.running()) return;
    const Tick tick = static_cast<Tick>(now_ms / 16) + lead_ticks_;
    if (battle_.rng().below(u64{12}) == 0 && tick > predictor_.tick()) {
      Command command = battle_.any_command(++sequence_);
      command.apply_tick = static_cast<u32>(tick);
      predictor_.issue(command, tick);
      battle_.send(command, now_ms);
    }
    predictor_.predict_to(tick);
    predicted_.push_back({predictor_.tick(), predictor_.place()});
  }

  void receive(i64 now_ms) {
    while (const auto state = battle_.receive(now_ms)) {
      ++frames_;
      predictor_.on_state(state->tick, state->last_sequence, state->seen, now_ms * kMillisecondNs);
      while (!predicted_.empty() && predicted_.front().first <= state->tick) {
        const Vector was = battle_.truth(predicted_.front().first);
        const Vector is = predicted_.front().second;
        worst_quanta_ = std::max({worst_quanta_, quanta(was.x, is.x), quanta(was.y, is.y)});
        predicted_.pop_front();
      }
    }
  }
  static i64 quanta(Fixed a, Fixed b) {
    return std::abs((a.raw >> arena::kSentPositionShift) - (b.raw >> arena::kSentPositionShift));
  }

  testing::ArenaOverLink battle_;
  u32 lead_ticks_;
  OwnMovement model_;
  Predictor<OwnMovement> predictor_;
  u32 sequence_ = 0;
  u64 frames_ = 0;
  i64 worst_quanta_ = 0;
  std::deque<std::pair<Tick, Vector>> predicted_;
};

TEST(arena_prediction, undisturbed_it_is_where_the_server_says_later) {
  for (u64 seed = 1; seed <= 8; ++seed) {
    Play play({.way_ms = 40}, 4, seed);
    play.run(20'000, true);
    EXPECT_LE(play.worst_quanta(), 1) << "seed " << seed;
  }
}

TEST(arena_prediction, with_jitter_and_lost_states_it_is_as_exact_while_commands_come_in_time) {
  Play play({.way_ms = 40, .jitter_ms = 20, .lost_states_percent = 20}, 6);
  play.run(20'000, true);
  EXPECT_LE(play.worst_quanta(), 1);
}

TEST(arena_prediction, late_and_lost_commands_are_corrected_within_bounds_and_without_a_jump) {
  Play play({.way_ms = 60, .jitter_ms = 60, .lost_states_percent = 15, .lost_commands_percent = 15}, 5);
  play.run(40'000, false);
  EXPECT_GT(play.predictor().correction().corrections(), 0U);
  EXPECT_LT(play.predictor().correction().longest(), Fixed::from_int(4));
}

}  // namespace
}  // namespace drumline::prediction

// arena's own movement, predicted over a simulated link from a battle that is stepped here.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>

#include <gtest/gtest.h>

#include "arena/arena.hpp"
#include "arena/components.hpp"
#include "arena/own_movement.hpp"
#include "prediction/predictor.hpp"

namespace drumline::prediction {
namespace {

using arena::OwnMovement;
using arena::Player;
using world::Command;
using world::Fixed;
using world::Vector;

struct Link {
  u64 way_ms = 40;  ///< each way
  u64 jitter_ms = 0;
  u64 lost_states_percent = 0;
  u64 lost_commands_percent = 0;  ///< of each copy
};

static_assert(MovementModel<OwnMovement>);

/// One player walks and dashes about for a while, with states at every third tick.
class Play {
 public:
  Play(const Link& link, u32 lead_ticks, u64 seed = 3) : link_(link), lead_ticks_(lead_ticks), rng_(seed) {
    rules_ = arena::arena_game()
                 .create("[map]\nobstacle_every_units2 = 200\n", {.seed = seed, .max_players = 8})
                 .value();
    rules_->on_create();
    EXPECT_TRUE(rules_->on_join(PlayerSlot{0}, {}).accepted());
    const arena::MapDescription map = arena::decode_map_description(rules_->map_description()).value();
    model_ = std::make_unique<OwnMovement>(OwnMovement::make("", map, rules_->map_size().width).value());
    predictor_ = std::make_unique<Predictor<OwnMovement>>(*model_);
  }

  /// Milliseconds from 0 on; `undisturbed` asks for no error at all.
  void run(i64 ms, bool undisturbed) {
    Vector shown_before;
    u64 teleports = 0;
    for (i64 i = 0; i < ms; ++i) {
      now_ms_ = i;
      if (now_ms_ % 16 == 0) {
        server_tick();
        client_tick();
      }
      deliver();
      if (!predictor_->running()) continue;
      const Vector shown = predictor_->shown(now_ms_ * kMillisecondNs);
      const bool jump = predictor_->correction().teleports() != teleports;
      if (frames_ > 1 && !jump && shown_before != Vector{}) {
        // A tick's dash and a hundredth of the longest offset, with rounding.
        EXPECT_LE(world::length(shown - shown_before), Fixed::from_ratio(50, 100)) << now_ms_;
      }
      teleports = predictor_->correction().teleports();
      shown_before = shown;
    }
    EXPECT_GT(frames_, 20U);
    if (undisturbed) {
      // What is not sent, less than 1/32 unit a coordinate, is all that it did not know.
      EXPECT_LE(predictor_->correction().longest(), Fixed::from_ratio(3, 64));
    }
    EXPECT_EQ(predictor_->correction().teleports(), 0U);
  }

  const Predictor<OwnMovement>& predictor() const { return *predictor_; }
  i64 worst_quanta() const { return worst_quanta_; }

 private:
  struct Up {
    Command command;
    i64 due;
  };
  struct Down {
    Tick tick;
    u32 sequence;
    OwnMovement::Sighting seen;
    i64 due;
  };

  i64 arrival() { return now_ms_ + static_cast<i64>(link_.way_ms + rng_.below(link_.jitter_ms + 1)); }
  bool lost(u64 percent) { return rng_.below(u64{100}) < percent; }

  void server_tick() {
    const Tick next = rules_->world().tick() + 1;
    std::erase_if(up_, [&](const Up& up) {
      if (up.due > now_ms_ || up.command.apply_tick > next) return false;
      if (up.command.sequence <= applied_) return true;
      applied_ = up.command.sequence;
      if (rules_->check(PlayerSlot{0}, up.command).accepted()) rules_->apply(PlayerSlot{0}, up.command);
      return true;
    });
    events_.clear();
    rules_->world().set_tick(next);
    rules_->step(events_);
    const auto& players = static_cast<world::Table<Player>&>(rules_->world().table(arena::kPlayerTable));
    truth_.push_back({players.at<&Player::x>(0), players.at<&Player::y>(0)});
    if (next % 3 != 0 || lost(link_.lost_states_percent)) return;
    down_.push_back({next,
                     applied_,
                     {truth_.back().x.raw >> arena::kSentPositionShift,
                      truth_.back().y.raw >> arena::kSentPositionShift, players.at<&Player::flags>(0)},
                     arrival()});
  }

  void client_tick() {
    if (!predictor_->running()) return;
    const Tick tick = static_cast<Tick>(now_ms_ / 16) + lead_ticks_;
    if (rng_.below(u64{12}) == 0 && tick > predictor_->tick()) {
      Command command;
      command.sequence = ++sequence_;
      command.entity = rules_->entity_of(PlayerSlot{0});
      command.apply_tick = static_cast<u32>(tick);
      command.action = rng_.below(u64{6}) == 0 ? world::Action::skill : world::Action::move;
      command.skill = arena::kSkillDash;
      command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      command.y = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      predictor_->issue(command, tick);
      // Sent three times, as the client's command queue does.
      for (int copy = 0; copy < 3; ++copy) {
        if (!lost(link_.lost_commands_percent)) up_.push_back({command, arrival() + 48 * copy});
      }
    }
    predictor_->predict_to(tick);
    predicted_.push_back({predictor_->tick(), predictor_->place()});
  }

  void deliver() {
    std::erase_if(down_, [&](const Down& down) {
      if (down.due > now_ms_) return false;
      ++frames_;
      predictor_->on_state(down.tick, down.sequence, down.seen, now_ms_ * kMillisecondNs);
      while (!predicted_.empty() && predicted_.front().first <= down.tick) {
        const Vector was = truth_[predicted_.front().first - 1];
        const Vector is = predicted_.front().second;
        worst_quanta_ = std::max({worst_quanta_, quanta(was.x, is.x), quanta(was.y, is.y)});
        predicted_.pop_front();
      }
      return true;
    });
  }
  static i64 quanta(Fixed a, Fixed b) {
    return std::abs((a.raw >> arena::kSentPositionShift) - (b.raw >> arena::kSentPositionShift));
  }

  Link link_;
  u32 lead_ticks_;
  world::Rng rng_;
  std::unique_ptr<world::Rules> rules_;
  std::unique_ptr<OwnMovement> model_;
  std::unique_ptr<Predictor<OwnMovement>> predictor_;
  world::EventList events_{1024};
  i64 now_ms_ = 0;
  u32 sequence_ = 0;
  u32 applied_ = 0;
  u64 frames_ = 0;
  i64 worst_quanta_ = 0;
  std::deque<Up> up_;
  std::deque<Down> down_;
  std::deque<std::pair<Tick, Vector>> predicted_;
  std::vector<Vector> truth_;  ///< of tick i + 1
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

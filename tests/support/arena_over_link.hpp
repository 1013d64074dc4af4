// One player's battle of arena behind a simulated way: his commands come late, are lost
// and come again, and so do the states that he is sent.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "arena/arena.hpp"
#include "arena/components.hpp"
#include "arena/own_movement.hpp"
#include "base/assert.hpp"
#include "world/rng.hpp"

namespace drumline::testing {

struct Link {
  u64 way_ms = 40;  ///< each way
  u64 jitter_ms = 0;
  u64 lost_states_percent = 0;
  u64 lost_commands_percent = 0;  ///< of each copy
};

/// Time is in whole milliseconds; a tick is 16 of them, and states go out every third tick.
class ArenaOverLink {
 public:
  struct State {
    Tick tick = 0;
    u32 last_sequence = 0;
    arena::OwnMovement::Sighting seen;
    i64 due_ms = 0;
  };

  ArenaOverLink(const Link& link, u64 seed) : link_(link), rng_(seed) {
    rules_ = arena::arena_game()
                 .create("[map]\nobstacle_every_units2 = 200\n", {.seed = seed, .max_players = 8})
                 .value();
    rules_->on_create();
    DRUM_ASSERT(rules_->on_join(PlayerSlot{0}, {}).accepted());
  }

  Bytes map_description() const { return rules_->map_description(); }
  world::Fixed map_side() const { return rules_->map_size().width; }
  EntityId entity() const { return rules_->entity_of(PlayerSlot{0}); }
  world::Rng& rng() { return rng_; }
  /// Where the player is after `tick`, from 1 on.
  world::Vector truth(Tick tick) const { return truth_[tick - 1]; }

  /// A command as a playful person gives it: mostly walks, sometimes a dash.
  world::Command any_command(u32 sequence) {
    world::Command command;
    command.sequence = sequence;
    command.entity = entity();
    command.action = rng_.below(u64{6}) == 0 ? world::Action::skill : world::Action::move;
    command.skill = arena::kSkillDash;
    command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
    command.y = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
    return command;
  }

  /// Three times, as the client's command queue does.
  void send(const world::Command& command, i64 now_ms) {
    for (int copy = 0; copy < 3; ++copy) {
      if (!lost(link_.lost_commands_percent)) up_.push_back({command, arrival(now_ms) + 48 * copy});
    }
  }

  /// The server's tick.
  void step(i64 now_ms) {
    const Tick next = rules_->world().tick() + 1;
    std::erase_if(up_, [&](const Up& up) {
      if (up.due_ms > now_ms || up.command.apply_tick > next) return false;
      if (up.command.sequence <= applied_) return true;
      applied_ = up.command.sequence;
      if (rules_->check(PlayerSlot{0}, up.command).accepted()) rules_->apply(PlayerSlot{0}, up.command);
      return true;
    });
    events_.clear();
    rules_->world().set_tick(next);
    rules_->step(events_);
    const auto& players =
        static_cast<world::Table<arena::Player>&>(rules_->world().table(arena::kPlayerTable));
    truth_.push_back({players.at<&arena::Player::x>(0), players.at<&arena::Player::y>(0)});
    if (next % 3 != 0 || lost(link_.lost_states_percent)) return;
    down_.push_back({next,
                     applied_,
                     {truth_.back().x.raw >> arena::kSentPositionShift,
                      truth_.back().y.raw >> arena::kSentPositionShift, players.at<&arena::Player::flags>(0)},
                     arrival(now_ms)});
  }

  /// The next state that has come by now.
  std::optional<State> receive(i64 now_ms) {
    const auto due =
        std::find_if(down_.begin(), down_.end(), [&](const State& s) { return s.due_ms <= now_ms; });
    if (due == down_.end()) return std::nullopt;
    const State state = *due;
    down_.erase(due);
    return state;
  }

 private:
  struct Up {
    world::Command command;
    i64 due_ms;
  };

  i64 arrival(i64 now_ms) {
    return now_ms + static_cast<i64>(link_.way_ms + rng_.below(link_.jitter_ms + 1));
  }
  bool lost(u64 percent) { return rng_.below(u64{100}) < percent; }

  Link link_;
  world::Rng rng_;
  std::unique_ptr<world::Rules> rules_;
  world::EventList events_{1024};
  u32 applied_ = 0;
  std::vector<Up> up_;
  std::vector<State> down_;
  std::vector<world::Vector> truth_;
};

}  // namespace drumline::testing

// A battle of arena that is as busy as bots make it, without bots: every player
// runs, turns, shoots, hits and uses skills by a script. For benchmarks.
#pragma once

#include <algorithm>
#include <memory>

#include "arena/arena.hpp"
#include "base/result.hpp"
#include "world/fixed_math.hpp"
#include "world/rules.hpp"

namespace drumline::bench {

class ArenaLoad {
 public:
  static Result<std::unique_ptr<ArenaLoad>> make(u32 players, u64 seed = 1) {
    auto rules = arena::arena_game().create("", {.seed = seed, .max_players = players});
    if (!rules) return std::move(rules).error();
    auto load = std::make_unique<ArenaLoad>(std::move(rules).value(), players);
    return load;
  }

  ArenaLoad(std::unique_ptr<world::Rules> rules, u32 players)
      : rules_(std::move(rules)), players_(players), rng_(players) {
    rules_->on_create();
    for (u32 i = 0; i < players; ++i) static_cast<void>(rules_->on_join(PlayerSlot{i}, {}));
  }

  world::Rules& rules() { return *rules_; }
  u32 players() const { return players_; }
  /// Of the last step.
  std::span<const world::Event> events() const { return events_.events(); }

  /// Commands of about 5 a second and player, as bots send.
  void command() {
    for (u32 i = 0; i < players_; ++i) {
      if (rng_.below(u64{12}) != 0) continue;
      const PlayerSlot player{i};
      const world::Vector way = world::direction_of(static_cast<world::Angle>(rng_.next_u64()));
      world::Command command;
      command.entity = rules_->entity_of(player);
      command.x = static_cast<i32>(way.x.raw / 2);
      command.y = static_cast<i32>(way.y.raw / 2);
      const u64 choice = rng_.below(u64{16});
      command.action = choice < 9    ? world::Action::move
                       : choice < 14 ? world::Action::attack
                                     : world::Action::skill;
      command.skill = static_cast<u8>(rng_.below(u64{3}));
      if (rules_->check(player, command).accepted()) rules_->apply(player, command);
    }
  }

  void step() {
    events_.clear();
    rules_->world().set_tick(rules_->world().tick() + 1);
    rules_->step(events_);
  }

 private:
  std::unique_ptr<world::Rules> rules_;
  u32 players_;
  world::Rng rng_;
  world::EventList events_{65'536};
};

}  // namespace drumline::bench

// Lifecycle calls and commands chosen by a generator and the state, as hostile
// and as ordinary players would send them. Copyable: a copy goes on alike.
#pragma once

#include <vector>

#include "arena/components.hpp"
#include "world/fixed_math.hpp"
#include "world/rules.hpp"

namespace drumline::arena::testing {

class RandomInput {
 public:
  RandomInput(u64 seed, u32 players) : rng_(seed), players_(players) {}

  /// One tick's inputs.
  void feed(world::Rules& rules) {
    for (u32 seat = 0; seat < players_; ++seat) {
      const PlayerSlot player{seat};
      if (rules.entity_of(player).value == 0) {
        if (rng_.below(u64{20}) == 0) refused_ += !rules.on_join(player, {}).accepted();
        continue;
      }
      switch (rng_.below(u64{2'000})) {
        case 0:
          rules.on_drop(player);
          break;
        case 1:
          rules.on_leave(player);
          continue;
        case 2:
        case 3:
        case 4:
          rules.on_reconnect(player);
          break;
        default:
          break;
      }
      if (rng_.below(u64{4}) == 0) command(rules, player);
    }
  }

  u64 refused() const { return refused_; }

 private:
  void command(world::Rules& rules, PlayerSlot player) {
    const auto& table = static_cast<const world::Table<Player>&>(rules.world().table(kPlayerTable));
    const EntityId own = rules.entity_of(player);
    const u32 slot = entity_slot(own);
    const PlayerSlot other{static_cast<u32>(rng_.below(u64{players_}))};
    const EntityId target = rules.entity_of(other);
    world::Vector towards = world::direction_of(static_cast<world::Angle>(rng_.next_u64()));
    if (target.value != 0 && target != own && rng_.below(u64{4}) != 0) {
      const u32 there = entity_slot(target);
      towards = world::normalised({table.at<&Player::x>(there) - table.at<&Player::x>(slot),
                                   table.at<&Player::y>(there) - table.at<&Player::y>(slot)});
    }
    world::Command command;
    command.entity = rng_.below(u64{100}) == 0 ? target : own;
    command.action = static_cast<world::Action>(rng_.below(u64{6}));
    command.skill = static_cast<u8>(rng_.below(u64{4}));
    command.x = static_cast<i32>(towards.x.raw * 32'000 / world::Fixed::kOneRaw);
    command.y = static_cast<i32>(towards.y.raw * 32'000 / world::Fixed::kOneRaw);
    if (rng_.below(u64{50}) == 0) command.x = static_cast<i32>(rng_.next_u64());
    if (rng_.below(u64{20}) == 0) command.x = command.y = 0;
    if (rng_.below(u64{3}) == 0)
      command.target = rng_.below(u64{20}) == 0 ? EntityId{rng_.next_u64()} : target;
    const world::Refusal refusal = rules.check(player, command);
    if (refusal.accepted())
      rules.apply(player, command);
    else
      ++refused_;
  }

  world::Rng rng_;
  u32 players_;
  u64 refused_ = 0;
};

}  // namespace drumline::arena::testing

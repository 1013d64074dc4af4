// Lifecycle calls, commands and messages chosen by a generator, as hostile and as
// ordinary players would send them. Copyable: a copy goes on alike.
#pragma once

#include "duel/components.hpp"
#include "world/rng.hpp"
#include "world/rules.hpp"

namespace drumline::duel::testing {

class RandomInput {
 public:
  explicit RandomInput(u64 seed, bool with_leaves = true) : rng_(seed), with_leaves_(with_leaves) {}

  /// One tick's inputs.
  void feed(world::Rules& rules) {
    for (const PlayerSlot player : {PlayerSlot{0}, PlayerSlot{1}}) {
      if (rules.entity_of(player).value == 0) {
        if (rng_.below(u64{20}) == 0) refused_ += !rules.on_join(player, {}).accepted();
        continue;
      }
      switch (rng_.below(u64{2'000})) {
        case 0:
          rules.on_drop(player);
          break;
        case 1:
          if (with_leaves_ && rng_.below(u64{4}) == 0) rules.on_leave(player);
          continue;
        case 2:
        case 3:
          rules.on_reconnect(player);
          break;
        default:
          break;
      }
      if (rng_.below(u64{3}) == 0) command(rules, player);
    }
    if (rng_.below(u64{400}) == 0) {
      std::array<std::byte, 3> message{static_cast<std::byte>(rng_.below(u64{3})),
                                       static_cast<std::byte>(rng_.below(u64{90})), std::byte{0}};
      refused_ += !rules.on_tell(Bytes(message).first(rng_.below(u64{4}))).accepted();
    }
  }

  u64 refused() const { return refused_; }
  u64 accepted() const { return accepted_; }

 private:
  void command(world::Rules& rules, PlayerSlot player) {
    world::Command command;
    command.entity = rules.entity_of(rng_.below(u64{100}) == 0 ? PlayerSlot{1 - player.value} : player);
    command.action = static_cast<world::Action>(rng_.below(u64{6}));
    command.skill = static_cast<u8>(rng_.below(u64{5}));
    command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * kDirectionLimit;
    // Seldom guards, so that something happens.
    const u64 way = rng_.below(u64{8});
    command.y = way == 0 ? -kDirectionLimit : way == 1 ? kDirectionLimit : 0;
    if (rng_.below(u64{50}) == 0) command.x = static_cast<i32>(rng_.next_u64());
    if (rng_.below(u64{8}) == 0) command.target = EntityId{rng_.next_u64()};
    // Most come in reach of each other.
    if (command.action == world::Action::move && rng_.below(u64{2}) == 0) {
      const world::TableBase& fighters = rules.world().table(kFighterTable);
      command.x = fighters.value(0, 0) < fighters.value(0, 1) ? kDirectionLimit : -kDirectionLimit;
      if (entity_slot(rules.entity_of(player)) == 1) command.x = -command.x;
    }
    const world::Refusal refusal = rules.check(player, command);
    if (refusal.accepted()) {
      rules.apply(player, command);
      ++accepted_;
    } else {
      ++refused_;
    }
  }

  world::Rng rng_;
  bool with_leaves_;
  u64 refused_ = 0;
  u64 accepted_ = 0;
};

}  // namespace drumline::duel::testing

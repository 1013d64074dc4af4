// A battle of arena for tests: seats, commands by short names, places by hand.
#pragma once

#include <gtest/gtest.h>

#include "arena/arena.hpp"
#include "arena/components.hpp"
#include "world/fixed_math.hpp"
#include "world/hash.hpp"
#include "world/rules.hpp"

namespace drumline::arena::testing {

using world::Action;
using world::Command;
using world::Fixed;
using world::Refusal;

/// No obstacles and no pickups: only what the test puts there.
inline constexpr std::string_view kBareRules =
    "[map]\nobstacle_every_units2 = 1000000000\npickup_every_units2 = 1000000000\n";

struct Battle {
  explicit Battle(u32 max_players = 8, std::string_view rules_document = kBareRules, u64 seed = 1,
                  bool create = true)
      : rules(arena_game().create(rules_document, {.seed = seed, .max_players = max_players}).value()),
        players(static_cast<world::Table<Player>&>(rules->world().table(kPlayerTable))) {
    if (create) rules->on_create();
  }

  u32 join(u32 seat) {
    EXPECT_TRUE(rules->on_join(PlayerSlot{seat}, {}).accepted());
    return row(seat);
  }
  u32 row(u32 seat) const { return entity_slot(rules->entity_of(PlayerSlot{seat})); }
  EntityId id(u32 seat) const { return rules->entity_of(PlayerSlot{seat}); }

  /// Joins, unprotects and puts at a place in whole units.
  u32 join_at(u32 seat, i64 x, i64 y) {
    const u32 slot = join(seat);
    players.at<&Player::x>(slot) = Fixed::from_int(x);
    players.at<&Player::y>(slot) = Fixed::from_int(y);
    players.at<&Player::flags>(slot) = 0;
    return slot;
  }

  Refusal give(u32 seat, Action action, i32 x = 0, i32 y = 0, EntityId target = {}, u8 skill = 0) {
    Command command;
    command.entity = id(seat);
    command.action = action;
    command.x = x;
    command.y = y;
    command.target = target;
    command.skill = skill;
    return give(seat, command);
  }
  Refusal give(u32 seat, const Command& command) {
    const Refusal refusal = rules->check(PlayerSlot{seat}, command);
    if (refusal.accepted()) rules->apply(PlayerSlot{seat}, command);
    return refusal;
  }
  Refusal use(u32 seat, u8 skill, i32 x = 0, i32 y = 0) { return give(seat, Action::skill, x, y, {}, skill); }
  Refusal hit(u32 seat, u32 other) { return give(seat, Action::attack, 0, 0, id(other)); }

  void step(u32 ticks = 1) {
    for (u32 i = 0; i < ticks; ++i) {
      events.clear();
      rules->world().set_tick(rules->world().tick() + 1);
      rules->step(events);
      for (const world::Event& event : events.events()) ++seen[event.kind];
    }
  }

  u32 count(EventKind kind) const { return seen[static_cast<std::size_t>(kind)]; }
  i64 x(u32 seat) const { return players.at<&Player::x>(row(seat)).raw; }
  i64 y(u32 seat) const { return players.at<&Player::y>(row(seat)).raw; }
  u32 health(u32 seat) const { return players.at<&Player::health>(row(seat)) >> kHealthShift; }
  u8 flags(u32 seat) const { return players.at<&Player::flags>(row(seat)); }
  u64 hash() const { return world::hash_world(rules->world()).combined; }

  std::unique_ptr<world::Rules> rules;
  world::Table<Player>& players;
  world::EventList events{4096};
  std::array<u32, static_cast<std::size_t>(EventKind::count)> seen{};
};

inline constexpr i32 kFull = kDirectionLimit;

}  // namespace drumline::arena::testing

// A battle of duel for tests: seats, commands by short names, fighters by hand.
#pragma once

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "duel/duel.hpp"
#include "duel/scene.hpp"
#include "world/hash.hpp"
#include "world/rules.hpp"

namespace drumline::duel::testing {

using world::Action;
using world::Command;
using world::Refusal;

inline constexpr i32 kFull = kDirectionLimit;

struct Battle {
  explicit Battle(std::string_view rules_document = "", u64 seed = 1, bool create = true, u32 max_players = 2)
      : rules(duel_game().create(rules_document, {.seed = seed, .max_players = max_players}).value()),
        fighters(static_cast<world::Table<Fighter>&>(rules->world().table(kFighterTable))),
        projectiles(static_cast<ProjectileTable&>(rules->world().table(kProjectileTable))) {
    if (create) rules->on_create();
  }

  Refusal join(u32 seat) { return rules->on_join(PlayerSlot{seat}, {}); }
  /// Both fighters, in seats and slots 0 and 1, at the first tick of the first fight.
  void begin() {
    EXPECT_TRUE(join(0).accepted());
    EXPECT_TRUE(join(1).accepted());
    step_until(Phase::fight);
  }

  EntityId id(u32 seat) const { return rules->entity_of(PlayerSlot{seat}); }
  Fighter fighter(u32 slot) const { return take_row(fighters, slot); }
  Stance stance(u32 slot) const { return static_cast<Stance>(fighter(slot).stance); }
  u32 health(u32 slot) const { return fighter(slot).health; }
  /// Along the stage, in 1/1000 unit.
  i64 x(u32 slot) const { return fighter(slot).x.raw * 1000 / Fixed::kOneRaw; }
  Match match() const {
    return take_row(static_cast<const world::Table<Match>&>(std::as_const(*rules).world().table(kMatchTable)),
                    0);
  }
  Phase phase() const { return static_cast<Phase>(match().phase); }

  template <class Change>
  void change(u32 slot, Change change_row) {
    Fighter row = fighter(slot);
    change_row(row);
    put_row(fighters, slot, row);
  }
  /// Slot 0 left of the middle and slot 1 right of it, so far apart in 1/1000 unit.
  void place_apart(i64 milliunits) {
    for (const u32 slot : {0U, 1U}) {
      const i64 place = 8'000 + (slot == 0 ? -1 : 1) * milliunits / 2;
      change(slot, [&](Fighter& f) { f.x = Fixed::from_ratio(place, 1000); });
    }
  }
  void set_health(u32 slot, u16 points) {
    change(slot, [&](Fighter& f) { f.health = points; });
  }
  void set_meter(u32 slot, u8 points) {
    change(slot, [&](Fighter& f) { f.meter = points; });
  }

  Refusal give(u32 seat, const Command& command) {
    const Refusal refusal = rules->check(PlayerSlot{seat}, command);
    if (refusal.accepted()) rules->apply(PlayerSlot{seat}, command);
    return refusal;
  }
  Refusal give(u32 seat, Action action, i32 x = 0, i32 y = 0, u8 skill = 0, EntityId target = {}) {
    Command command;
    command.entity = id(seat);
    command.action = action;
    command.x = x;
    command.y = y;
    command.skill = skill;
    command.target = target;
    return give(seat, command);
  }
  Refusal move(u32 seat, i32 x, i32 y = 0) { return give(seat, Action::move, x, y); }
  Refusal guard(u32 seat) { return move(seat, 0, -kFull); }
  Refusal light(u32 seat) { return give(seat, Action::attack); }
  Refusal use(u32 seat, Skill skill, i32 x = 0) { return give(seat, Action::skill, x, 0, skill); }
  Refusal tell(std::initializer_list<int> bytes) {
    std::vector<std::byte> message;
    for (const int byte : bytes) message.push_back(static_cast<std::byte>(byte));
    return rules->on_tell(message);
  }
  std::string ask(std::string_view question) const {
    std::vector<std::byte> answer;
    if (!rules->on_ask(as_bytes(question), answer)) return "no answer";
    return std::string(as_text(answer));
  }

  void step(u32 ticks = 1) {
    for (u32 i = 0; i < ticks; ++i) {
      events.clear();
      rules->world().set_tick(rules->world().tick() + 1);
      rules->step(events);
      for (const world::Event& event : events.events()) {
        ++seen[event.kind];
        newest[event.kind] = event;
      }
    }
  }
  void step_until(Phase wanted, u32 most = 10'000) {
    for (u32 i = 0; i < most && phase() != wanted; ++i) step();
    EXPECT_EQ(phase(), wanted);
  }

  u32 count(EventKind kind) const { return seen[static_cast<std::size_t>(kind)]; }
  const world::Event& last(EventKind kind) const { return newest[static_cast<std::size_t>(kind)]; }
  u64 hash() const { return world::hash_world(rules->world()).combined; }

  std::unique_ptr<world::Rules> rules;
  world::Table<Fighter>& fighters;
  ProjectileTable& projectiles;
  world::EventList events{64};
  std::array<u32, static_cast<std::size_t>(EventKind::count)> seen{};
  std::array<world::Event, static_cast<std::size_t>(EventKind::count)> newest{};
};

}  // namespace drumline::duel::testing

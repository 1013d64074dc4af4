// Steps a scripted battle of arena and prints its state hash at every K-th tick.
// The same lines must come from every compiler, optimisation level and machine.
//
//   determinism_runner [TICKS [EVERY [PLAYERS]]]
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "arena/arena.hpp"
#include "world/fixed_math.hpp"
#include "world/hash.hpp"
#include "world/rules.hpp"

namespace {

using namespace drumline;

constexpr u64 kSeed = 20'240'601;

u64 argument(int argc, char** argv, int i, u64 otherwise) {
  return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

// Joins, leaves, drops and commands of one tick.
void feed(world::Rules& rules, world::Rng& script, u32 players) {
  for (u32 seat = 0; seat < players; ++seat) {
    const PlayerSlot player{seat};
    const EntityId own = rules.entity_of(player);
    const u64 choice = script.below(u64{4'096});
    if (own.value == 0) {
      if (choice < 256) static_cast<void>(rules.on_join(player, {}));
      continue;
    }
    if (choice == 0) {
      rules.on_leave(player);
      continue;
    }
    if (choice == 1) rules.on_drop(player);
    if (choice >= 2 && choice < 8) rules.on_reconnect(player);
    if (choice >= 1'024) continue;
    const world::Vector way = world::direction_of(static_cast<world::Angle>(script.next_u64()));
    world::Command command;
    command.entity = own;
    command.action = static_cast<world::Action>(script.below(u64{4}));
    command.skill = static_cast<u8>(script.below(u64{3}));
    command.x = static_cast<i32>(way.x.raw / 2 - (way.x.raw > 0));
    command.y = static_cast<i32>(way.y.raw / 2 - (way.y.raw > 0));
    if (script.below(u64{3}) == 0) {
      command.target = rules.entity_of(PlayerSlot{static_cast<u32>(script.below(u64{players}))});
    }
    if (rules.check(player, command).accepted()) rules.apply(player, command);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const u64 ticks = argument(argc, argv, 1, 2'000);
  const u64 every = argument(argc, argv, 2, 1);
  const u32 players = static_cast<u32>(argument(argc, argv, 3, 32));
  // A crowded map: everything meets everything.
  auto made = arena::arena_game().create("[map]\narea_per_player_units2 = 60\npickup_every_units2 = 200\n",
                                         {.seed = kSeed, .max_players = players});
  if (!made || every == 0) {
    std::fprintf(stderr, "determinism_runner: %s\n", made ? "EVERY is 0" : made.error().message.c_str());
    return 2;
  }
  world::Rules& rules = **made;
  rules.on_create();
  world::EventList events(4'096);
  world::Rng script(kSeed);
  u64 emitted = 0;
  for (u64 tick = 1; tick <= ticks; ++tick) {
    feed(rules, script, players);
    events.clear();
    rules.world().set_tick(tick);
    rules.step(events);
    emitted += events.events().size();
    if (tick % every == 0 || tick == ticks) {
      std::printf("%" PRIu64 " %016" PRIx64 " %" PRIu64 "\n", tick, world::hash_world(rules.world()).combined,
                  emitted);
    }
  }
  return 0;
}

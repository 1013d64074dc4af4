// From the world to clients and back, over links of all kinds.
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

struct Run {
  u32 walkers = 300;
  u32 things = 60;
  i64 side = 400;
  u32 ticks = 300;
  u32 clients = 3;
  Link link{};
  bool share = false;  ///< one store for all clients
};

/// Runs a battle and checks everything that every client ever holds.
void run_and_check(const Run& run, u32 seed) {
  MovingWorld world(run.walkers, run.things, run.side, seed);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  std::vector<std::unique_ptr<Client>> clients;
  std::shared_ptr<BodyStore> store;
  for (u32 i = 0; i < run.clients; ++i) {
    if (!store || !run.share) store = std::make_shared<BodyStore>(server.encoder->schema());
    clients.push_back(std::make_unique<Client>(plan, PlayerSlot{i * 7}, store, seed + i));
  }
  std::map<u32, Snapshot> history;
  std::map<u32, std::vector<EntityId>> owners;
  u64 datagrams = 0;
  u64 fresh = 0;
  for (u32 t = 0; t < run.ticks; ++t) {
    server.tick();
    const u32 tick = static_cast<u32>(world.world().tick());
    history[tick] = world.snapshot(server.encoder->schema());
    owners[tick] = world.players();
    history.erase(tick - 150);
    for (auto& client : clients) {
      client->tick(server.cache, run.link, [&](Bytes datagram) {
        ++datagrams;
        const u32 then = datagram_tick(datagram);
        if (client->decoder.tick() == then) {
          // He always sees himself, as of this very datagram.
          const u32 player = client->view.player().value;
          StateDecoder::Entity self;
          ASSERT_TRUE(client->decoder.find(owners[then][player], self)) << "tick " << then;
          ASSERT_EQ(self.tick(), then);
          ASSERT_EQ(client->decoder.last_sequence(), then + player);
          ASSERT_EQ(client->decoder.players(), run.walkers);
        }
        fresh += expect_true(client->decoder, history);
      });
      if (::testing::Test::HasFatalFailure()) return;
    }
    world.step();
  }
  EXPECT_GT(datagrams, u64{run.ticks} * run.clients / 3);
  EXPECT_GE(fresh / std::max<u64>(datagrams, 1), std::min(run.walkers, 20U));
}

TEST(RoundTrip, every_entity_held_is_the_servers_without_loss) {
  run_and_check({}, 1);
}

TEST(RoundTrip, every_entity_held_is_the_servers_at_5_percent_loss) {
  run_and_check({.link = {.loss_percent = 5, .reorder_percent = 5, .duplicate_percent = 5}}, 2);
}

TEST(RoundTrip, every_entity_held_is_the_servers_at_20_percent_loss) {
  run_and_check(
      {.link = {.loss_percent = 20, .delay_ticks = 4, .reorder_percent = 20, .duplicate_percent = 10}}, 3);
}

TEST(RoundTrip, every_entity_held_is_the_servers_at_40_percent_loss) {
  run_and_check(
      {.link = {.loss_percent = 40, .delay_ticks = 6, .reorder_percent = 30, .duplicate_percent = 30}}, 4);
}

TEST(RoundTrip, every_entity_held_is_the_servers_when_clients_share_a_store) {
  run_and_check({.clients = 6,
                 .link = {.loss_percent = 20, .reorder_percent = 20, .duplicate_percent = 10},
                 .share = true},
                5);
}

TEST(RoundTrip, a_battle_in_one_cell_works) {
  run_and_check({.walkers = 8, .things = 4, .side = 20, .clients = 1}, 6);
}

TEST(RoundTrip, key_numbers_wrap_after_256) {
  MovingWorld world(20, 4, 40, 7);
  world.world().set_tick(200);  // numbers start with the tick
  Server server(world, {.key_period_ticks = 2, .overlap_ticks = 1});
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 7);
  std::map<u32, Snapshot> history;
  for (u32 t = 0; t < 1500; ++t) {
    server.tick();
    const u32 tick = static_cast<u32>(world.world().tick());
    history[tick] = world.snapshot(server.encoder->schema());
    history.erase(tick - 150);
    client.tick(server.cache, {.loss_percent = 10, .delay_ticks = 0, .reorder_percent = 10},
                [&](Bytes) { expect_true(client.decoder, history); });
    if (HasFatalFailure()) return;
    world.step();
  }
  EXPECT_GT(server.encoder->counters().keys, 150U);
}

/// Ticks from `from` on until the client holds all that is near him, as of late.
TEST(RoundTrip, a_client_converges_when_loss_stops) {
  MovingWorld world(200, 40, 200, 8);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{3}, server.encoder->schema(), 8);
  const auto run = [&](u32 ticks, const Link& link) {
    for (u32 t = 0; t < ticks; ++t) {
      world.step();
      server.tick();
      client.tick(server.cache, link, [](Bytes) {});
    }
  };
  run(200, {.loss_percent = 60, .delay_ticks = 5, .reorder_percent = 40});
  run(130, {.loss_percent = 100});
  run(150, {.delay_ticks = 0});
  const Snapshot truth = world.snapshot(server.encoder->schema());
  u32 held = 0;
  u32 recent = 0;
  std::map<u64, u32> seen;
  client.decoder.for_each([&](const StateDecoder::Entity& entity) {
    EXPECT_EQ(seen[entity.id().value]++, 0U) << "an entity is told once";
    ++held;
    if (client.decoder.tick() - entity.tick() <= 16) ++recent;
  });
  // The map is small enough to be all within his interest.
  EXPECT_GE(held, truth.size() * 95 / 100);
  EXPECT_GE(recent, truth.size() * 95 / 100);
}

TEST(RoundTrip, a_late_joiner_sees_his_surroundings_soon) {
  MovingWorld world(300, 60, 300, 9);
  Server server(world);
  for (u32 t = 0; t < 150; ++t) {
    world.step();
    server.tick();
  }
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{10}, server.encoder->schema(), 9);
  u32 held = 0;
  for (u32 t = 0; t < 30; ++t) {
    world.step();
    server.tick();
    client.tick(server.cache, {.delay_ticks = 1}, [](Bytes) {});
    held = 0;
    client.decoder.for_each([&](const StateDecoder::Entity&) { ++held; });
    if (t == 2) {
      EXPECT_GT(held, 20U);
    }
  }
  EXPECT_GT(held, 100U);
}

TEST(RoundTrip, an_entity_that_crosses_cells_is_held_once) {
  MovingWorld world(100, 0, 200, 10);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 10);
  const EntityId runner = world.players()[1];
  for (i64 t = 0; t < 400; ++t) {
    world.step(0);
    const i64 along = 20 + (t * 160 / 400);
    world.put(runner, along, 100);
    world.put(world.players()[0], 100, 110);
    server.tick();
    client.tick(server.cache, {.delay_ticks = 0}, [](Bytes) {});
    if (t < 30) continue;
    u32 times = 0;
    client.decoder.for_each(
        [&](const StateDecoder::Entity& entity) { times += entity.id() == runner ? 1 : 0; });
    ASSERT_EQ(times, 1U) << "at " << t;
  }
}

TEST(RoundTrip, the_dead_leave_and_their_slots_successors_are_others) {
  MovingWorld world(12, 0, 30, 11);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 11);
  const auto tick = [&] {
    world.step(0);
    server.tick();
    client.tick(server.cache, {.delay_ticks = 0}, [](Bytes) {});
  };
  for (u32 t = 0; t < 10; ++t) tick();
  const EntityId victim = world.players()[5];
  world.kill(victim);
  const EntityId heir = world.spawn_walker();
  ASSERT_EQ(entity_slot(victim), entity_slot(heir));
  world.players()[5] = heir;
  tick();
  StateDecoder::Entity entity;
  EXPECT_FALSE(client.decoder.find(victim, entity));
  EXPECT_TRUE(client.decoder.find(heir, entity));
}

TEST(RoundTrip, the_last_of_a_cell_is_not_left_as_a_ghost) {
  MovingWorld world(2, 0, 400, 12);
  world.put(world.players()[0], 10, 10);
  world.put(world.players()[1], 390, 10);
  Server server(world, {.cell_size = world::Fixed::from_int(200)});
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 12);
  const auto tick = [&] {
    world.world().set_tick(world.world().tick() + 1);
    server.tick();
    client.tick(server.cache, {.delay_ticks = 0}, [](Bytes) {});
  };
  for (u32 t = 0; t < 10; ++t) tick();
  const EntityId gone = world.players()[1];
  StateDecoder::Entity entity;
  ASSERT_TRUE(client.decoder.find(gone, entity));
  world.kill(gone);
  world.players()[1] = EntityId{0};
  for (u32 t = 0; t < 10; ++t) tick();
  EXPECT_FALSE(client.decoder.find(gone, entity));
}

TEST(RoundTrip, events_come_once_and_survive_loss) {
  MovingWorld world(30, 0, 60, 13);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 13);
  std::map<i32, u32> heard;
  u32 emitted = 0;
  for (i32 t = 0; t < 300; ++t) {
    world.step(0);
    std::vector<world::Event> events;
    if (t >= 100 && t < 290 && t % 3 == 0) {
      events.push_back({.kind = 9,
                        .source = world.players()[1],
                        .target = world.players()[2],
                        .x = world::Fixed::from_int(30),
                        .y = world::Fixed::from_int(31),
                        .a = t,
                        .b = -t});
      ++emitted;
    }
    server.tick(events);
    client.tick(server.cache, {.loss_percent = 20, .delay_ticks = 1}, [](Bytes) {});
    for (const StateEvent& event : client.decoder.events()) {
      ++heard[event.a];
      EXPECT_EQ(event.kind, 9);
      EXPECT_EQ(event.source, world.players()[1]);
      EXPECT_EQ(event.x, 30 * 64);
      EXPECT_EQ(event.y, 31 * 64);
      EXPECT_EQ(event.b, -event.a);
    }
    client.decoder.clear_events();
  }
  for (const auto& [a, times] : heard) EXPECT_EQ(times, 1U) << a;
  EXPECT_GE(heard.size(), emitted * 9 / 10);
}

TEST(RoundTrip, three_thousand_in_one_spot_still_fit_datagrams) {
  MovingWorld world(3000, 0, 600, 14);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{100}, server.encoder->schema(), 14);
  std::map<u32, Snapshot> history;
  for (u32 t = 0; t < 160; ++t) {
    world.step(0);
    if (t > 20) {
      for (EntityId id : world.players()) world.put(id, 300 + id.value % 3, 300 + id.value % 2);
    }
    server.tick();
    const u32 tick = static_cast<u32>(world.world().tick());
    history[tick] = world.snapshot(server.encoder->schema());
    history.erase(tick - 150);
    client.tick(server.cache, {.loss_percent = 5, .delay_ticks = 2}, [&](Bytes) {
      StateDecoder::Entity self;
      ASSERT_TRUE(client.decoder.find(world.players()[100], self));
      if (t % 16 == 0) expect_true(client.decoder, history);
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(server.encoder->counters().overflowed, 0U);
  EXPECT_EQ(server.encoder->counters().dropped_streams, 0U);
  u32 held = 0;
  client.decoder.for_each([&](const StateDecoder::Entity&) { ++held; });
  EXPECT_GT(held, 2000U);
}

TEST(RoundTrip, a_spectator_sees_the_whole_map) {
  constexpr std::size_t kSpectatorBudget = 12'000;
  std::size_t largest = 0;
  MovingWorld world(600, 100, 600, 15);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, kNoPlayer, server.encoder->schema(), 15, {.streams = 4096});
  std::map<u32, Snapshot> history;
  for (u32 t = 0; t < 200; ++t) {
    world.step();
    server.tick();
    const u32 tick = static_cast<u32>(world.world().tick());
    history[tick] = world.snapshot(server.encoder->schema());
    history.erase(tick - 150);
    client.tick(
        server.cache, {.loss_percent = 3},
        [&](Bytes) {
          if (t % 16 == 0) expect_true(client.decoder, history);
        },
        kSpectatorBudget);
    if (HasFatalFailure()) return;
    largest = std::max(largest, client.last_size);
  }
  EXPECT_GT(largest, kSpectatorBudget / 2) << "the world is too small for the test's purpose";
  u32 held = 0;
  client.decoder.for_each([&](const StateDecoder::Entity& entity) {
    ++held;
    EXPECT_LT(client.decoder.tick() - entity.tick(), 40U);
  });
  EXPECT_GE(held, world.snapshot(server.encoder->schema()).size() * 95 / 100);
}

}  // namespace
}  // namespace drumline::broadcast::testing

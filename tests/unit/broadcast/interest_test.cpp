// Which streams a client is interested in: what he comes back to, what matters to him.
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

/// Bytes of key frames that a client was sent who walks from `left` to `right` and back
/// along the middle of the map, `ticks_a_way` each way, from when he has been 200 ticks there.
u64 key_bytes_of_walk(i64 left, i64 right, i64 ticks_a_way, bool others_move) {
  MovingWorld world(400, 60, 400, 21);
  Server server(world, {.cell_size = Fixed::from_int(25)});
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 21);
  u64 bytes = 0;
  bool counts = false;
  client.on_sent = [&](Bytes datagram) {
    for_each_chunk(datagram, [&](const SentChunk& chunk) {
      if (counts && chunk.is_key) bytes += chunk.body.size();
    });
  };
  for (i64 t = 0; t < 1000; ++t) {
    if (others_move)
      world.step(0, Fixed::kOneRaw / 16);
    else
      world.world().set_tick(world.world().tick() + 1);
    const i64 turn = t % (2 * ticks_a_way);
    const i64 way = turn < ticks_a_way ? turn : 2 * ticks_a_way - turn;
    world.put(world.players()[0], left + (right - left) * way / ticks_a_way, 200);
    server.tick();
    counts = t >= 200;
    client.tick(server.cache, {.delay_ticks = 3}, [](Bytes) {});
  }
  return bytes;
}

TEST(Interest, who_walks_to_and_fro_is_not_sent_key_frames_anew_each_time) {
  const u64 standing = key_bytes_of_walk(212, 212, 10, true);
  EXPECT_GT(standing, 1000U);
  EXPECT_LT(key_bytes_of_walk(195, 210, 20, true), standing * 5 / 4);
  EXPECT_LT(key_bytes_of_walk(170, 250, 50, true), standing * 3 / 2);
}

TEST(Interest, where_nothing_changes_walking_to_and_fro_costs_no_key_frames_but_of_the_walkers_own_cells) {
  // Sent anew at each crossing of the border, the rim's key frames would be about 10,000 bytes.
  EXPECT_LT(key_bytes_of_walk(195, 210, 20, false), 500U);
}

TEST(Interest, what_is_remembered_for_too_long_is_not_taken_for_held) {
  // He leaves, comes back after so many ticks that the server must start over, and again
  // after nearly as many as ticks are kept bits of.
  for (const u32 away : {300U, 700U, 65'530U}) {
    MovingWorld world(60, 10, 400, 22);
    Server server(world, {.cell_size = Fixed::from_int(25)});
    const InterestPlan plan{InterestSettings{}};
    Client client(plan, PlayerSlot{0}, server.encoder->schema(), 22);
    std::map<u32, Snapshot> history;
    const auto tick = [&](i64 x) {
      world.step(0, Fixed::kOneRaw / 16);
      world.put(world.players()[0], x, 200);
      server.tick();
      const u32 now = static_cast<u32>(world.world().tick());
      history[now] = world.snapshot(server.encoder->schema());
      history.erase(now - 150);
      client.tick(server.cache, {.delay_ticks = 0}, [&](Bytes) {
        if (now % 8 == 0) expect_true(client.decoder, history);
      });
    };
    for (u32 t = 0; t < 100; ++t) tick(50);
    for (u32 t = 0; t < 60; ++t) tick(350);
    world.world().set_tick(world.world().tick() + away);
    for (u32 t = 0; t < 100; ++t) tick(50);
    if (HasFatalFailure()) return;
    u32 near = 0;
    u32 fresh = 0;
    for (const EntityId id : world.players()) {
      if (world::raw_length_squared(world.place_of(id) - world.place_of(world.players()[0])) >
          static_cast<u64>(Fixed::from_int(60).raw) * static_cast<u64>(Fixed::from_int(60).raw)) {
        continue;
      }
      ++near;
      StateDecoder::Entity entity;
      fresh += client.decoder.find(id, entity) && client.decoder.tick() - entity.tick() < 16 ? 1 : 0;
    }
    EXPECT_EQ(fresh, near) << away;
    EXPECT_GT(near, 0U);
  }
}

/// The players that matter to player 0.
struct Relevance final : world::Visibility {
  std::vector<EntityId> named;
  u32 most_relevant() const override { return world::kMaxRelevant; }
  u32 relevant_to(PlayerSlot player, std::span<EntityId> out) const override {
    if (player.value != 0) return 0;
    const std::size_t count = std::min(out.size(), named.size());
    std::copy_n(named.begin(), count, out.begin());
    return static_cast<u32>(count);
  }
};

TEST(Interest, who_matters_to_a_player_is_shown_to_him_at_every_tick_however_far) {
  MovingWorld world(500, 60, 1000, 23);
  Relevance relevance;
  Server server(world, {.visibility = &relevance});
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{0}, server.encoder->schema(), 23);
  Client other(plan, PlayerSlot{3}, server.encoder->schema(), 24);
  u32 missed = 0;
  for (u32 t = 0; t < 300; ++t) {
    world.step(0);
    world.put(world.players()[0], 50, 50);
    world.put(world.players()[3], 55, 50);
    // One is at the far corner, one walks there, and later others matter.
    world.put(world.players()[1], 990, 990);
    world.put(world.players()[2], 100 + 2 * i64{t}, 900);
    world.put(world.players()[4], 500, 990);
    relevance.named = t < 200 ? std::vector{world.players()[1], world.players()[2], world.players()[0]}
                              : std::vector{world.players()[4], EntityId{0}};
    server.tick();
    for (Client* const each : {&client, &other}) each->tick(server.cache, {.delay_ticks = 1}, [](Bytes) {});
    if (t < 20) continue;
    const auto age = [&](Client& of, EntityId id) {
      StateDecoder::Entity entity;
      return of.decoder.find(id, entity) ? of.decoder.tick() - entity.tick() : 1000;
    };
    if (t < 200) {
      ASSERT_EQ(age(client, world.players()[1]), 0U) << t;
      // Where he walks from part to part of the map, the next one's key frame comes first.
      missed = age(client, world.players()[2]) == 0 ? 0 : missed + 1;
      ASSERT_LE(missed, 8U) << t;
      ASSERT_GT(age(other, world.players()[1]), 20U) << "he does not matter to others";
    } else if (t > 212) {
      ASSERT_EQ(age(client, world.players()[4]), 0U) << t;
    }
  }
  StateDecoder::Entity entity;
  EXPECT_TRUE(!client.decoder.find(world.players()[1], entity) || client.decoder.tick() - entity.tick() > 50);
}

TEST(Interest, what_matters_is_not_shown_when_it_is_hidden) {
  struct Hidden final : world::Visibility {
    const MovingWorld* world = nullptr;
    u32 team_count() const override { return 2; }
    u32 team_of(PlayerSlot player) const override { return player.value % 2; }
    world::TeamSet hidden_from(EntityId entity) const override {
      return entity == world->players()[1] ? world::TeamSet{1} : world::TeamSet{0};
    }
    u32 most_relevant() const override { return 1; }
    u32 relevant_to(PlayerSlot, std::span<EntityId> out) const override {
      out[0] = world->players()[1];
      return 1;
    }
  };
  MovingWorld world(50, 0, 400, 25);
  Hidden hidden;
  hidden.world = &world;
  Server server(world, {.visibility = &hidden});
  const InterestPlan plan{InterestSettings{}};
  Client enemy(plan, PlayerSlot{0}, server.encoder->schema(), 25);
  Client mate(plan, PlayerSlot{3}, server.encoder->schema(), 25);
  for (u32 t = 0; t < 60; ++t) {
    world.step(0);
    server.tick();
    StateDecoder::Entity entity;
    for (Client* const each : {&enemy, &mate}) each->tick(server.cache, {.delay_ticks = 0}, [](Bytes) {});
    ASSERT_FALSE(enemy.decoder.find(world.players()[1], entity));
    if (t > 10) {
      ASSERT_TRUE(mate.decoder.find(world.players()[1], entity));
    }
  }
}

}  // namespace
}  // namespace drumline::broadcast::testing

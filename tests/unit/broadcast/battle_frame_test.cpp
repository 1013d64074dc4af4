// The frame between battles and gateways, and what gateways keep of it.
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

std::string_view text_of(Bytes bytes) {
  return as_text(bytes);
}

TEST(BattleFrame, tells_places_entities_and_messages) {
  MovingWorld world(40, 10, 100, 31);
  Server server(world, {.battle = BattleId{77}, .instance = 5});
  ASSERT_TRUE(server.messages.add(SessionId{9}, as_bytes("hello")));
  ASSERT_TRUE(server.messages.add(SessionId{0}, as_bytes("all of you")));
  server.tick();
  EXPECT_EQ(server.cache.battle(), 77U);
  EXPECT_EQ(server.cache.tick(), 1U);
  EXPECT_EQ(server.cache.state_hash(), 7U);
  EXPECT_EQ(server.cache.players(), 40U);
  for (u32 player = 0; player < 40; ++player) {
    EXPECT_EQ(server.cache.entity(PlayerSlot{player}), world.players()[player]);
    const PlayerPlace place = server.cache.place(PlayerSlot{player});
    EXPECT_EQ(place.sequence, 1 + player);
    EXPECT_NE(place.stream, kNoStream);
  }
  EXPECT_EQ(server.cache.place(PlayerSlot{40}).stream, kNoStream);
  std::vector<std::pair<u64, std::string>> heard;
  server.cache.for_each_message(
      [&](SessionId to, Bytes bytes) { heard.emplace_back(to.value, std::string(text_of(bytes))); });
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0], (std::pair<u64, std::string>(9, "hello")));
  EXPECT_EQ(heard[1], (std::pair<u64, std::string>(0, "all of you")));
  world.step(0);
  server.tick();
  heard.clear();
  server.cache.for_each_message([&](SessionId, Bytes) { heard.emplace_back(); });
  EXPECT_TRUE(heard.empty()) << "a message goes out once";
}

TEST(BattleFrame, changes_of_a_seats_entity_are_told) {
  MovingWorld world(4, 0, 50, 32);
  Server server(world);
  server.tick();
  const EntityId before = world.players()[2];
  world.kill(before);
  world.players()[2] = EntityId{0};
  world.world().set_tick(2);
  server.tick();
  EXPECT_EQ(server.cache.entity(PlayerSlot{2}), EntityId{0});
  EXPECT_EQ(server.cache.place(PlayerSlot{2}).stream, kNoStream);
  world.players()[2] = world.spawn_walker();
  world.world().set_tick(3);
  server.tick();
  EXPECT_EQ(server.cache.entity(PlayerSlot{2}), world.players()[2]);
}

/// Two teams, walker 0 hidden from team 1, and walker 3 matters to player 2.
struct TwoTeams final : world::Visibility {
  const MovingWorld* world = nullptr;
  u32 team_count() const override { return 2; }
  u32 team_of(PlayerSlot player) const override { return player.value % 2; }
  world::TeamSet hidden_from(EntityId entity) const override {
    return entity == world->players()[0] ? world::TeamSet{2} : world::TeamSet{0};
  }
  u32 most_relevant() const override { return 2; }
  u32 relevant_to(PlayerSlot player, std::span<EntityId> out) const override {
    if (player.value != 2) return 0;
    out[0] = world->players()[3];
    return 1;
  }
};

TEST(BattleFrame, tells_teams_what_is_hidden_from_them_and_what_matters_to_whom) {
  MovingWorld world(4, 0, 50, 37);
  TwoTeams teams;
  teams.world = &world;
  Server server(world, {.visibility = &teams});
  server.tick();
  const auto place = [&](u32 player) { return server.cache.place(PlayerSlot{player}); };
  EXPECT_EQ(place(0).team, 0);
  EXPECT_EQ(place(3).team, 1);
  EXPECT_EQ(server.cache.stream(place(0).stream).hidden_from, 2);
  EXPECT_EQ(server.cache.stream(place(3).stream).hidden_from, 0);
  EXPECT_TRUE(server.cache.open_to(1, server.cache.stream(place(0).stream)));
  EXPECT_FALSE(server.cache.open_to(2, server.cache.stream(place(0).stream)));
  const RelevantStreams* const relevant = server.cache.relevant(PlayerSlot{2});
  ASSERT_NE(relevant, nullptr);
  EXPECT_EQ(relevant->streams, (std::array<u16, 4>{place(3).stream, kNoStream, kNoStream, kNoStream}));
  EXPECT_EQ(server.cache.relevant(PlayerSlot{0})->streams[0], kNoStream);
  EXPECT_EQ(server.cache.relevant(PlayerSlot{4}), nullptr);
}

TEST(BattleFrame, a_team_or_a_stream_that_matters_out_of_range_is_refused) {
  MovingWorld world(4, 0, 50, 38);
  TwoTeams teams;
  teams.world = &world;
  Server server(world, {.visibility = &teams});
  server.encode();
  std::vector<u64> memory(server.frame.size() / 8);
  const MutableBytes frame = std::as_writable_bytes(std::span(memory));
  const auto restore = [&] { std::copy(server.frame.begin(), server.frame.end(), frame.begin()); };
  restore();
  ASSERT_TRUE(parse_battle_frame(frame).ok());
  const std::size_t first_place = sizeof(BattleFrameHeader);
  frame[first_place + offsetof(PlayerPlace, team)] = std::byte{16};
  EXPECT_FALSE(parse_battle_frame(frame).ok());
  restore();
  frame[first_place + 4 * sizeof(PlayerPlace) + 1] =
      std::byte{0xFE};  // 0xFEFF: below kNoStream, above the limit
  EXPECT_FALSE(parse_battle_frame(frame).ok());
}

TEST(BattleFrame, a_game_with_too_many_teams_is_refused) {
  struct Seventeen final : world::Visibility {
    u32 team_count() const override { return 17; }
  };
  const Seventeen teams;
  MovingWorld world(4, 0, 50, 39);
  const auto made = CellEncoder::create(world.world(), world.map(), {.visibility = &teams});
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("16 teams"), std::string::npos);
}

TEST(BattleFrame, a_lapped_cache_asks_for_all_and_gets_it) {
  MovingWorld world(200, 40, 200, 33);
  Server server(world);
  for (u32 t = 0; t < 50; ++t) {
    world.step();
    server.tick();
  }
  EXPECT_FALSE(server.cache.take_full_request());
  // Frames go by unread; key frames were among them.
  for (u32 t = 0; t < 200; ++t) {
    world.step();
    server.encode();
  }
  world.step();
  server.encode();
  ASSERT_TRUE(server.cache.absorb(server.frame).ok());
  ASSERT_TRUE(server.cache.take_full_request());
  EXPECT_FALSE(server.cache.take_full_request()) << "not at every frame";
  server.encoder->request_full();
  for (u32 t = 0; t < 40; ++t) {
    world.step();
    server.encode();
    ASSERT_TRUE(server.cache.absorb(server.frame).ok());
  }
  EXPECT_FALSE(server.cache.take_full_request());
  EXPECT_EQ(server.cache.entity(PlayerSlot{5}), world.players()[5]);
}

TEST(BattleFrame, a_full_that_does_not_fit_comes_in_parts) {
  MovingWorld world(400, 80, 300, 34);
  auto made = CellEncoder::create(world.world(), world.map(), {.expected_players = 400});
  ASSERT_TRUE(made.ok());
  CellEncoder& encoder = **made;
  std::vector<u64> memory(4096 / 8);  // all chunks and records, but only some of the key frames
  CellCache cache;
  u32 frames = 0;
  for (; frames < 60; ++frames) {
    const std::size_t size = encoder.encode({.world = world.world(), .seats = {}, .events = {}},
                                            std::as_writable_bytes(std::span(memory)));
    ASSERT_GT(size, 0U);
    ASSERT_LE(size, 4096U);
    auto taken = cache.absorb(std::as_bytes(std::span(memory)).first(size));
    ASSERT_TRUE(taken.ok()) << taken.error().message;
    u32 missing = 0;
    for (const StreamRecord& record : cache.records())
      missing += cache.stream(record.stream).has_key_body ? 0 : 1;
    if (missing == 0) break;
    if (frames == 0) {
      EXPECT_GT(missing, 0U);
    }
    world.world().set_tick(world.world().tick() + 1);
  }
  EXPECT_GT(frames, 0U);
  EXPECT_LT(frames, 60U);
  EXPECT_EQ(encoder.counters().dropped_streams, 0U);
}

TEST(BattleFrame, messages_that_do_not_fit_wait_in_order) {
  MessageQueue queue(1000);
  const std::vector<std::byte> big(200);
  u32 accepted = 0;
  while (queue.add(SessionId{accepted + 1}, big)) ++accepted;
  EXPECT_EQ(accepted, 4U);
  std::vector<std::byte> out(500);
  u32 count = 0;
  EXPECT_EQ(queue.take(out, count), 424U);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(static_cast<u8>(out[0]), 1);
  EXPECT_EQ(queue.take(out, count), 424U);
  EXPECT_EQ(static_cast<u8>(out[0]), 3);
  EXPECT_TRUE(queue.empty());
}

TEST(BattleFrame, a_world_whose_entities_do_not_fit_a_datagram_is_refused) {
  MovingWorld world(4, 4, 50, 35);
  auto made = CellEncoder::create(world.world(), world.map(), {.datagram_budget = 100});
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("walker"), std::string::npos);
}

TEST(BattleFrame, a_new_instance_starts_views_anew) {
  MovingWorld world(60, 10, 100, 36);
  const InterestPlan plan{InterestSettings{}};
  Server first(world, {.instance = 1});
  Client client(plan, PlayerSlot{0}, first.encoder->schema(), 36);
  for (u32 t = 0; t < 40; ++t) {
    world.step();
    first.tick();
    client.tick(first.cache, {.delay_ticks = 0}, [](Bytes) {});
  }
  // The battle resumes elsewhere: another encoder, the same cache and client.
  Server second(world, {.instance = 2});
  std::map<u32, Snapshot> history;
  for (u32 t = 0; t < 60; ++t) {
    world.step();
    second.encode();
    ASSERT_TRUE(first.cache.absorb(second.frame).ok());
    const u32 tick = static_cast<u32>(world.world().tick());
    history[tick] = world.snapshot(second.encoder->schema());
    client.tick(first.cache, {.delay_ticks = 0}, [&](Bytes) {
      StateDecoder::Entity self;
      ASSERT_TRUE(client.decoder.find(world.players()[0], self));
      ASSERT_EQ(self.tick(), tick);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Grid, cells_cover_the_map_and_what_is_outside_belongs_to_the_nearest) {
  const Grid grid({Fixed::from_int(100), Fixed::from_int(50)}, Fixed::from_int(30));
  EXPECT_EQ(grid.columns(), 4U);
  EXPECT_EQ(grid.rows(), 2U);
  EXPECT_EQ(grid.cell_of(Fixed::from_int(-5).raw, Fixed::from_int(99).raw), 4U);
  EXPECT_EQ(grid.cell_of(Fixed::from_int(31).raw, 0), 1U);
  EXPECT_EQ(grid.cell_of(Fixed::from_int(1000).raw, 0), 3U);
}

TEST(Grid, the_default_cell_holds_about_twelve_players) {
  const world::MapSize map{Fixed::from_int(1000), Fixed::from_int(500)};
  const Grid grid(map, Grid::cell_size_for(map, 1200));
  EXPECT_GE(grid.cell_count(), 90U);
  EXPECT_LE(grid.cell_count(), 130U);
}

}  // namespace
}  // namespace drumline::broadcast::testing

// What a player must not know is never sent: found out by decoding every byte that the
// server offers to the network for him, lost ones and key frames too early to use included.
#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

using world::TeamSet;

/// Teams by seat, fog of war, and players who go into hiding in turns.
class TestFog final : public world::Visibility {
 public:
  TestFog(const MovingWorld& world, u32 teams, i64 sight, u32 hide_every)
      : world_(world), teams_(teams), sight_(Fixed::from_int(sight)), hide_every_(hide_every) {}

  u32 team_count() const override { return teams_; }
  u32 team_of(PlayerSlot player) const override { return player.value % teams_; }
  TeamSet hidden_from(EntityId entity) const override {
    const auto& players = world_.players();
    const auto own = std::find(players.begin(), players.end(), entity);
    const auto seat = static_cast<u32>(own - players.begin());
    u32 knows = own != players.end() ? 1U << (seat % teams_) : 0;
    const bool hides = own != players.end() && hide_every_ != 0 && (tick() / 24 + seat) % hide_every_ == 0;
    for (u32 i = 0; i < players.size() && !hides; ++i) {
      const u64 sight = static_cast<u64>(sight_.raw);
      const world::Vector way = world_.place_of(players[i]) - world_.place_of(entity);
      if (world::raw_length_squared(way) <= sight * sight) knows |= 1U << (i % teams_);
    }
    return static_cast<TeamSet>(((1U << teams_) - 1) & ~knows);
  }
  /// An event of kind 2 is for team `b` only.
  TeamSet also_hidden_from(const world::Event& event) const override {
    return event.kind == 2 ? static_cast<TeamSet>(~(1U << event.b)) : TeamSet{0};
  }

 private:
  u32 tick() const { return static_cast<u32>(world_.world().tick()); }

  const MovingWorld& world_;
  u32 teams_;
  Fixed sight_;
  u32 hide_every_;
};

/// What was hidden from whom, by tick, entity and event.
struct Truth {
  std::map<u32, std::map<u64, TeamSet>> hidden;
  std::map<u32, Snapshot> values;
  std::map<i32, TeamSet> events;  ///< by their `a`
};

/// Reads all that is sent to one client.
class Spy {
 public:
  Spy(const Schema& schema, TeamSet team, const Truth& truth)
      : schema_(schema), team_(team), truth_(truth), decoder_(schema, {.streams = 4096}) {}

  void read(Bytes datagram) {
    const u32 tick = datagram_tick(datagram);
    for_each_chunk(datagram, [&](const SentChunk& chunk) {
      if (chunk.is_key) read_key(chunk, tick - chunk.key_age);
    });
    ASSERT_NE(decoder_.apply(datagram), StateDecoder::Status::malformed);
    decoder_.for_each([&](const StateDecoder::Entity& entity) {
      if (entity.tick() == tick) check(entity, tick);
    });
    for (const StateEvent& event : decoder_.events()) {
      ++events_;
      const TeamSet hidden = truth_.events.at(event.a);
      EXPECT_EQ(hidden & team_, 0) << "event " << event.a << " is not for team set " << team_;
    }
    decoder_.clear_events();
    EXPECT_EQ(decoder_.counters().unusable_chunks, 0U) << "the spy could not read all";
  }

  u64 states() const { return states_; }
  u64 key_states() const { return key_states_; }
  u64 events() const { return events_; }

 private:
  /// A key frame shows its entities as of its own tick.
  void read_key(const SentChunk& chunk, u32 key_tick) {
    std::vector<std::byte> alone(2048);
    ByteWriter out(alone);
    out.write(u8{1});
    out.write(u8{0});
    out.write(key_tick);
    out.write(u32{0});
    out.write(u16{0});
    out.write_varint(chunk.stream);
    out.write(u8{1});
    out.write(chunk.key);
    out.write_varint(0);
    out.write_varint(chunk.body.size());
    out.write_bytes(chunk.body);
    ASSERT_TRUE(out.ok());
    StateDecoder reader(schema_);
    ASSERT_EQ(reader.apply(out.written()), StateDecoder::Status::applied);
    reader.for_each([&](const StateDecoder::Entity& entity) {
      check(entity, key_tick);
      ++key_states_;
    });
  }

  void check(const StateDecoder::Entity& entity, u32 tick) {
    ++states_;
    const auto& then = truth_.hidden.at(tick);
    const auto known = then.find(entity.id().value);
    ASSERT_NE(known, then.end()) << "entity " << std::hex << entity.id().value << " did not exist";
    EXPECT_EQ(known->second & team_, 0)
        << "tick " << tick << ": entity " << std::hex << entity.id().value << " is hidden from " << team_;
    EXPECT_EQ(entity.value(0), truth_.values.at(tick).at(entity.id().value)[0]);
  }

  const Schema& schema_;
  TeamSet team_;
  const Truth& truth_;
  StateDecoder decoder_;
  u64 states_ = 0;
  u64 key_states_ = 0;
  u64 events_ = 0;
};

struct Run {
  u32 walkers = 90;
  u32 things = 30;
  i64 side = 300;
  u32 teams = 3;
  i64 sight = 30;
  u32 hide_every = 5;  ///< 0: nobody goes into hiding
  u32 ticks = 400;
  u32 state_every = 1;  ///< a frame with state in every so-many-th tick
  Link link{};
};

/// Somebody acts at his place, now and then to somebody near, and sometimes dies of it.
std::vector<world::Event> act(MovingWorld& world, u32 tick, i32& number) {
  std::vector<world::Event> events;
  for (u32 i = 0; i < 6; ++i) {
    world::Event event;
    event.kind = static_cast<u8>(i % 3);
    event.source = world.players()[(tick * 7 + i * 11) % world.players().size()];
    if (i % 2 == 0) event.target = world.players()[(tick * 7 + i * 11 + 1) % world.players().size()];
    const world::Vector place = world.place_of(event.source);
    event.x = place.x;
    event.y = place.y;
    event.a = ++number;
    event.b = static_cast<i32>(tick % 3);
    events.push_back(event);
  }
  return events;
}

void run_and_spy(const Run& run, u32 seed) {
  MovingWorld world(run.walkers, run.things, run.side, seed);
  const TestFog fog(world, run.teams, run.sight, run.hide_every);
  Server server(world, {.cell_size = Fixed::from_int(30), .visibility = &fog});
  const Schema& schema = server.encoder->schema();
  const InterestPlan plan{InterestSettings{}};
  Truth truth;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Spy>> spies;
  const auto add_client = [&] {
    const u32 player = static_cast<u32>(clients.size());
    clients.push_back(std::make_unique<Client>(plan, PlayerSlot{player}, schema, seed + player));
    spies.push_back(
        std::make_unique<Spy>(schema, static_cast<TeamSet>(1U << fog.team_of(PlayerSlot{player})), truth));
    clients.back()->on_sent = [spy = spies.back().get()](Bytes datagram) { spy->read(datagram); };
  };
  for (u32 i = 0; i < run.walkers / 2; ++i) add_client();

  i32 number = 0;
  u64 hidden = 0;
  u64 turns = 0;  // an entity was hidden from a team that knew it before
  for (u32 t = 0; t < run.ticks; ++t) {
    const u32 tick = static_cast<u32>(world.world().tick());
    truth.values[tick] = world.snapshot(schema);
    const auto& before = truth.hidden[tick - 1];
    auto& now = truth.hidden[tick];
    for (const auto& [id, values] : truth.values[tick]) {
      now[id] = fog.hidden_from(EntityId{id});
      hidden += now[id] != 0 ? 1 : 0;
      const auto was = before.find(id);
      turns += was != before.end() && (now[id] & ~was->second) != 0 ? 1 : 0;
    }
    const std::vector<world::Event> events = act(world, tick, number);
    for (const world::Event& event : events) {
      truth.events[event.a] = static_cast<TeamSet>(
          now[event.source.value] | (event.target.value != 0 ? now[event.target.value] : TeamSet{0}) |
          fog.also_hidden_from(event));
    }
    if (t % run.state_every != 0) {
      server.encoder->skip(world.world(), events);
    } else {
      server.tick(events);
      for (auto& client : clients) {
        client->tick(server.cache, run.link, [](Bytes) {});
        if (::testing::Test::HasFailure()) return;
      }
    }
    world.step(5, Fixed::kOneRaw / 2);
    // Latecomers are sent key frames made before they came.
    if (t % 16 == 0 && clients.size() < run.walkers) add_client();
  }
  EXPECT_EQ(server.encoder->counters().overflowed, 0U);
  EXPECT_EQ(server.encoder->counters().dropped_streams, 0U);
  EXPECT_GT(hidden, u64{run.ticks} * run.walkers / 4) << "there is something to hide";
  EXPECT_GT(turns, run.walkers) << "what was known becomes hidden";
  u64 states = 0;
  u64 key_states = 0;
  u64 told = 0;
  for (const auto& spy : spies) {
    states += spy->states();
    key_states += spy->key_states();
    told += spy->events();
  }
  EXPECT_GT(states, u64{run.ticks} * run.walkers) << "clients are sent what they may know";
  EXPECT_GT(key_states, states / 200);
  EXPECT_GT(told, run.ticks);
}

TEST(Secrecy, what_a_team_must_not_know_is_never_sent) {
  run_and_spy({}, 1);
}

TEST(Secrecy, what_a_team_must_not_know_is_never_sent_at_20_percent_loss) {
  run_and_spy({.link = {.loss_percent = 20, .delay_ticks = 4, .reorder_percent = 20}}, 2);
}

TEST(Secrecy, what_a_team_must_not_know_is_never_sent_in_a_crowd_of_two_teams) {
  run_and_spy({.walkers = 160,
               .side = 100,
               .teams = 2,
               .sight = 8,
               .hide_every = 3,
               .ticks = 200,
               .link = {.loss_percent = 5}},
              3);
}

TEST(Secrecy, what_happens_between_two_frames_is_judged_by_who_could_know_then) {
  run_and_spy({.hide_every = 3, .state_every = 3, .link = {.loss_percent = 10}}, 4);
}

TEST(Secrecy, sixteen_teams_keep_their_secrets) {
  run_and_spy({.teams = 16, .sight = 40, .ticks = 150, .link = {.loss_percent = 5}}, 5);
}

/// A client without loss, to whom all is near.
struct Watch {
  explicit Watch(MovingWorld& world, const world::Visibility& visibility, u32 player)
      : server(world, {.visibility = &visibility}),
        client(plan, PlayerSlot{player}, server.encoder->schema(), 1) {}

  void tick(std::span<const world::Event> events = {}) {
    server.tick(events);
    client.tick(
        server.cache, {.delay_ticks = 0}, [](Bytes) {}, 12'000);
  }
  bool sees(EntityId id) {
    StateDecoder::Entity entity;
    return client.decoder.find(id, entity) && client.decoder.tick() - entity.tick() < 8;
  }

  InterestPlan plan{InterestSettings{}};
  Server server;
  Client client;
};

TEST(Secrecy, a_player_is_shown_all_that_his_team_may_know_and_nothing_else) {
  MovingWorld world(80, 20, 150, 11);
  const TestFog fog(world, 2, 35, 0);
  Watch watch(world, fog, 1);
  for (u32 t = 0; t < 200; ++t) {
    world.step(2);
    watch.tick();
    if (t < 30) continue;
    for (const auto& [id, values] : world.snapshot(watch.server.encoder->schema())) {
      const bool may = (fog.hidden_from(EntityId{id}) & 2) == 0;
      // Who came into sight just now may come with the turn of his stream.
      ASSERT_TRUE(may || !watch.sees(EntityId{id})) << t;
    }
  }
  u32 seen = 0;
  u32 known = 0;
  for (const auto& [id, values] : world.snapshot(watch.server.encoder->schema())) {
    if ((fog.hidden_from(EntityId{id}) & 2) != 0) continue;
    ++known;
    seen += watch.sees(EntityId{id}) ? 1 : 0;
  }
  EXPECT_GE(seen, known * 95 / 100);
  EXPECT_GT(known, 50U);
}

TEST(Secrecy, who_goes_into_hiding_is_gone_for_the_others_at_once_and_not_for_his_own) {
  MovingWorld world(6, 0, 40, 12);
  for (u32 i = 0; i < 6; ++i) world.put(world.players()[i], 10 + i, 10);
  const TestFog fog(world, 2, 100, 4);
  Watch other(world, fog, 1);
  Watch own(world, fog, 2);
  const EntityId who = world.players()[0];
  u32 hidden = 0;
  for (u32 t = 0; t < 300; ++t) {
    world.world().set_tick(world.world().tick() + 1);
    other.tick();
    own.tick();
    const bool hides = fog.hidden_from(who) != 0;
    hidden += hides ? 1 : 0;
    if (t < 4) continue;
    ASSERT_EQ(other.sees(who), !hides) << "tick " << t;
    ASSERT_TRUE(own.sees(who)) << "tick " << t;
  }
  EXPECT_GT(hidden, 50U);
}

TEST(Secrecy, a_player_who_changes_his_team_is_shown_what_the_new_one_knows) {
  struct TwoRooms final : world::Visibility {
    const MovingWorld* world = nullptr;
    u32 team_of_0 = 0;
    u32 team_count() const override { return 2; }
    u32 team_of(PlayerSlot player) const override { return player.value == 0 ? team_of_0 : player.value % 2; }
    TeamSet hidden_from(EntityId entity) const override {
      if (entity == world->players()[0]) return 0;
      return entity_slot(entity) % 2 == 0 ? 2 : 1;
    }
  };
  MovingWorld world(20, 0, 40, 13);
  TwoRooms rooms;
  rooms.world = &world;
  Watch watch(world, rooms, 0);
  for (u32 t = 0; t < 120; ++t) {
    rooms.team_of_0 = t < 60 ? 0 : 1;
    world.step(0);
    watch.tick();
    if (t % 60 < 10) continue;
    for (u32 i = 1; i < 20; ++i) ASSERT_EQ(watch.sees(world.players()[i]), i % 2 == rooms.team_of_0) << t;
  }
}

TEST(Secrecy, the_death_of_one_in_hiding_is_told_to_his_own_only) {
  MovingWorld world(6, 0, 40, 16);
  for (u32 i = 0; i < 6; ++i) world.put(world.players()[i], 10 + i, 10);
  const TestFog fog(world, 2, 100, 2);
  Watch other(world, fog, 1);
  Watch own(world, fog, 2);
  u32 told_hidden = 0;
  u32 told_seen = 0;
  for (u32 t = 0; t < 200; ++t) {
    world.world().set_tick(world.world().tick() + 1);
    const EntityId victim = world.players()[0];
    std::vector<world::Event> events;
    const bool hid = (world.world().tick() - 1) / 24 % 2 == 0;
    if (t >= 10 && t % 10 == 0) {
      world.kill(victim);
      world.players()[0] = world.spawn_walker();
      world.put(world.players()[0], 10, 10);
      events.push_back({.kind = 1, .target = victim, .x = Fixed::from_int(10), .y = Fixed::from_int(10)});
    }
    other.tick(events);
    own.tick(events);
    const std::size_t heard = other.client.decoder.events().size();
    EXPECT_EQ(own.client.decoder.events().size(), events.size());
    EXPECT_EQ(heard, hid ? 0U : events.size()) << "tick " << world.world().tick();
    (hid ? told_hidden : told_seen) += static_cast<u32>(events.size());
    other.client.decoder.clear_events();
    own.client.decoder.clear_events();
  }
  EXPECT_GT(told_hidden, 4U);
  EXPECT_GT(told_seen, 4U);
}

TEST(Secrecy, spectators_see_everything) {
  MovingWorld world(100, 20, 300, 14);
  const TestFog fog(world, 3, 20, 5);
  Server server(world, {.visibility = &fog});
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, kNoPlayer, server.encoder->schema(), 14, {.streams = 4096});
  for (u32 t = 0; t < 120; ++t) {
    world.step();
    server.tick();
    client.tick(
        server.cache, {.delay_ticks = 0}, [](Bytes) {}, 12'000);
  }
  u32 held = 0;
  client.decoder.for_each([&](const StateDecoder::Entity& entity) {
    held += client.decoder.tick() - entity.tick() < 10 ? 1 : 0;
  });
  EXPECT_GE(held, world.snapshot(server.encoder->schema()).size() * 98 / 100);
}

TEST(Secrecy, without_teams_a_frame_is_the_same_to_the_last_byte) {
  struct Nothing final : world::Visibility {};
  const Nothing nothing;
  MovingWorld first(60, 10, 150, 15);
  MovingWorld second(60, 10, 150, 15);
  Server plain(first);
  Server asked(second, {.visibility = &nothing});
  for (u32 t = 0; t < 60; ++t) {
    first.step();
    second.step();
    plain.encode();
    asked.encode();
    ASSERT_TRUE(std::equal(plain.frame.begin(), plain.frame.end(), asked.frame.begin(), asked.frame.end()))
        << t;
  }
}

}  // namespace
}  // namespace drumline::broadcast::testing

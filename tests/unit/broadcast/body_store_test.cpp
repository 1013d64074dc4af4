// Decoders that share what they decode: each knows what it would know alone.
#include "broadcast/body_store.hpp"

#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

using Bytestring = std::vector<std::byte>;

/// All that a client can learn of a decoder, acknowledgements excepted.
struct Knowledge {
  u32 tick = 0, last_sequence = 0, players = 0;
  bool has_new_acks = false;
  std::map<u64, std::pair<u32, Values>> entities;  ///< by id: as of which tick, wire values
  std::vector<u64> told;                           ///< in order
  std::vector<std::array<i64, 5>> events;
  u64 malformed = 0, unusable = 0, keys = 0, evicted = 0;

  friend bool operator==(const Knowledge&, const Knowledge&) = default;
};

Knowledge knowledge_of(StateDecoder& decoder) {
  Knowledge all{.tick = decoder.tick(),
                .last_sequence = decoder.last_sequence(),
                .players = decoder.players(),
                .has_new_acks = decoder.has_new_acks(),
                .malformed = decoder.counters().malformed,
                .unusable = decoder.counters().unusable_chunks,
                .keys = decoder.counters().keys,
                .evicted = decoder.counters().evicted_streams};
  decoder.for_each([&](const StateDecoder::Entity& entity) {
    Values values;
    for (std::size_t f = 0; f < entity.table().fields.size(); ++f) values.push_back(entity.value(f));
    all.entities[entity.id().value] = {entity.tick(), values};
  });
  decoder.for_each_told(40,
                        [&](const StateDecoder::Entity& entity) { all.told.push_back(entity.id().value); });
  for (const StateEvent& event : decoder.events()) {
    all.events.push_back({event.tick, static_cast<i64>(event.source.value), event.x, event.a, event.b});
  }
  decoder.clear_events();
  return all;
}

/// A client with two decoders for the same datagrams: one on a store with others, one alone.
class Twin {
 public:
  Twin(const InterestPlan& plan, PlayerSlot player, const std::shared_ptr<BodyStore>& store,
       DecoderLimits limits = {})
      : view(plan, player), sharing(store, BattleId{1}, limits), alone(store->schema(), limits) {}

  void apply(Bytes datagram) { ASSERT_EQ(sharing.apply(datagram), alone.apply(datagram)); }
  void expect_same() { ASSERT_TRUE(knowledge_of(sharing) == knowledge_of(alone)); }
  /// What both of them want acknowledged.
  std::vector<u32> acks() {
    std::array<u32, 32> one{}, other{};
    const std::size_t count = sharing.take_acks(one);
    EXPECT_EQ(alone.take_acks(other), count);
    EXPECT_EQ(one, other);
    return {one.begin(), one.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  ClientView view;
  StateDecoder sharing, alone;
  std::multimap<u32, Bytestring> down;  ///< by the tick when they arrive
  std::multimap<u32, u32> up;
};

struct Play {
  Link link{};
  DecoderLimits limits{};
  u32 damaged_percent = 0;
  u32 restart_after = 0;  ///< of the encoder, in ticks; 0: none
};

/// Clients that come one after the other, over a link each.
void play_and_compare(const Play& play, u32 seed) {
  constexpr u32 kClients = 8, kTicks = 300;
  MovingWorld world(200, 40, 300, seed);
  auto server = std::make_unique<Server>(world);
  const InterestPlan plan{InterestSettings{}};
  BodyCounters counters;
  auto store = std::make_shared<BodyStore>(server->encoder->schema(), &counters);
  std::mt19937 random(seed);
  const auto chance = [&](u32 percent) { return random() % 100 < percent; };
  std::vector<std::unique_ptr<Twin>> twins;
  Bytestring out(1100);
  for (u32 t = 0; t < kTicks; ++t) {
    world.step();
    if (play.restart_after != 0 && t == play.restart_after)
      server = std::make_unique<Server>(world, EncoderSettings{.instance = 2});
    const world::Event event{.kind = 1,
                             .source = world.players()[t % 50],
                             .target = {},
                             .x = world::Fixed::from_int(60),
                             .y = world::Fixed::from_int(60),
                             .a = static_cast<i32>(t),
                             .b = -7};
    server->tick(std::span(&event, t % 3 == 0 ? 1 : 0));
    if (t % 10 == 0 && twins.size() < kClients)
      twins.push_back(
          std::make_unique<Twin>(plan, PlayerSlot{static_cast<u32>(twins.size()) * 3}, store, play.limits));
    for (auto& twin : twins) {
      Bytestring datagram(out.begin(),
                          out.begin() + static_cast<std::ptrdiff_t>(twin->view.assemble(server->cache, out)));
      if (chance(play.damaged_percent))
        datagram[random() % datagram.size()] ^= std::byte(1 << (random() % 8));
      const u32 late = chance(play.link.reorder_percent) ? 1 + random() % 30 : 0;
      if (!chance(play.link.loss_percent)) twin->down.emplace(t + play.link.delay_ticks + late, datagram);
      if (chance(play.link.duplicate_percent)) twin->down.emplace(t + play.link.delay_ticks + 3, datagram);
      bool heard = false;
      while (!twin->down.empty() && twin->down.begin()->first <= t) {
        twin->apply(twin->down.begin()->second);
        twin->down.erase(twin->down.begin());
        heard = true;
      }
      if (heard) twin->expect_same();
      for (const u32 ack : twin->acks()) {
        if (!chance(play.link.loss_percent)) twin->up.emplace(t + play.link.delay_ticks, ack);
      }
      while (!twin->up.empty() && twin->up.begin()->first <= t) {
        twin->view.acknowledge(twin->up.begin()->second);
        twin->up.erase(twin->up.begin());
      }
      if (::testing::Test::HasFatalFailure()) FAIL() << "in tick " << t;
    }
  }
  EXPECT_EQ(twins.size(), kClients);
  EXPECT_GT(counters.equal, counters.decoded) << "clients of one spot are told the same";
  if (play.damaged_percent == 0) {
    EXPECT_EQ(counters.different, 0U);
  }
  twins.clear();
  EXPECT_EQ(store->held(), 0U);
}

TEST(SharedBodies, decoders_know_what_they_would_know_alone) {
  play_and_compare({}, 41);
}

TEST(SharedBodies, also_when_datagrams_are_lost_late_and_doubled) {
  play_and_compare(
      {.link = {.loss_percent = 20, .delay_ticks = 3, .reorder_percent = 20, .duplicate_percent = 10}}, 42);
}

TEST(SharedBodies, also_when_the_encoder_is_made_anew) {
  play_and_compare({.link = {.loss_percent = 5, .reorder_percent = 10}, .restart_after = 150}, 43);
}

TEST(SharedBodies, also_when_streams_are_forgotten) {
  play_and_compare({.link = {.loss_percent = 5},
                    .limits = {.streams = 20, .forget_entities_ticks = 6, .forget_keys_ticks = 40}},
                   44);
}

TEST(SharedBodies, also_when_datagrams_are_damaged_for_some) {
  play_and_compare({.link = {.loss_percent = 5, .reorder_percent = 5}, .damaged_percent = 10}, 45);
}

/// Ten ticks' datagrams for one player, and where in them bits of a chunk's body lie.
struct Recorded {
  Schema schema;
  std::vector<Bytestring> datagrams;
};

Recorded record(u32 seed = 46) {
  MovingWorld world(40, 0, 100, seed);
  Server server(world);
  Recorded all{server.encoder->schema(), {}};
  const InterestPlan plan{InterestSettings{}};
  ClientView view(plan, PlayerSlot{0});
  StateDecoder decoder(all.schema);
  for (u32 t = 0; t < 10; ++t) {
    world.step(0);
    server.tick();
    Bytestring datagram(1100);
    datagram.resize(view.assemble(server.cache, datagram));
    decoder.apply(datagram);
    std::array<u32, 32> acks{};
    const std::size_t count = decoder.take_acks(acks);
    for (std::size_t i = 0; i < count; ++i) view.acknowledge(acks[i]);
    all.datagrams.push_back(std::move(datagram));
  }
  return all;
}

TEST(SharedBodies, what_differs_in_one_bit_is_found_and_told_to_him_alone_who_got_it) {
  const Recorded recorded = record();
  u32 told_otherwise = 0;
  // Each bit of the last datagram, from its first chunk on; what is then refused is not of interest.
  for (std::size_t bit = 12 * 8; bit < recorded.datagrams.back().size() * 8; ++bit) {
    BodyCounters counters;
    auto store = std::make_shared<BodyStore>(recorded.schema, &counters);
    const InterestPlan plan{InterestSettings{}};
    Twin honest(plan, PlayerSlot{0}, store), deceived(plan, PlayerSlot{0}, store);
    for (std::size_t i = 0; i + 1 < recorded.datagrams.size(); ++i) {
      honest.apply(recorded.datagrams[i]);
      deceived.apply(recorded.datagrams[i]);
    }
    ASSERT_EQ(counters.different, 0U);
    Bytestring other = recorded.datagrams.back();
    other[bit / 8] ^= std::byte(1 << (bit % 8));
    honest.apply(recorded.datagrams.back());
    deceived.apply(other);
    honest.expect_same();
    deceived.expect_same();
    if (HasFatalFailure()) FAIL() << "bit " << bit;
    const Knowledge truth = knowledge_of(honest.sharing), lie = knowledge_of(deceived.sharing);
    if (lie.malformed != 0 || lie.tick != truth.tick || lie.told != truth.told ||
        lie.entities == truth.entities)
      continue;
    ++told_otherwise;
    ASSERT_GT(counters.different, 0U) << "bit " << bit;
  }
  EXPECT_GT(told_otherwise, 1000U);
}

TEST(SharedBodies, each_is_decoded_once_and_kept_while_somebody_holds_it) {
  const Recorded recorded = record();
  BodyCounters counters;
  auto store = std::make_shared<BodyStore>(recorded.schema, &counters);
  StateDecoder first(store, BattleId{1});
  for (const Bytestring& datagram : recorded.datagrams) first.apply(datagram);
  const u64 decoded = counters.decoded;
  EXPECT_EQ(counters.equal, 0U);
  {
    StateDecoder second(store, BattleId{1});
    second.apply(recorded.datagrams.front());
    for (const Bytestring& datagram : recorded.datagrams) second.apply(datagram);
    EXPECT_EQ(knowledge_of(first).entities, knowledge_of(second).entities);
  }
  EXPECT_GT(counters.equal, 0U);
  const std::size_t held = store->held();
  EXPECT_GT(held, 0U);
  EXPECT_FALSE(knowledge_of(first).entities.empty());
  first.reset();
  EXPECT_EQ(store->held(), 0U);
  EXPECT_GE(counters.decoded, decoded);
}

TEST(SharedBodies, who_does_not_hold_the_key_frame_is_not_shown_what_others_made_of_it) {
  const Recorded recorded = record();
  auto store = std::make_shared<BodyStore>(recorded.schema);
  StateDecoder first(store, BattleId{1}), late(store, BattleId{1});
  for (const Bytestring& datagram : recorded.datagrams) first.apply(datagram);
  ASSERT_FALSE(knowledge_of(first).entities.empty());
  late.apply(recorded.datagrams.back());
  EXPECT_TRUE(knowledge_of(late).entities.empty());
  EXPECT_GT(late.counters().unusable_chunks, 0U);
}

TEST(SharedBodies, of_two_battles_are_two) {
  const Recorded one = record(46), other = record(47);
  BodyCounters counters;
  auto store = std::make_shared<BodyStore>(one.schema, &counters);
  StateDecoder first(store, BattleId{1}), second(store, BattleId{2}), alone(other.schema);
  for (std::size_t i = 0; i < one.datagrams.size(); ++i) {
    first.apply(one.datagrams[i]);
    second.apply(other.datagrams[i]);
    alone.apply(other.datagrams[i]);
  }
  EXPECT_EQ(counters.different, 0U) << "the same streams and ticks, but not of the same battle";
  EXPECT_EQ(counters.equal, 0U);
  EXPECT_TRUE(knowledge_of(second) == knowledge_of(alone));
}

TEST(SharedBodies, are_of_one_schema_and_go_with_their_last_decoder) {
  const Recorded recorded = record();
  BodyStores stores;
  auto one = stores.of(recorded.schema);
  EXPECT_EQ(stores.of(recorded.schema), one);
  Schema other = recorded.schema;
  other[0].fields[0].bits -= 1;
  EXPECT_NE(stores.of(other), one);
  EXPECT_EQ(stores.of(recorded.schema), one);
  const std::weak_ptr<BodyStore> known = one;
  one.reset();
  EXPECT_TRUE(known.expired());
}

}  // namespace
}  // namespace drumline::broadcast::testing

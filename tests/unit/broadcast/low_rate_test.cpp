// A battle whose state is sent in some ticks only.
#include <set>

#include "unit/broadcast/moving_world.hpp"

namespace drumline::broadcast::testing {
namespace {

world::Event event_at(MovingWorld& world, i32 number) {
  world::Event event;
  event.kind = 3;
  event.source = world.players().front();
  event.a = number;
  const world::TableBase& table = world.world().table(entity_table(event.source));
  for (std::size_t i = 0; i < table.column_count(); ++i) {
    const world::FieldRole role = table.fields()[i].wire.role;
    const world::Fixed value = world::Fixed::from_raw(table.value(i, entity_slot(event.source)));
    if (role == world::FieldRole::position_x) event.x = value;
    if (role == world::FieldRole::position_y) event.y = value;
  }
  return event;
}

TEST(LowRate, what_is_shown_is_true_and_every_event_is_told_whatever_the_period) {
  for (const u32 period : {2U, 3U, 7U}) {
    MovingWorld world(200, 40, 300, period);
    Server server(world, {.key_period_ticks = 96, .event_ticks = 2 * period});
    const InterestPlan plan{InterestSettings{}};
    Client client(plan, PlayerSlot{0}, server.encoder->schema(), period);
    std::map<u32, Snapshot> history;
    std::set<i32> told;
    i32 number = 0;
    for (u32 t = 1; t <= 600; ++t) {
      world.step();
      const u32 tick = static_cast<u32>(world.world().tick());
      const world::Event event = event_at(world, ++number);
      if (t % period != 0) {
        server.encoder->skip(world.world(), std::span(&event, 1));
        continue;
      }
      server.tick(std::span(&event, 1));
      history[tick] = world.snapshot(server.encoder->schema());
      history.erase(tick - 150 / period * period);
      client.tick(server.cache, {.delay_ticks = 0}, [&](Bytes) {
        expect_true(client.decoder, history);
        for (const StateEvent& heard : client.decoder.events()) told.insert(heard.a);
      });
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(server.encoder->counters().dropped_events, 0U);
    // But for the last ticks, which were not sent, and the first, before a key frame was held.
    EXPECT_GE(told.size() + 2 * period, static_cast<std::size_t>(number)) << "period " << period;
    EXPECT_GT(server.encoder->counters().keys, server.encoder->open_streams()) << "key frames are renewed";
  }
}

TEST(LowRate, a_frame_without_state_carries_messages_and_the_tick_and_changes_nothing_else) {
  MovingWorld world(50, 10, 100, 1);
  Server server(world);
  const InterestPlan plan{InterestSettings{}};
  Client client(plan, PlayerSlot{2}, server.encoder->schema(), 1);
  const auto send = [&] { client.tick(server.cache, {.delay_ticks = 0}, [](Bytes) {}); };
  for (int i = 0; i < 20; ++i) {
    world.step();
    server.tick();
    send();
  }
  ASSERT_TRUE(server.cache.has_state());
  world.step();
  ASSERT_TRUE(server.messages.add(SessionId{5}, as_bytes(std::string_view("told"))));
  server.encode_without_state({}, as_bytes(std::string_view("inputs")));
  EXPECT_FALSE(server.cache.has_state());
  EXPECT_EQ(server.cache.tick(), world.world().tick());
  EXPECT_EQ(as_text(server.cache.tick_payload()), "inputs");
  std::string heard;
  server.cache.for_each_message([&](SessionId to, Bytes message) {
    EXPECT_EQ(to, SessionId{5});
    heard = as_text(message);
  });
  EXPECT_EQ(heard, "told");
  std::vector<std::byte> datagram(1100);
  EXPECT_EQ(client.view.assemble(server.cache, datagram), 0U) << "there is nothing to show";
  EXPECT_FALSE(server.cache.take_full_request()) << "nothing was missed";

  world.step();
  server.tick();
  EXPECT_FALSE(server.cache.take_full_request());
  send();
  StateDecoder::Entity self;
  ASSERT_TRUE(client.decoder.find(world.players()[2], self));
  EXPECT_EQ(self.tick(), world.world().tick());
}

TEST(LowRate, a_frame_that_was_missed_is_noticed) {
  MovingWorld world(50, 10, 100, 1);
  Server server(world);
  for (int i = 0; i < 5; ++i) {
    world.step();
    server.tick();
  }
  EXPECT_FALSE(server.cache.take_full_request());
  world.step();
  server.encode();  // and lost
  for (int i = 0; i < 20; ++i) {
    world.step();
    server.encode();
    ASSERT_TRUE(server.cache.absorb(server.frame).ok());
    if (server.cache.take_full_request()) return;
  }
  ADD_FAILURE() << "nobody asked for what was missed";
}

}  // namespace
}  // namespace drumline::broadcast::testing

// A frame sync client over a simulated way: what the player sees of his own doing, and when.
#include "prediction/frame_sync_client.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "arena/own_movement.hpp"
#include "support/arena_over_link.hpp"

namespace drumline::prediction {
namespace {

using arena::OwnMovement;
using testing::ArenaOverLink;
using testing::Link;
using world::Fixed;
using world::Vector;

TimeNs ns(i64 ms) {
  return ms * kMillisecondNs;
}

/// The client, the battle and the way between them, millisecond by millisecond.
class Session {
 public:
  explicit Session(const Link& link, std::optional<u64> round_trip_ms = {})
      : round_trip_ms_(round_trip_ms.value_or(2 * link.way_ms + link.jitter_ms)),
        battle_(link, 3),
        model_(OwnMovement::make("", arena::decode_map_description(battle_.map_description()).value(),
                                 battle_.map_side())
                   .value()),
        client(model_) {}

  void pass(i64 ms) {
    for (const i64 end = now_ms + ms; now_ms < end;) {
      ++now_ms;
      if (now_ms % 16 == 0) battle_.step(now_ms);
      if (now_ms % 250 == 0) {
        client.on_round_trip(ns(static_cast<i64>(round_trip_ms_)), ns(now_ms));
      }
      while (const auto state = battle_.receive(now_ms)) {
        client.on_frame(state->tick, state->last_sequence, ns(now_ms));
        client.on_self(state->tick, state->last_sequence, state->seen, ns(now_ms));
      }
    }
  }
  void give(world::Action action, i32 x, i32 y) {
    world::Command command = battle_.any_command(++sequence);
    command.action = action;
    command.x = x;
    command.y = y;
    command = client.issue(command, ns(now_ms));
    battle_.send(command, now_ms);
  }
  Vector look() {
    client.advance(ns(now_ms));
    return client.shown_self(ns(now_ms));
  }

 private:
  u64 round_trip_ms_;
  ArenaOverLink battle_;
  OwnMovement model_;

 public:
  FrameSyncClient<OwnMovement> client;
  i64 now_ms = 0;
  u32 sequence = 0;
};

TEST(frame_sync_client, a_command_shows_within_a_millisecond_however_long_the_way) {
  Session session({.way_ms = 150, .jitter_ms = 30, .lost_states_percent = 10, .lost_commands_percent = 10});
  session.pass(3'000);
  ASSERT_TRUE(session.client.running());
  for (int i = 0; i < 20; ++i) {
    session.give(world::Action::move, 0, 0);
    session.pass(700 + 7 * i);
    const Vector before = session.look();
    session.pass(1);
    EXPECT_LT(world::length(session.look() - before), Fixed::from_ratio(1, 100)) << "stands still";
    session.give(world::Action::move, i % 2 == 0 ? 23'000 : -23'000, 0);
    session.pass(1);
    EXPECT_NE(session.look().x.raw, before.x.raw) << i;
    session.pass(300);
  }
}

TEST(frame_sync_client, walking_is_even_between_ticks) {
  Session session({.way_ms = 40});
  session.pass(1'000);
  session.give(world::Action::move, 16'000, 0);
  session.pass(32);
  Vector before = session.look();
  int still = 0;
  for (int ms = 0; ms < 200; ++ms) {
    session.pass(1);
    const Vector now = session.look();
    // Half of 6 units a second are 3/1000 a millisecond; a correction adds the fraction that is not sent.
    EXPECT_LE(world::length(now - before), Fixed::from_ratio(6, 1000)) << ms;
    still += now == before;
    before = now;
  }
  EXPECT_LE(still, 4);
}

TEST(frame_sync_client, commands_that_come_late_lengthen_the_delay_until_they_are_rare) {
  // As where the way up is much longer than an answer to a Ping takes.
  Session session({.way_ms = 60}, 10);
  session.pass(1'000);
  const auto act = [&](int times) {
    for (int i = 0; i < times; ++i) {
      session.give(world::Action::move, i % 2 == 0 ? 9'000 : -9'000, 0);
      session.pass(100);
    }
  };
  act(50);
  const u64 late = session.client.late_commands();
  EXPECT_GT(late, 0U);
  act(600);
  // Now and then a shorter delay is tried, ever more seldom.
  EXPECT_LT(session.client.late_commands() - late, 20U);
}

TEST(frame_sync_client, a_refused_command_is_neither_late_nor_shown) {
  Session session({.way_ms = 20});
  session.pass(1'000);
  session.give(world::Action::move, 20'000, 0);
  session.client.on_refused(session.sequence);
  const Vector before = session.look();
  session.pass(15);
  EXPECT_EQ(session.look(), before);
}

}  // namespace
}  // namespace drumline::prediction

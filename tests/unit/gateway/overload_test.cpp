// What a gateway shard gives up on each rung of the overload ladder.
#include <algorithm>

#include "gateway_stage.hpp"

namespace drumline::gateway {
namespace {

using testing::FakeSession;
using transport::CloseCode;
using Kind = battle::Inbound::Kind;

class Overload : public testing::GatewayStage {
 protected:
  Overload() { add_battle(1, 8); }
  static wire::Hello to_battle(std::vector<std::byte> token = {}) {
    wire::Hello hello;
    hello.battle = BattleId{1};
    hello.reconnect_token = std::move(token);
    return hello;
  }
  /// It says Hello and is seated.
  void play(FakeSession& session, u32 player, std::vector<std::byte> token = {}) {
    hello(session, to_battle(std::move(token)));
    SessionId id;
    ring_.consume(ring_.capacity(), [&](const battle::Inbound& inbound) { id = inbound.session; });
    ASSERT_NE(id, SessionId{});
    frame(BattleId{1}, id, {battle::SeatGranted{PlayerSlot{player}, make_entity_id(0, 1, player), 1, false}});
    ASSERT_NE(session.heard<wire::Welcome>(), nullptr);
  }
  void seat_four() {
    for (u32 i = 0; i < 4; ++i) play(four_[i], i);
  }
  /// How many datagrams each of the four was sent since the last call.
  std::array<std::size_t, 4> sent() {
    std::array<std::size_t, 4> counts{};
    for (u32 i = 0; i < 4; ++i) counts[i] = std::exchange(four_[i].datagrams, {}).size();
    return counts;
  }
  void stand_on(battle::Rung rung) {
    overload_.rung.store(rung);
    frame(BattleId{1}, {}, {});
  }
  /// A frame of the battle that shows state, be it of no entity: players by how calm it is around them.
  void state_frame(bool outdated = false, std::array<u8, 4> calm = {}) {
    constexpr std::size_t kPlaces = 4 * sizeof(broadcast::PlayerPlace);
    broadcast::BattleFrameHeader head;
    head.battle = 1;
    head.tick = ++tick_;
    head.columns = head.rows = 1;
    head.instance = 1;
    head.stream_limit = 1;
    head.place_count = 4;
    alignas(8) std::array<std::byte, sizeof head + kPlaces> memory;
    head.size = sizeof memory;
    std::memcpy(memory.data(), &head, sizeof head);
    for (u32 i = 0; i < 4; ++i) {
      broadcast::PlayerPlace place;
      place.calm = calm[i];
      std::memcpy(memory.data() + sizeof head + i * sizeof place, &place, sizeof place);
    }
    shard_->deliver(memory, outdated);
  }

  std::array<FakeSession, 4> four_;
};

TEST_F(Overload, nobody_new_is_let_in_and_who_had_a_seat_comes_back) {
  FakeSession before;
  play(before, 0);
  const std::vector<std::byte> token = before.heard<wire::Welcome>()->reconnect_token;
  shard_->on_close(before, CloseCode::idle, "");
  overload_.retry_after_ms = 1234;
  stand_on(battle::Rung::no_joins);

  FakeSession newcomer;
  hello(newcomer, to_battle());
  EXPECT_EQ(newcomer.closed, CloseCode::overloaded);
  ASSERT_NE(newcomer.heard<wire::Refused>(), nullptr);
  EXPECT_EQ(newcomer.heard<wire::Refused>()->retry_after_ms, 1234U);
  EXPECT_EQ(newcomer.heard<wire::Goodbye>()->retry_after_ms, 1234U);
  wire::Hello watching = to_battle();
  watching.seat = wire::SeatKind::spectator;
  FakeSession spectator;
  hello(spectator, watching);
  EXPECT_EQ(spectator.closed, CloseCode::overloaded);
  EXPECT_EQ(shard_->counters().hellos_refused_overloaded.value(), 2U);

  FakeSession after;
  play(after, 0, token);
  EXPECT_FALSE(after.closed);

  stand_on(battle::Rung::smaller_interest);
  FakeSession later;
  play(later, 1);
  EXPECT_FALSE(later.closed);
}

TEST_F(Overload, a_rung_that_is_not_allowed_has_no_effect_when_one_above_it_is_reached) {
  overload_.allowed[static_cast<u8>(battle::Rung::no_joins)] = false;
  stand_on(battle::Rung::dilation);
  FakeSession newcomer;
  play(newcomer, 0);
  EXPECT_FALSE(newcomer.closed);
}

TEST_F(Overload, with_smaller_interest_players_take_turns_at_being_sent_to) {
  seat_four();
  for (int i = 0; i < 8; ++i) state_frame();
  EXPECT_EQ(sent(), (std::array<std::size_t, 4>{8, 8, 8, 8}));
  stand_on(battle::Rung::smaller_interest);
  state_frame();
  sent();
  for (int i = 0; i < 8; ++i) {
    state_frame();
    const auto now = sent();
    EXPECT_EQ(std::count(now.begin(), now.end(), 1U), 2) << "half of them in each tick";
  }
  stand_on(battle::Rung::normal);
  state_frame();
  sent();
  for (int i = 0; i < 8; ++i) state_frame();
  EXPECT_EQ(sent(), (std::array<std::size_t, 4>{8, 8, 8, 8}));
}

TEST_F(Overload, with_lower_tiers_those_with_nobody_near_are_sent_to_less_often_until_somebody_comes) {
  seat_four();
  constexpr std::array<u8, 4> kCalm{0, 1, 2, 2};
  for (int i = 0; i < 8; ++i) state_frame(false, kCalm);
  EXPECT_EQ(sent(), (std::array<std::size_t, 4>{8, 8, 8, 8})) << "each time, when there is time";
  stand_on(battle::Rung::lower_tiers);
  for (int i = 0; i < 8; ++i) state_frame(false, kCalm);
  sent();
  for (int i = 0; i < 32; ++i) state_frame(false, kCalm);
  EXPECT_EQ(sent(), (std::array<std::size_t, 4>{32, 16, 8, 8}));
  // Wherever in his turns somebody comes near: he is sent to at once, and each time from then on.
  for (int wait = 0; wait < 4; ++wait) {
    for (int i = 0; i < 4 + wait; ++i) state_frame(false, kCalm);
    sent();
    state_frame(false, {0, 0, 0, 0});
    state_frame(false, {0, 0, 0, 0});
    EXPECT_EQ(sent()[2], 2U);
  }
}

TEST_F(Overload, of_a_backlog_of_frames_clients_are_sent_the_newest) {
  FakeSession session;
  play(session, 0);
  state_frame();
  session.datagrams.clear();
  for (int i = 0; i < 5; ++i) state_frame(true);
  EXPECT_TRUE(session.datagrams.empty());
  EXPECT_EQ(shard_->counters().client_frames_skipped.value(), 5U);
  state_frame();
  EXPECT_EQ(session.datagrams.size(), 1U);
}

TEST_F(Overload, all_are_told_the_pace_and_newcomers_after_their_welcome) {
  FakeSession early;
  play(early, 0);
  EXPECT_EQ(early.heard<wire::Pace>(), nullptr);
  frame(BattleId{1}, {}, {battle::PaceChange{150}});
  const Tick changed = tick_;
  ASSERT_NE(early.heard<wire::Pace>(), nullptr);
  EXPECT_EQ(early.heard<wire::Pace>()->percent, 150U);
  EXPECT_EQ(early.heard<wire::Pace>()->tick, changed);

  FakeSession late;
  play(late, 1);
  ASSERT_NE(late.heard<wire::Pace>(), nullptr);
  EXPECT_EQ(late.heard<wire::Pace>()->percent, 150U);

  frame(BattleId{1}, {}, {battle::PaceChange{100}});
  EXPECT_EQ(early.heard_last<wire::Pace>()->percent, 100U);
  FakeSession last;
  play(last, 2);
  EXPECT_EQ(last.heard<wire::Pace>(), nullptr);
}

}  // namespace
}  // namespace drumline::gateway

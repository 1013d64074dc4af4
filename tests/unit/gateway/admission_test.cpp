// Who gets into which battle, seen from a gateway shard without any transport or battle
// thread.
#include <map>

#include "gateway_stage.hpp"

namespace drumline::gateway {
namespace {

using testing::FakeSession;
using transport::CloseCode;

class Admission : public testing::GatewayStage {};

using Kind = battle::Inbound::Kind;

TEST_F(Admission, a_player_asks_the_oldest_battle_with_room_and_holds_a_claim_until_it_answers) {
  const auto full = add_battle(1, 1);
  full->seated.store(1);
  const auto free = add_battle(2, 2);
  FakeSession session;
  hello(session, {});
  EXPECT_EQ(next_inbound(), std::pair(Kind::join, BattleId{2}));
  EXPECT_EQ(free->claimed.load(), 1u);
  shard_->on_close(session, CloseCode::none, "");
  EXPECT_EQ(free->claimed.load(), 0u);
}

TEST_F(Admission, claims_keep_more_players_from_one_battle_than_it_has_seats) {
  add_battle(1, 2);
  add_battle(2, 2);
  std::array<FakeSession, 4> sessions;
  for (FakeSession& session : sessions) hello(session, {});
  std::map<u64, int> asked;
  while (const auto inbound = next_inbound()) ++asked[inbound->second.value];
  EXPECT_EQ(asked, (std::map<u64, int>{{1, 2}, {2, 2}}));
}

TEST_F(Admission, who_finds_no_seat_waits_for_a_battle_to_be_made) {
  FakeSession session;
  hello(session, {});
  EXPECT_EQ(wanted_, 1);
  EXPECT_EQ(next_inbound(), std::nullopt);
  shard_->on_battles_changed();
  add_battle(3, 2);
  shard_->on_battles_changed();
  EXPECT_EQ(next_inbound(), std::pair(Kind::join, BattleId{3}));
  EXPECT_FALSE(session.closed);
}

TEST_F(Admission, who_waits_in_vain_is_told_so) {
  FakeSession session;
  hello(session, {});
  clock_.advance(6 * kSecondNs);
  shard_->on_timer(clock_.now());
  ASSERT_TRUE(session.closed);
  EXPECT_EQ(*session.closed, CloseCode::idle);
}

TEST_F(Admission, no_further_battle_and_no_such_game_are_told_at_once) {
  answer_ = Error{ErrorCode::exhausted, "every seat is taken"};
  FakeSession session, player;
  hello(session, {});
  EXPECT_EQ(session.closed, CloseCode::battle_full);
  wire::Hello chess;
  chess.game = "chess";
  hello(player, chess);
  EXPECT_EQ(player.closed, CloseCode::no_such_battle);
}

TEST_F(Admission, another_simulation_or_rules_are_refused_with_both_named) {
  add_battle(1, 2);
  FakeSession session, other;
  wire::Hello wrong_build;
  wrong_build.simulation_id = "sim-0";
  hello(session, wrong_build);
  EXPECT_EQ(session.closed, CloseCode::version);
  ASSERT_NE(session.heard<wire::Refused>(), nullptr);
  EXPECT_NE(session.heard<wire::Refused>()->reason.find("sim-0"), std::string::npos);
  EXPECT_NE(session.heard<wire::Refused>()->reason.find("sim-1"), std::string::npos);
  wire::Hello wrong_rules;
  wrong_rules.rules_hash = 6;
  hello(other, wrong_rules);
  EXPECT_EQ(other.closed, CloseCode::version);
}

TEST_F(Admission, a_player_may_not_choose_his_model_and_a_spectator_may) {
  add_battle(1, 2);
  FakeSession player, spectator;
  wire::Hello wish;
  wish.model = world::SyncModel::lockstep;
  hello(player, wish);
  EXPECT_EQ(player.closed, CloseCode::version);
  wish.seat = wire::SeatKind::spectator;
  hello(spectator, wish);
  ASSERT_NE(spectator.heard<wire::Welcome>(), nullptr);
  EXPECT_EQ(spectator.heard<wire::Welcome>()->model, world::SyncModel::lockstep);
  EXPECT_EQ(next_inbound(), std::pair(Kind::watch, BattleId{1}));
  shard_->on_close(spectator, CloseCode::none, "");
  EXPECT_EQ(next_inbound(), std::pair(Kind::unwatch, BattleId{1}));
}

TEST_F(Admission, a_token_for_one_battle_admits_to_no_other) {
  add_battle(7, 2);
  add_battle(8, 2);
  FakeSession other, any, spectator;
  other.who.battle = any.who.battle = spectator.who.battle = BattleId{7};
  wire::Hello eight;
  eight.battle = BattleId{8};
  hello(other, eight);
  EXPECT_EQ(other.closed, CloseCode::unauthenticated);
  EXPECT_EQ(other.reason, "the access token admits to battle 7 only, not to battle 8");
  EXPECT_EQ(next_inbound(), std::nullopt);
  eight.seat = wire::SeatKind::spectator;
  hello(spectator, eight);
  EXPECT_EQ(spectator.closed, CloseCode::unauthenticated);
  hello(any, {});
  EXPECT_EQ(next_inbound(), std::pair(Kind::join, BattleId{7}));
}

TEST_F(Admission, a_token_for_a_battle_that_does_not_run_waits_for_no_other) {
  add_battle(8, 2);
  FakeSession session;
  session.who.battle = BattleId{7};
  hello(session, {});
  EXPECT_EQ(session.closed, CloseCode::no_such_battle);
  EXPECT_EQ(next_inbound(), std::nullopt);
}

TEST_F(Admission, a_reconnect_ticket_is_of_one_battle_and_under_the_tokens_claim) {
  add_battle(7, 2);
  add_battle(8, 2);
  FakeSession another, claimed, good;
  wire::Hello resume;
  resume.reconnect_token = tickets_.seal({BattleId{8}, PlayerSlot{0}, 1, 7, 1'700'000'600});
  resume.battle = BattleId{7};
  hello(another, resume);
  EXPECT_EQ(another.closed, CloseCode::unauthenticated);
  EXPECT_EQ(another.reason, "the reconnect token is of battle 8, the Hello asks for battle 7");
  resume.battle = {};
  claimed.who.battle = BattleId{7};
  hello(claimed, resume);
  EXPECT_EQ(claimed.closed, CloseCode::unauthenticated);
  EXPECT_EQ(claimed.reason, "the access token admits to battle 7 only, not to battle 8");
  EXPECT_EQ(next_inbound(), std::nullopt);
  good.who.battle = BattleId{8};
  hello(good, resume);
  EXPECT_EQ(next_inbound(), std::pair(Kind::resume, BattleId{8}));
}

TEST_F(Admission, a_desync_is_recorded_with_the_clients_state_and_the_state_is_asked_for_anew) {
  add_battle(1, 2);
  FakeSession session;
  wire::Hello watch;
  watch.seat = wire::SeatKind::spectator;
  watch.model = world::SyncModel::lockstep;
  hello(session, watch);
  next_inbound();  // watch
  say(session, wire::Desync{40, 111, 222});
  EXPECT_EQ(next_inbound(), std::pair(Kind::resend_state, BattleId{1}));
  EXPECT_TRUE(desyncs_.empty());
  say(session, wire::StatePart{40, 5, 0, std::vector<std::byte>(3, std::byte{1})});
  say(session, wire::StatePart{40, 5, 3, std::vector<std::byte>(2, std::byte{2})});
  ASSERT_EQ(desyncs_.size(), 1u);
  EXPECT_EQ(desyncs_[0].tick, 40u);
  EXPECT_EQ(desyncs_[0].hash, 111u);
  EXPECT_EQ(desyncs_[0].expected, 222u);
  EXPECT_EQ(desyncs_[0].state.size(), 5u);
  // Again and again is not recorded again and again.
  for (int i = 0; i < 50; ++i) say(session, wire::Desync{41, 111, 222});
  EXPECT_EQ(next_inbound(), std::nullopt);
  EXPECT_EQ(shard_->counters().desyncs.value(), 51u);
}

TEST_F(Admission, a_desync_without_a_state_is_recorded_after_a_while) {
  add_battle(1, 2);
  FakeSession session;
  wire::Hello watch;
  watch.seat = wire::SeatKind::spectator;
  watch.model = world::SyncModel::lockstep;
  hello(session, watch);
  say(session, wire::Desync{40, 111, 222});
  clock_.advance(6 * kSecondNs);
  shard_->on_timer(clock_.now());
  ASSERT_EQ(desyncs_.size(), 1u);
  EXPECT_TRUE(desyncs_[0].state.empty());
  EXPECT_FALSE(session.closed);
}

}  // namespace
}  // namespace drumline::gateway

// What a client says before its handshake is complete is answered, and changes nothing.
#include "gateway_stage.hpp"

namespace drumline::gateway {
namespace {

using testing::FakeSession;
using transport::CloseCode;

class Early : public testing::GatewayStage {
 protected:
  static constexpr BattleId kBattle{1};
  static constexpr PlayerSlot kSeat{3};

  Early() { entry_ = add_battle(kBattle.value, 8); }

  std::vector<std::byte> token(u64 account = 7, PlayerSlot seat = kSeat) {
    return tickets_.seal({kBattle, seat, 1, account, clock_.wall_now() / kSecondNs + 600});
  }
  wire::Hello returning(std::vector<std::byte> with) {
    wire::Hello hello;
    hello.reconnect_token = std::move(with);
    hello.keeps_session = true;
    return hello;
  }
  void say_early(FakeSession& session, const wire::ClientMessage& message) {
    std::vector<std::byte> bytes;
    wire::encode_message(message, bytes);
    shard_->on_early(session, bytes);
  }
  battle::BattleDirectory::Entry entry_;
};

TEST_F(Early, a_ping_is_answered) {
  FakeSession session;
  say_early(session, wire::Ping{77});
  ASSERT_NE(session.heard<wire::Pong>(), nullptr);
  EXPECT_EQ(session.heard<wire::Pong>()->nonce, 77U);
  EXPECT_FALSE(next_inbound());
}

TEST_F(Early, a_seat_s_token_shows_what_the_seat_sees_and_takes_it_only_when_the_peer_is_proven) {
  FakeSession session;
  say_early(session, returning(token()));
  const auto* sight = session.heard<wire::Welcome>();
  ASSERT_NE(sight, nullptr);
  EXPECT_TRUE(sight->early);
  EXPECT_EQ(sight->player, kNoPlayer);
  EXPECT_TRUE(sight->reconnect_token.empty());
  EXPECT_EQ(session.heard<wire::Roster>(), nullptr);
  EXPECT_FALSE(next_inbound()) << "the battle hears nothing of it";
  EXPECT_EQ(shard_->counters().early_sights.value(), 1U);

  shard_->on_open(session);
  EXPECT_FALSE(next_inbound());
  say(session, returning(token()));
  const auto asked = next_inbound();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->first, battle::Inbound::Kind::resume);
  EXPECT_EQ(shard_->counters().sessions_opened.value(), 1U);
  EXPECT_EQ(shard_->counters().spectators.value(), 0);
}

TEST_F(Early, whoever_sits_there_stays) {
  FakeSession player;
  hello(player, wire::Hello{});
  SessionId id;
  ring_.consume(1, [&](const battle::Inbound& inbound) { id = inbound.session; });
  frame(kBattle, id, {battle::SeatGranted{kSeat, EntityId{9}, 1, false}});
  ASSERT_NE(player.heard<wire::Welcome>(), nullptr);
  FakeSession copy;
  say_early(copy, returning(player.heard<wire::Welcome>()->reconnect_token));
  EXPECT_NE(copy.heard<wire::Welcome>(), nullptr);
  EXPECT_FALSE(player.closed);
  EXPECT_FALSE(next_inbound());
  // Its handshake comes to nothing.
  shard_->on_close(copy, CloseCode::idle, "");
  EXPECT_FALSE(next_inbound());
  EXPECT_EQ(shard_->counters().sessions.value(), 1);
  EXPECT_EQ(shard_->counters().spectators.value(), 0);
}

TEST_F(Early, nothing_else_is_listened_to) {
  FakeSession joining;
  say_early(joining, wire::Hello{});
  FakeSession another;
  say_early(another, returning(token(8)));
  FakeSession forger;
  say_early(forger, returning(std::vector<std::byte>(auth::kTicketBytes)));
  FakeSession leaving;
  say_early(leaving, returning(token()));
  say_early(leaving, wire::Leave{});
  FakeSession nonsense;
  shard_->on_early(nonsense, std::vector<std::byte>(100, std::byte{0xFF}));
  for (const FakeSession* session : {&joining, &another, &forger, &nonsense}) {
    EXPECT_TRUE(session->said.empty());
    EXPECT_FALSE(session->closed);
  }
  EXPECT_FALSE(leaving.closed);
  EXPECT_FALSE(next_inbound());
  EXPECT_EQ(wanted_, 0) << "no battle is made for it";
  // Proven, each hears what is wrong.
  shard_->on_open(forger);
  say(forger, returning(std::vector<std::byte>(auth::kTicketBytes)));
  EXPECT_NE(forger.heard<wire::Refused>(), nullptr);
}

TEST_F(Early, nothing_is_shown_of_a_battle_that_is_over_or_when_nobody_new_is_let_in) {
  overload_.allowed[static_cast<u8>(battle::Rung::no_joins)] = true;
  overload_.rung.store(battle::Rung::no_joins);
  frame(kBattle, SessionId{}, {});
  FakeSession late;
  say_early(late, returning(token()));
  EXPECT_EQ(late.heard<wire::Welcome>(), nullptr);
  overload_.rung.store(battle::Rung::normal);
  frame(kBattle, SessionId{}, {});
  entry_->open.store(false);
  FakeSession later;
  say_early(later, returning(token()));
  EXPECT_EQ(later.heard<wire::Welcome>(), nullptr);
}

}  // namespace
}  // namespace drumline::gateway

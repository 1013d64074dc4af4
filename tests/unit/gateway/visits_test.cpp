// One session and the battles that it goes through.
#include "gateway_stage.hpp"
#include "wire/command.hpp"

namespace drumline::gateway {
namespace {

using testing::FakeSession;
using transport::CloseCode;
using Kind = battle::Inbound::Kind;

class Visits : public testing::GatewayStage {
 protected:
  static wire::Hello keeping(BattleId battle = {}) {
    wire::Hello hello;
    hello.battle = battle;
    hello.keeps_session = true;
    return hello;
  }
  static wire::Hello watching(BattleId battle, bool keeps = true) {
    wire::Hello hello = keeping(battle);
    hello.keeps_session = keeps;
    hello.seat = wire::SeatKind::spectator;
    hello.model = world::SyncModel::lockstep;
    return hello;
  }
  /// The only session's id: of the newest entry in the ring, which is emptied.
  SessionId take_inbound(std::vector<std::pair<Kind, BattleId>>* kinds = nullptr) {
    SessionId session;
    ring_.consume(ring_.capacity(), [&](const battle::Inbound& inbound) {
      session = inbound.session;
      if (kinds != nullptr) kinds->emplace_back(inbound.kind, inbound.battle);
    });
    return session;
  }
  /// Says Hello and is seated.
  SessionId play(FakeSession& session, BattleId battle, bool first = true) {
    if (first)
      hello(session, keeping(battle));
    else
      say(session, keeping(battle));
    const SessionId id = take_inbound();
    frame(battle, id, {battle::SeatGranted{PlayerSlot{0}, make_entity_id(0, 1, 0), 1, false}});
    return id;
  }
  void act(FakeSession& session, u32 sequence, u8 visit, const wire::SyncAck& sync = {}) {
    world::Command command;
    command.sequence = sequence;
    command.action = sequence == 0 ? world::Action::none : world::Action::move;
    std::array<std::byte, wire::kMaxCommandFrameBytes> memory;
    const std::size_t size = wire::encode_command(command, {}, memory, sync, visit);
    shard_->on_datagram(session, Bytes(memory).first(size));
  }
  void pass(i64 ns) {
    clock_.advance(ns);
    shard_->on_timer(clock_.now());
  }
};

TEST_F(Visits, a_session_ends_when_its_certificate_is_revoked_and_others_stay) {
  add_battle(1, 4);
  FakeSession thief, honest, browser;
  thief.who.certificate = 5;
  honest.who.certificate = 6;
  honest.who.account = 8;
  browser.who.account = 9;
  play(thief, BattleId{1});
  play(honest, BattleId{1});
  play(browser, BattleId{1});
  revocations_ = std::make_shared<const transport::Revocations>(std::vector<u64>{9, 5, 1});
  std::vector<std::pair<Kind, BattleId>> kinds;
  take_inbound(&kinds);
  kinds.clear();
  pass(kSecondNs);
  EXPECT_EQ(thief.closed, CloseCode::unauthenticated);
  EXPECT_EQ(thief.reason, "the certificate is revoked");
  ASSERT_NE(thief.heard<wire::Goodbye>(), nullptr);
  EXPECT_EQ(thief.heard<wire::Goodbye>()->reason, thief.reason);
  take_inbound(&kinds);
  EXPECT_EQ(kinds, (std::vector<std::pair<Kind, BattleId>>{{Kind::drop, BattleId{1}}}))
      << "his seat is kept for a while";
  EXPECT_FALSE(honest.closed.has_value());
  EXPECT_FALSE(browser.closed.has_value()) << "it has shown none";
  EXPECT_EQ(shard_->counters().closed_revoked.value(), 1U);

  // A handshake that was under way meanwhile.
  FakeSession late;
  late.who.certificate = 9;
  shard_->on_open(late);
  EXPECT_EQ(late.closed, CloseCode::unauthenticated);
  EXPECT_EQ(shard_->counters().sessions.value(), 3);
}

TEST_F(Visits, when_its_battle_is_over_a_session_goes_on_to_the_next_one_and_starts_from_nothing) {
  add_battle(1, 2)->end.store(wire::EndCause::failed);
  add_battle(2, 2);
  FakeSession session;
  play(session, BattleId{1});
  EXPECT_EQ(session.heard<wire::Welcome>()->visit, 0);
  act(session, 57, 0);
  EXPECT_EQ(next_inbound(), std::pair(Kind::command, BattleId{1}));

  frame(BattleId{1}, {}, {}, true);
  ASSERT_NE(session.heard<wire::BattleOver>(), nullptr);
  EXPECT_EQ(session.heard<wire::BattleOver>()->battle, BattleId{1});
  EXPECT_EQ(session.heard<wire::BattleOver>()->visit, 0);
  EXPECT_EQ(session.heard<wire::BattleOver>()->cause, wire::EndCause::failed);
  EXPECT_FALSE(session.closed);
  EXPECT_EQ(shard_->counters().players.value(), 0);

  play(session, BattleId{2}, false);
  ASSERT_EQ(session.heard_last<wire::Welcome>()->battle, BattleId{2});
  EXPECT_EQ(session.heard_last<wire::Welcome>()->visit, 1);
  act(session, 58, 0);  // comes late, of the old battle
  EXPECT_EQ(next_inbound(), std::nullopt);
  EXPECT_EQ(shard_->counters().commands_stale.value(), 1u);
  act(session, 1, 1);
  EXPECT_EQ(next_inbound(), std::pair(Kind::command, BattleId{2}));
  EXPECT_EQ(shard_->counters().visits.value(), 1u);
  EXPECT_EQ(shard_->counters().players.value(), 1);
}

TEST_F(Visits, the_scores_are_told_on_joining_and_when_they_have_changed) {
  add_battle(1, 2);
  FakeSession early;
  play(early, BattleId{1});
  EXPECT_EQ(early.heard<wire::Scoreboard>(), nullptr);
  battle::ScoreboardNotice board;
  board.count = 1;
  board.entries[0] = {PlayerSlot{0}, 3};
  const auto times_told = [](const FakeSession& session) {
    return std::ranges::count_if(session.said, [](const wire::ServerMessage& message) {
      return std::holds_alternative<wire::Scoreboard>(message);
    });
  };
  for (int i = 0; i < 3; ++i) frame(BattleId{1}, {}, {board});
  EXPECT_EQ(times_told(early), 1);

  FakeSession late;
  hello(late, watching(BattleId{1}));
  ASSERT_EQ(times_told(late), 1);
  EXPECT_EQ(late.heard<wire::Scoreboard>()->entries, (std::vector<wire::ScoreEntry>{{PlayerSlot{0}, 3}}));
  board.entries[0].score = 4;
  frame(BattleId{1}, {}, {board});
  EXPECT_EQ(times_told(early), 2);
  EXPECT_EQ(late.heard_last<wire::Scoreboard>()->entries.at(0).score, 4);
}

TEST_F(Visits, a_session_that_does_not_ask_for_it_ends_with_its_battle) {
  add_battle(1, 2);
  FakeSession session;
  hello(session, watching(BattleId{1}, false));
  frame(BattleId{1}, {}, {}, true);
  EXPECT_EQ(session.closed, CloseCode::battle_over);
  EXPECT_EQ(session.heard<wire::BattleOver>(), nullptr);
}

TEST_F(Visits, a_hello_from_within_a_battle_leaves_it_first) {
  add_battle(1, 2);
  add_battle(2, 2);
  FakeSession session;
  play(session, BattleId{1});
  say(session, keeping(BattleId{2}));
  std::vector<std::pair<Kind, BattleId>> kinds;
  const SessionId id = take_inbound(&kinds);
  EXPECT_EQ(kinds, (std::vector{std::pair(Kind::leave, BattleId{1}), std::pair(Kind::join, BattleId{2})}));
  // The old battle's frames are not for it any more, nor is its end.
  frame(BattleId{1}, {}, {}, true);
  EXPECT_EQ(session.heard<wire::BattleOver>(), nullptr);
  frame(BattleId{2}, id, {battle::SeatGranted{PlayerSlot{1}, make_entity_id(0, 1, 1), 1, false}});
  EXPECT_EQ(session.heard_last<wire::Welcome>()->visit, 1);
}

TEST_F(Visits, a_refused_hello_keeps_the_session_and_a_battle_that_is_over_refuses_at_once) {
  const auto over = add_battle(1, 2);
  over->open.store(false);
  FakeSession session;
  hello(session, keeping(BattleId{1}));
  ASSERT_NE(session.heard<wire::Refused>(), nullptr);
  EXPECT_EQ(session.heard<wire::Refused>()->code, static_cast<u16>(CloseCode::no_such_battle));
  EXPECT_FALSE(session.closed);
  add_battle(2, 2);
  say(session, keeping(BattleId{2}));
  EXPECT_EQ(next_inbound(), std::pair(Kind::join, BattleId{2}));
}

TEST_F(Visits, a_battle_that_ends_before_it_gave_a_seat_refuses) {
  add_battle(1, 2);
  FakeSession session;
  hello(session, keeping());
  frame(BattleId{1}, {}, {}, true);
  ASSERT_NE(session.heard<wire::Refused>(), nullptr);
  EXPECT_EQ(session.heard<wire::Refused>()->code, static_cast<u16>(CloseCode::battle_over));
  EXPECT_FALSE(session.closed);
}

TEST_F(Visits, a_seat_that_comes_too_late_is_given_back) {
  add_battle(1, 2);
  FakeSession session;
  hello(session, keeping(BattleId{1}));
  const SessionId id = take_inbound();
  pass(6 * kSecondNs);
  ASSERT_NE(session.heard<wire::Refused>(), nullptr);
  EXPECT_FALSE(session.closed);
  frame(BattleId{1}, id, {battle::SeatGranted{PlayerSlot{0}, make_entity_id(0, 1, 0), 1, false}});
  EXPECT_EQ(next_inbound(), std::pair(Kind::leave, BattleId{1}));
  EXPECT_EQ(session.heard<wire::Welcome>(), nullptr);
}

TEST_F(Visits, who_stays_outside_too_long_is_closed_however_often_he_asks) {
  add_battle(1, 2);
  FakeSession session;
  play(session, BattleId{1});
  say(session, wire::Leave{});
  std::vector<std::pair<Kind, BattleId>> kinds;
  take_inbound(&kinds);
  EXPECT_EQ(kinds, (std::vector{std::pair(Kind::leave, BattleId{1})}));
  say(session, wire::Leave{});  // as good as the first
  for (int second = 0; second < 58; second += 2) {
    pass(2 * kSecondNs);
    say(session, keeping(BattleId{9}));
    ASSERT_FALSE(session.closed) << second;
  }
  pass(3 * kSecondNs);
  EXPECT_EQ(session.closed, CloseCode::idle);
  EXPECT_EQ(session.reason, "in no battle for longer than 60 s");
}

TEST_F(Visits, hellos_are_bounded_and_one_before_the_answer_makes_no_sense) {
  FakeSession flooding, hasty;
  hello(flooding, keeping(BattleId{9}));
  for (int i = 0; i < 7; ++i) say(flooding, keeping(BattleId{9}));
  EXPECT_FALSE(flooding.closed);
  say(flooding, keeping(BattleId{9}));
  EXPECT_EQ(flooding.closed, CloseCode::flood);

  add_battle(1, 2);
  hello(hasty, keeping(BattleId{1}));
  say(hasty, keeping(BattleId{1}));
  EXPECT_EQ(hasty.closed, CloseCode::bad_message);
}

TEST_F(Visits, what_was_stepped_of_an_old_battle_is_no_desync_of_the_new_one) {
  add_battle(1, 2);
  add_battle(2, 2);
  FakeSession session;
  hello(session, watching(BattleId{1}));
  frame(BattleId{1}, {}, {}, true);
  say(session, watching(BattleId{2}));
  const SessionId id = take_inbound();
  const std::vector<std::byte> payload(10, std::byte{3});
  frame(BattleId{2}, id, {battle::StatePart{tick_ + 1, 5, 0, 1, 0, Bytes(payload).first(1)}}, false, payload,
        5);
  frame(BattleId{2}, {}, {}, false, payload, 6);
  ASSERT_FALSE(session.datagrams.empty());
  EXPECT_EQ(wire::visit_of(session.datagrams.back()), 1) << "told from what comes late of the first battle";
  act(session, 0, 0, {static_cast<u32>(tick_), 99});
  EXPECT_EQ(shard_->counters().desyncs.value(), 0u);
  act(session, 0, 1, {static_cast<u32>(tick_), 99});
  EXPECT_EQ(shard_->counters().desyncs.value(), 1u);
}

}  // namespace
}  // namespace drumline::gateway

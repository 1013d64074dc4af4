// A spectator who follows a player is sent what the player is sent.
#include <set>

#include "gateway_stage.hpp"
#include "unit/broadcast/moving_world.hpp"
#include "wire/command.hpp"

namespace drumline::gateway {
namespace {

using broadcast::testing::MovingWorld;
using testing::FakeSession;
using transport::CloseCode;

constexpr BattleId kBattle{1};
constexpr u32 kPlayers = 2000;
constexpr i64 kSide = 800;
constexpr PlayerSlot kFollowed{3};

/// A client over a link that loses nothing: it acknowledges at once.
struct Viewer {
  explicit Viewer(const broadcast::Schema& schema) : decoder(schema, {.streams = 4096}) {}
  std::set<u64> entities() {
    std::set<u64> all;
    decoder.for_each([&](const broadcast::StateDecoder::Entity& entity) { all.insert(entity.id().value); });
    return all;
  }
  FakeSession session;
  broadcast::StateDecoder decoder;
  std::size_t read = 0;  ///< of the session's datagrams
};

class Following : public testing::GatewayStage {
 protected:
  Following() {
    add_battle(kBattle.value, kPlayers);
    auto made = broadcast::CellEncoder::create(world_.world(), world_.map(),
                                               {.battle = kBattle, .expected_players = kPlayers});
    EXPECT_TRUE(made.ok());
    encoder_ = std::move(*made);
  }
  static wire::Hello following(PlayerSlot player) {
    wire::Hello hello;
    hello.seat = wire::SeatKind::spectator;
    hello.follow = player;
    return hello;
  }
  SessionId newest_session() {
    SessionId id;
    ring_.consume(ring_.capacity(), [&](const battle::Inbound& inbound) {
      if (inbound.kind == battle::Inbound::Kind::join) id = inbound.session;
    });
    return id;
  }
  void grant(SessionId session, PlayerSlot player) {
    std::array<std::byte, battle::kMaxNoticeBytes> bytes;
    ByteWriter out(bytes);
    battle::encode_notice(battle::SeatGranted{player, world_.players()[player.value], 1, false}, out);
    ASSERT_TRUE(messages_.add(session, out.written()));
  }
  /// The battle's next tick: everybody walks, the frame goes out, the viewers answer.
  void tick(std::initializer_list<Viewer*> viewers) {
    world_.step(0);
    std::vector<broadcast::SeatState> seats;
    for (const EntityId entity : world_.players())
      seats.push_back({gone_ == entity ? EntityId{} : entity, 5});
    const auto memory = std::as_writable_bytes(std::span(frame_));
    const std::size_t size = encoder_->encode(
        {.world = world_.world(), .players = kPlayers, .seats = seats, .messages = &messages_}, memory);
    ASSERT_GT(size, 0U);
    shard_->deliver(Bytes(memory).first(size));
    for (Viewer* const viewer : viewers) answer(*viewer);
  }
  void answer(Viewer& viewer) {
    for (; viewer.read < viewer.session.datagrams.size(); ++viewer.read) {
      ASSERT_NE(viewer.decoder.apply(viewer.session.datagrams[viewer.read]),
                broadcast::StateDecoder::Status::malformed);
    }
    std::array<u32, wire::kMaxKeyAcks> acks;
    const std::size_t count = viewer.decoder.take_acks(acks);
    world::Command command;
    command.action = world::Action::none;
    std::array<std::byte, wire::kMaxCommandFrameBytes> memory;
    const std::size_t size = wire::encode_command(command, std::span(acks).first(count), memory);
    shard_->on_datagram(viewer.session, Bytes(memory).first(size));
  }

  MovingWorld world_{kPlayers, 50, kSide, 4};
  std::unique_ptr<broadcast::CellEncoder> encoder_;
  broadcast::MessageQueue messages_;
  std::vector<u64> frame_ = std::vector<u64>(1U << 17);
  EntityId gone_{~u64{0}};  ///< of no seat any more
};

TEST_F(Following, a_follower_is_sent_the_players_datagrams_byte_for_byte_and_a_spectator_others) {
  Viewer player(encoder_->schema()), follower(encoder_->schema()), spectator(encoder_->schema());
  hello(player.session, {});
  const SessionId id = newest_session();
  hello(follower.session, following(kFollowed));
  hello(spectator.session, following(kNoPlayer));
  grant(id, kFollowed);
  for (u32 t = 0; t < 200; ++t) {
    tick({&player, &follower, &spectator});
    if (HasFatalFailure()) return;
    ASSERT_EQ(player.session.datagrams.size(), t + 1) << "every tick";
    ASSERT_EQ(follower.session.datagrams.size(), t + 1) << "every tick";
    ASSERT_EQ(player.session.datagrams.back(), follower.session.datagrams.back()) << "tick " << t;
  }
  EXPECT_EQ(follower.decoder.last_sequence(), 5U) << "the player's commands";
  EXPECT_EQ(follower.entities(), player.entities());
  EXPECT_LT(spectator.session.datagrams.size(), 100U) << "in his own rhythm";
  EXPECT_GT(spectator.entities().size(), follower.entities().size() + 50) << "the whole map";
  ASSERT_NE(follower.session.heard<wire::Welcome>(), nullptr);
  EXPECT_EQ(follower.session.heard<wire::Welcome>()->player, kNoPlayer) << "he has no seat";
}

TEST_F(Following, when_the_player_is_gone_the_view_stays_where_he_was) {
  Viewer follower(encoder_->schema());
  const EntityId entity = world_.players()[kFollowed.value];
  world_.put(entity, kSide / 8, kSide / 8);
  hello(follower.session, following(kFollowed));
  for (u32 t = 0; t < 60; ++t) tick({&follower});
  gone_ = entity;
  world_.kill(entity);
  // Longer than what is known is kept without a further word of it.
  for (u32 t = 0; t < 200; ++t) tick({&follower});
  EXPECT_FALSE(follower.entities().contains(entity.value));
  EXPECT_GT(follower.entities().size(), 20U);
  follower.decoder.for_each([&](const broadcast::StateDecoder::Entity& seen) {
    const auto x = seen.world_value(0) / world::Fixed::kOneRaw,
               y = seen.world_value(1) / world::Fixed::kOneRaw;
    EXPECT_LT(std::max(x, y), kSide * 3 / 4) << "the other corner is out of his sight";
  });
}

TEST_F(Following, who_cannot_be_followed_is_said) {
  FakeSession player, beyond, lockstep;
  wire::Hello wish = following(kFollowed);
  wish.seat = wire::SeatKind::player;
  hello(player, wish);
  EXPECT_EQ(player.closed, CloseCode::bad_message);
  EXPECT_NE(player.reason.find("only a spectator may follow"), std::string::npos) << player.reason;
  hello(beyond, following(PlayerSlot{kPlayers}));
  EXPECT_EQ(beyond.closed, CloseCode::bad_message);
  EXPECT_NE(beyond.reason.find("has seats 0 to 1999"), std::string::npos) << beyond.reason;
  wish = following(kFollowed);
  wish.model = world::SyncModel::lockstep;
  hello(lockstep, wish);
  EXPECT_EQ(lockstep.closed, CloseCode::bad_message);
}

}  // namespace
}  // namespace drumline::gateway

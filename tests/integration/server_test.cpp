// The whole path over real QUIC: clients join, move, are refused, drop, come back,
// and find the battle as they left it after the server was stopped or lost.
#include <array>
#include <set>

#include <gtest/gtest.h>

#include "auth/token.hpp"
#include "recovery/verify.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"
#include "tally/tally.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 30;

world::Command move(client::Client& client, i32 x, i32 y) {
  world::Command command;
  command.action = world::Action::move;
  command.entity = client.entity();
  command.x = x;
  command.y = y;
  return command;
}

recovery::Verification verify(const std::string& data) {
  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const recovery::GameLookup lookup = [](std::string_view) { return &arena::arena_game(); };
  auto verified = recovery::verify_data_folder(*files, data, lookup, clock, {});
  EXPECT_TRUE(verified.ok()) << (verified.ok() ? "" : verified.error().message);
  return verified.ok() ? std::move(*verified) : recovery::Verification{};
}

TEST(Server, clients_join_over_quic_and_are_shown_themselves) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 8);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  clients.run_for(1.0);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_GT(clients.heard(i).frames, 20U) << i;
    broadcast::StateDecoder::Entity self;
    EXPECT_TRUE(clients.client(i).world().find(clients.client(i).entity(), self)) << i;
    EXPECT_TRUE(clients.heard(i).has_roster) << i;
  }
  (*server)->stop(kSecondNs);
  const auto verified = verify(data.path());
  EXPECT_GT(verified.ticks, 50U);
  EXPECT_TRUE(verified.differences.empty());
}

TEST(Server, a_move_command_moves_the_player_on_all_screens) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(
      clients.run_until([&] { return clients.all_playing() && clients.heard(0).frames > 3; }, kPatienceS));
  client::Client& mover = clients.client(0);
  const auto place = [&]() -> std::pair<i64, i64> {
    broadcast::StateDecoder::Entity self;
    const bool seen = mover.world().find(mover.entity(), self);
    return seen ? std::pair{self.value(0), self.value(1)} : std::pair<i64, i64>{};
  };
  const auto before = place();
  // Some way is open, whatever stands around.
  constexpr std::array<std::pair<i32, i32>, 4> kWays{{{32000, 0}, {0, 32000}, {-32000, 0}, {0, -32000}}};
  bool moved = false;
  for (const auto& [x, y] : kWays) {
    mover.send(move(mover, x, y), 1, clients.now());
    moved = clients.run_until([&] { return place() != before; }, 2.0);
    if (moved) break;
  }
  EXPECT_TRUE(moved);
}

std::set<u64> known_to(client::Client& client) {
  std::set<u64> entities;
  client.world().for_each(
      [&](const broadcast::StateDecoder::Entity& entity) { entities.insert(entity.id().value); });
  return entities;
}

TEST(Server, a_spectator_who_follows_a_player_knows_what_that_player_knows_and_no_more) {
  const TemporaryFolder data;
  auto server = start_server(
      data.path(), {{"test", "broadcast.cell_size", "12"}, {"test", "broadcast.interest_radius", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  const auto& report = (*server)->report();
  LiveClients players(report.quic, report.pki_folder, 40);
  ASSERT_TRUE(players.run_until([&] { return players.all_playing(); }, kPatienceS));
  client::Client& followed = players.client(7);
  client::ClientOptions watching;
  watching.seat = wire::SeatKind::spectator;
  LiveClients spectator(report.quic, report.pki_folder, 1, watching);
  watching.follow = followed.player();
  LiveClients follower(report.quic, report.pki_folder, 1, watching);
  // Far cells come in turns, so that at the start one of them may not know yet what the other does.
  std::set<u64> his;
  const bool same = players.run_until(
      [&] {
        follower.run_for(0.002);
        spectator.run_for(0.002);
        his = known_to(followed);
        return follower.all_playing() && his.size() > 1 && spectator.all_playing() &&
               follower.client(0).tick() == followed.tick() && known_to(follower.client(0)) == his &&
               known_to(spectator.client(0)).size() > his.size();
      },
      kPatienceS);
  EXPECT_TRUE(same) << his.size() << " known to the player, " << known_to(follower.client(0)).size()
                    << " to who follows him, " << known_to(spectator.client(0)).size() << " to the spectator";
  EXPECT_EQ(follower.client(0).player(), kNoPlayer);
  EXPECT_EQ(follower.client(0).send(move(followed, 1000, 0), 1, follower.now()), 0U) << "he has no say";
}

TEST(Server, a_command_for_another_players_entity_is_refused_with_a_reason) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  world::Command stolen = move(clients.client(0), 1000, 0);
  stolen.entity = clients.client(1).entity();
  clients.client(0).send(stolen, 1, clients.now());
  ASSERT_TRUE(clients.run_until([&] { return !clients.heard(0).refused.empty(); }, kPatienceS));
  EXPECT_EQ(clients.heard(0).refused[0].code, world::kRefusedNotYours.code);
  EXPECT_FALSE(clients.heard(0).refused[0].reason.empty());
  EXPECT_TRUE(clients.client(0).playing());
  EXPECT_TRUE(clients.client(1).playing());
}

TEST(Server, too_many_commands_are_limited_and_the_others_are_served_on) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "gateway.commands_per_second", "50"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  const u64 before = clients.heard(1).frames;
  const gateway::GatewayCounters& counters = (*server)->gateways()[0]->gateway_counters();
  ASSERT_TRUE(clients.run_until(
      [&] {
        for (int i = 0; i < 50; ++i) clients.client(0).send(move(clients.client(0), i, i), 1, clients.now());
        return counters.commands_limited.value() > 0;
      },
      kPatienceS));
  EXPECT_TRUE(clients.run_until([&] { return clients.heard(1).frames > before + 20; }, kPatienceS));
  EXPECT_TRUE(clients.client(1).playing());
}

TEST(Server, the_same_folder_resumes_with_the_same_hash_and_players_keep_their_seats) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  const env::Address address = (*server)->report().quic;
  LiveClients clients(address, (*server)->report().pki_folder, 4);
  ASSERT_TRUE(
      clients.run_until([&] { return clients.all_playing() && clients.heard(0).frames > 10; }, kPatienceS));
  const PlayerSlot seat = clients.client(2).player();
  const EntityId entity = clients.client(2).entity();
  (*server)->stop(kSecondNs);
  server->reset();
  const Tick shown = clients.newest_tick();

  server = start_server(data.path(), {{"test", "listen.port", std::to_string(address.port)}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  ASSERT_EQ((*server)->report().recovered.size(), 1U);
  EXPECT_TRUE((*server)->report().recovered[0].equal);
  EXPECT_GE((*server)->report().recovered[0].resumed_tick, shown);
  ASSERT_TRUE(clients.run_until([&] { return clients.heard(2).welcomes.size() > 1 && clients.all_playing(); },
                                kPatienceS));
  EXPECT_TRUE(clients.heard(2).welcomes.back().resumed);
  EXPECT_EQ(clients.client(2).player(), seat);
  EXPECT_EQ(clients.client(2).entity(), entity);
}

TEST(Server, a_client_without_a_certificate_is_refused_and_the_others_play_on) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  const std::string pki = (*server)->report().pki_folder;
  LiveClients honest((*server)->report().quic, pki, 2);
  ASSERT_TRUE(honest.run_until([&] { return honest.all_playing(); }, kPatienceS));
  client::ClientOptions options;
  options.reconnect = false;
  LiveClients stranger((*server)->report().quic, pki, 1, options,
                       {transport::pki_paths(pki).ca_certificate, "", ""});
  ASSERT_TRUE(stranger.run_until([&] { return stranger.client(0).closed(); }, kPatienceS));
  EXPECT_TRUE(stranger.heard(0).welcomes.empty());
  const u64 before = honest.heard(0).frames;
  EXPECT_TRUE(honest.run_until([&] { return honest.heard(0).frames > before + 20; }, kPatienceS));
}

TEST(Server, a_token_for_one_battle_does_not_open_another) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "battle.count", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  const server::StartReport& report = (*server)->report();
  env::SystemClock clock;
  env::SystemRandom random;
  const auto key = auth::TokenKey::load(transport::pki_paths(report.pki_folder).token_key);
  ASSERT_TRUE(key.ok()) << key.error().message;
  const std::unique_ptr<env::Network> network = env::make_system_network();
  client::ClientGroupOptions options;
  options.server = report.tcp;
  options.transport = transport::TransportKind::websocket;
  options.token = [&]() -> Result<std::string> {
    auth::TokenClaims claims;
    claims.subject = "ann";
    claims.battle = BattleId{2};
    claims.issued_at_s = clock.wall_now() / kSecondNs;
    claims.expires_at_s = claims.issued_at_s + 60;
    return key->issue(claims);
  };
  auto group = client::ClientGroup::create(options, *network, random, clock);
  ASSERT_TRUE(group.ok()) << group.error().message;
  testing::Heard refused, seated;
  client::ClientOptions wrong;
  wrong.battle = BattleId{1};
  (*group)->add(wrong, refused);
  (*group)->add({}, seated);
  (*group)->start();
  const TimeNs end = clock.now() + 30 * kSecondNs;
  while (clock.now() < end && (refused.drops.empty() || seated.welcomes.empty())) {
    (*group)->poll();
    (*group)->wait(clock.now() + 5 * kMillisecondNs);
  }
  ASSERT_FALSE(refused.refused.empty());
  EXPECT_EQ(refused.refused[0].reason, "the access token admits to battle 2 only, not to battle 1");
  EXPECT_TRUE((*group)->client(0).lost());
  ASSERT_FALSE(seated.welcomes.empty());
  EXPECT_EQ(seated.welcomes[0].battle, BattleId{2}) << "the only one that it may enter";
}

TEST(Server, another_game_is_served_without_a_line_changed_in_the_engine) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {}, tally::tally_game());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(
      clients.run_until([&] { return clients.all_playing() && clients.heard(0).frames > 3; }, kPatienceS));
  EXPECT_EQ(clients.heard(0).welcomes[0].game, tally::tally_game().name());
  broadcast::StateDecoder::Entity self;
  EXPECT_TRUE(clients.client(0).world().find(clients.client(0).entity(), self));
}

TEST(Server, a_second_server_on_the_same_folder_is_refused_by_name) {
  const TemporaryFolder data;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  const auto second = start_server(data.path());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message.find("in use by another server"), std::string::npos);
}

TEST(Server, a_port_in_use_is_an_error_that_names_it) {
  const TemporaryFolder data, other;
  auto server = start_server(data.path());
  ASSERT_TRUE(server.ok()) << server.error().message;
  const std::string port = std::to_string((*server)->report().quic.port);
  const auto second = start_server(other.path(), {{"test", "listen.port", port}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message.find(port), std::string::npos) << second.error().message;
}

}  // namespace
}  // namespace drumline

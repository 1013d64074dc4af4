// Lockstep over real QUIC: two clients that run duel themselves, on a server that relays
// their commands.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "client/client_group.hpp"
#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"
#include "support/live_server.hpp"
#include "support/lockstep_player.hpp"
#include "support/planted_duel.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using Player = testing::LockstepPlayer;
using testing::PlantedDuel;
using testing::start_server;
using testing::TemporaryFolder;

/// Two players on a server of their own.
struct Match {
  explicit Match(const world::Game& second_game)
      : players{Player(duel::duel_game(), clock), Player(second_game, clock)} {
    auto started = start_server(data.path(), {{"test", "battle.sync_model", "lockstep"}}, duel::duel_game());
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return;
    }
    server = std::move(*started);
    const transport::PkiPaths paths = transport::pki_paths(server->report().pki_folder);
    client::ClientGroupOptions options;
    options.server = server->report().quic;
    options.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
    for (std::size_t i = 0; i < players.size(); ++i) {
      auto made = client::ClientGroup::create(options, *network, random, clock);
      if (!made) {
        ADD_FAILURE() << made.error().message;
        return;
      }
      groups[i] = std::move(*made);
      client::ClientOptions client;
      client.ping_interval_ns = 200 * kMillisecondNs;
      groups[i]->add(client, players[i]);
      groups[i]->start();
    }
  }
  client::Client& client(std::size_t i) { return groups[i]->client(0); }

  template <class Done>
  bool run_until(Done done, double seconds = 30) {
    const TimeNs end = clock.now() + static_cast<TimeNs>(seconds * 1e9);
    while (groups.back() != nullptr && clock.now() < end && !done()) {
      for (std::size_t i = 0; i < players.size(); ++i) {
        if (stalled[i]) continue;
        groups[i]->poll();
        players[i].play(client(i));
      }
      groups[0]->wait(clock.now() + 2 * kMillisecondNs);
    }
    return done();
  }

  const TemporaryFolder data;
  env::SystemClock clock;
  env::SystemRandom random;
  std::unique_ptr<env::Network> network = env::make_system_network();
  std::unique_ptr<server::Server> server;
  std::array<Player, 2> players;
  std::array<std::unique_ptr<client::ClientGroup>, 2> groups;
  std::array<bool, 2> stalled{};  ///< neither reads nor sends, as if the process was stopped
};

TEST(ServerLockstep, two_clients_run_the_battle_themselves_and_have_the_servers_hash_at_every_tick) {
  Match match(duel::duel_game());
  const auto played = [&](std::size_t i) { return match.players[i].hashes.size() >= 400; };
  ASSERT_TRUE(match.run_until([&] { return played(0) && played(1); }));
  std::size_t both = 0;
  for (const auto& [tick, hash] : match.players[0].hashes) {
    const auto other = match.players[1].hashes.find(tick);
    if (other == match.players[1].hashes.end()) continue;
    ++both;
    ASSERT_EQ(other->second, hash) << tick;
  }
  EXPECT_GT(both, 300U);
  for (const Player& player : match.players) {
    EXPECT_TRUE(player.mismatches.empty());
    EXPECT_EQ(player.started.size(), 1U);
    EXPECT_GT(player.commands, 10U);
    EXPECT_GT(player.lockstep.statistics().rollbacks, 0U) << "the other's commands are a surprise";
    EXPECT_LE(player.lockstep.input_delay().ticks(), 12U) << "3 on an idle machine";
  }
}

TEST(ServerLockstep, a_player_who_stalls_holds_nobody_up_and_is_resynchronised_when_he_is_back) {
  Match match(duel::duel_game());
  Player& going = match.players[0];
  Player& stalled = match.players[1];
  ASSERT_TRUE(match.run_until([&] { return going.hashes.size() >= 100 && stalled.hashes.size() >= 100; }));
  const Tick from = going.newest(), stalled_at = stalled.newest();
  const u64 commands = going.commands;
  match.stalled[1] = true;
  // All of it while the other does nothing at all, and for longer than one may be behind.
  const Tick until = from + 400;
  ASSERT_TRUE(match.run_until([&] { return going.newest() >= until; }));
  EXPECT_TRUE(going.lacks_none_since(from));
  EXPECT_GT(going.commands, commands + 10) << "his commands are applied as before";
  EXPECT_EQ(stalled.newest(), stalled_at);

  match.stalled[1] = false;
  ASSERT_TRUE(
      match.run_until([&] { return stalled.started.size() >= 2 && stalled.newest() >= until + 100; }));
  EXPECT_TRUE(stalled.lacks_none_since(stalled.started.back() + 1));
  EXPECT_TRUE(going.lacks_none_since(from));
  for (auto tick = stalled.hashes.lower_bound(until); tick != stalled.hashes.end(); ++tick) {
    if (!going.hashes.contains(tick->first)) continue;
    ASSERT_EQ(tick->second, going.hashes[tick->first]) << tick->first;
  }
  EXPECT_EQ(match.client(1).statistics().session_losses, 0U);
  EXPECT_TRUE(going.mismatches.empty() && stalled.mismatches.empty());
  EXPECT_EQ(going.started.size(), 1U);
}

TEST(ServerLockstep, players_go_on_to_the_next_battle_on_the_same_session) {
  Match match(duel::duel_game());
  const auto played = [&](std::size_t battles) {
    return [&match, battles] {
      return std::ranges::all_of(match.players, [&](const Player& player) {
        return player.battles.size() == battles && player.hashes.size() >= 100;
      });
    };
  };
  ASSERT_TRUE(match.run_until(played(1)));
  const BattleId first = match.players[0].battles[0];
  ASSERT_TRUE(match.server->control().dispose(first, "the next one").ok());
  ASSERT_TRUE(match.run_until(played(2)));
  for (std::size_t i = 0; i < 2; ++i) {
    const Player& player = match.players[i];
    EXPECT_NE(player.battles[1], first);
    EXPECT_EQ(player.started.size(), 2U);
    EXPECT_TRUE(player.mismatches.empty());
    EXPECT_TRUE(player.lacks_none_since(player.started[1] + 1));
    EXPECT_EQ(match.client(i).statistics().visits, 1U);
    EXPECT_EQ(match.client(i).statistics().session_losses, 0U);
  }
  EXPECT_EQ(match.players[0].battles[1], match.players[1].battles[1]);
  for (const auto& [tick, hash] : match.players[0].hashes) {
    const auto other = match.players[1].hashes.find(tick);
    if (other == match.players[1].hashes.end()) continue;
    ASSERT_EQ(other->second, hash) << tick;
  }
  const gateway::GatewayCounters& counters = match.server->gateways()[0]->gateway_counters();
  EXPECT_EQ(counters.desyncs.value(), 0U);
  EXPECT_EQ(counters.sessions_opened.value(), 2U);
}

TEST(ServerLockstep, a_client_that_goes_another_way_is_written_down_and_given_the_state_anew) {
  PlantedDuel other_build;
  Match match(other_build);
  Player& player = match.players[1];
  ASSERT_TRUE(
      match.run_until([&] { return player.hashes.size() >= 50 && match.players[0].lockstep.running(); }));
  const Tick planted = player.hashes.rbegin()->first + 50;
  other_build.plant(planted);
  ASSERT_TRUE(match.run_until([&] { return player.started.size() == 2; }));
  ASSERT_EQ(player.mismatches.size(), 1U);
  EXPECT_EQ(player.mismatches[0].tick, planted);
  EXPECT_EQ(player.mismatches[0].own_hash, player.hashes[planted]);
  EXPECT_TRUE(match.players[0].mismatches.empty());
  EXPECT_EQ(match.players[0].hashes[planted], player.mismatches[0].server_hash);
  const auto written = [&] {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(match.data.path() + "/failures", none)) {
      if (entry.path().filename().string().find("desync-") == 0) return true;
    }
    return false;
  };
  EXPECT_TRUE(match.run_until(written, 10));
  const Tick resumed = player.started[1];
  ASSERT_TRUE(match.run_until([&] { return player.hashes.rbegin()->first > resumed + 100; }));
  for (const auto& [tick, hash] : player.hashes) {
    const auto other = match.players[0].hashes.find(tick);
    if (tick != planted && other != match.players[0].hashes.end()) {
      ASSERT_EQ(other->second, hash) << tick;
    }
  }
}

}  // namespace
}  // namespace drumline

// Players in lockstep, whose battle dies with its process: they are given the state anew and
// run on from it.
#include <algorithm>
#include <array>
#include <csignal>

#include <gtest/gtest.h>

#include "client/client_group.hpp"
#include "env/random.hpp"
#include "support/live_server.hpp"
#include "support/lockstep_player.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

constexpr i64 kPatienceNs = 60 * kSecondNs;

TEST(LockstepIsolation, players_run_on_from_the_state_that_the_journal_brought_back) {
  const testing::TemporaryFolder data;
  auto started = testing::start_server(
      data.path(), {{"test", "battle.sync_model", "lockstep"}, {"test", "battle.isolation", "process"}},
      duel::duel_game());
  ASSERT_TRUE(started.ok()) << started.error().message;
  server::Server& server = **started;

  const env::SystemClock clock;
  env::SystemRandom random;
  const auto network = env::make_system_network();
  const transport::PkiPaths paths = transport::pki_paths(server.report().pki_folder);
  client::ClientGroupOptions options;
  options.server = server.report().quic;
  options.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
  auto group = client::ClientGroup::create(options, *network, random, clock);
  ASSERT_TRUE(group.ok()) << group.error().message;
  std::array<testing::LockstepPlayer, 2> players{testing::LockstepPlayer(duel::duel_game(), clock),
                                                 testing::LockstepPlayer(duel::duel_game(), clock)};
  for (testing::LockstepPlayer& player : players) {
    client::ClientOptions client;
    client.ping_interval_ns = 200 * kMillisecondNs;
    (*group)->add(client, player);
  }
  (*group)->start();
  const auto play_until = [&](const std::function<bool()>& done) {
    const TimeNs end = clock.now() + kPatienceNs;
    while (!done()) {
      if (clock.now() > end) return false;
      (*group)->poll();
      for (std::size_t i = 0; i < players.size(); ++i) players[i].play((*group)->client(i));
      (*group)->wait(clock.now() + 4 * kMillisecondNs);
    }
    return true;
  };
  const auto all = [&](const auto& holds) { return std::all_of(players.begin(), players.end(), holds); };

  ASSERT_TRUE(play_until([&] {
    return all([](const auto& player) { return player.started.size() == 1 && player.hashes.size() > 60; });
  }));
  ::kill(static_cast<pid_t>(server.battles().groups()[0].process), SIGKILL);
  ASSERT_TRUE(play_until([&] { return all([](const auto& player) { return player.started.size() == 2; }); }));
  const std::array<u64, 2> commands{players[0].commands, players[1].commands};
  const Tick back = std::max(players[0].started[1], players[1].started[1]);
  ASSERT_TRUE(play_until(
      [&] { return all([&](const auto& player) { return player.hashes.rbegin()->first > back + 100; }); }));
  for (std::size_t i = 0; i < players.size(); ++i) {
    EXPECT_TRUE(players[i].mismatches.empty());
    EXPECT_GT(players[i].commands, commands[i]) << "commands are taken as before";
  }
  // One history: what both saw of a tick, before and after, is the same.
  for (const auto& [tick, hash] : players[0].hashes) {
    const auto other = players[1].hashes.find(tick);
    if (other == players[1].hashes.end()) continue;
    EXPECT_EQ(hash, other->second) << "tick " << tick;
  }
  EXPECT_EQ(server.gateways()[0]->gateway_counters().sessions_opened.value(), 2U);
  EXPECT_EQ(server.gateways()[0]->gateway_counters().desyncs.value(), 0U);
  EXPECT_EQ(server.battles().groups()[0].behind, 0U);
}

}  // namespace
}  // namespace drumline

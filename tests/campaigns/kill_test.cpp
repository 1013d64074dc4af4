// Campaign F2: `kill -9` at random points under load. Nothing that any client was
// shown may be missing afterwards, and every resumed hash equals the journal's.
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "arena/arena.hpp"
#include "bench/child_process.hpp"
#include "env/thread.hpp"
#include "recovery/verify.hpp"
#include "support/live_clients.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using bench::ChildProcess;

/// DRUMLINE_CAMPAIGN: "long", or a number of kills.
int kills_wanted() {
  const char* const campaign = std::getenv("DRUMLINE_CAMPAIGN");
  if (campaign == nullptr) return 200;
  return std::string_view(campaign) == "long" ? 10'000 : std::max(1, std::atoi(campaign));
}

struct Started {
  std::optional<ChildProcess> process;
  u16 port = 0;
  std::optional<Tick> resumed_tick;
  bool equal = true;
};

Started start(const std::string& data, u16 port) {
  auto process =
      ChildProcess::start(std::getenv("DRUMLINE_BIN"),
                          {"serve", "--data", data, "--port", std::to_string(port), "--admin-port", "0",
                           "--json", "--log-level", "error", "--set", "journal.segment_size_mib=1", "--set",
                           "journal.snapshot_every_ticks=64", "--set", "battle.max_players=64"});
  Started started;
  if (!process) {
    ADD_FAILURE() << process.error().message;
    return started;
  }
  started.process.emplace(std::move(*process));
  while (const auto line = started.process->read_line(20'000)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object()) continue;
    if (json.value("event", "") == "resumed") {
      started.resumed_tick = json.value("tick", Tick{0});
      started.equal = json.value("equal", false);
    }
    if (json.value("event", "") == "ready") {
      started.port = json.value("port", u16{0});
      return started;
    }
  }
  ADD_FAILURE() << "the server did not become ready";
  return started;
}

TEST(Kill, at_random_points_under_load_loses_nothing_that_was_shown) {
  ASSERT_NE(std::getenv("DRUMLINE_BIN"), nullptr) << "DRUMLINE_BIN names the binary to test";
  const testing::TemporaryFolder data;
  Started server = start(data.path(), 0);
  ASSERT_NE(server.port, 0);
  const u16 port = server.port;
  client::ClientOptions options;
  options.reconnect_first_ns = 10 * kMillisecondNs;
  options.reconnect_most_ns = 100 * kMillisecondNs;
  options.silence_ns = 200 * kMillisecondNs;
  options.give_up_after_ns = 24 * 3600 * kSecondNs;
  const auto address = env::parse_address("127.0.0.1:" + std::to_string(port));
  ASSERT_TRUE(address.ok());
  testing::LiveClients clients(*address, data.path() + "/pki", 16, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, 60));

  env::SeededRandom random(20'26);
  const int kills = kills_wanted();
  int lost = 0, unequal = 0;
  u64 commands = 0;
  for (int kill = 0; kill < kills; ++kill) {
    // Every eighth kill comes at once, into recovery and reconnecting; the others into play.
    if (kill % 8 != 0) clients.run_until([&] { return clients.all_playing(); }, 10);
    const TimeNs end =
        clients.now() + static_cast<i64>(random.next_u64() % static_cast<u64>(300 * kMillisecondNs));
    clients.run_until(
        [&] {
          for (std::size_t i = 0; i < clients.size(); ++i) {
            if (!clients.client(i).playing() || random.next_u64() % 8 != 0) continue;
            world::Command command;
            command.action = world::Action::move;
            command.entity = clients.client(i).entity();
            command.x = static_cast<i32>(random.next_u64() % 20000) - 10000;
            command.y = static_cast<i32>(random.next_u64() % 20000) - 10000;
            clients.client(i).send(command, 1, clients.now());
            ++commands;
          }
          return clients.now() >= end;
        },
        2);
    server.process->signal(SIGKILL);
    server.process->wait();
    clients.run_for(0.01);  // what was on its way still counts as shown
    const Tick shown = clients.newest_tick();
    server = start(data.path(), port);
    ASSERT_EQ(server.port, port) << "after kill " << kill;
    ASSERT_TRUE(server.resumed_tick.has_value()) << "after kill " << kill;
    if (*server.resumed_tick < shown) ++lost;
    if (!server.equal) ++unequal;
  }
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(unequal, 0);
  EXPECT_TRUE(clients.run_until([&] { return clients.all_playing(); }, 60))
      << "the clients came back by themselves";
  server.process->signal(SIGTERM);
  EXPECT_EQ(server.process->wait(), 0);

  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const recovery::GameLookup lookup = [](std::string_view) { return &arena::arena_game(); };
  const auto verified = recovery::verify_data_folder(*files, data.path(), lookup, clock, {});
  ASSERT_TRUE(verified.ok()) << verified.error().message;
  EXPECT_TRUE(verified->differences.empty());
  std::printf("kills %d, commands %llu, ticks verified %llu, lost %d, unequal hashes %d\n", kills,
              static_cast<unsigned long long>(commands), static_cast<unsigned long long>(verified->ticks),
              lost, unequal);
}

}  // namespace
}  // namespace drumline

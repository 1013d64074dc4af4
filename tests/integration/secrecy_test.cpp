// Fog of war over a real server: what clients were shown, against the battle played again
// from the journal.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "recording/player.hpp"
#include "recovery/folder_history.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr u32 kClients = 24;
constexpr double kPatienceS = 30;
constexpr std::string_view kFog =
    "[map]\narea_per_player_units2 = 150\n[teams]\ncount = 3\nsight_milliunits = 12000\n";

/// Runs the clients about and notes, by tick and player, which entities each was shown.
std::map<Tick, std::map<u32, std::set<u64>>> play(LiveClients& clients, double seconds) {
  std::map<Tick, std::map<u32, std::set<u64>>> shown;
  std::vector<Tick> seen(clients.size(), 0);
  TimeNs next_move = 0;
  u32 round = 0;
  clients.run_until(
      [&] {
        for (std::size_t i = 0; i < clients.size(); ++i) {
          client::Client& client = clients.client(i);
          if (!client.playing() || client.tick() == seen[i]) continue;
          seen[i] = client.tick();
          auto& entities = shown[seen[i]][client.player().value];
          client.world().for_each([&](const broadcast::StateDecoder::Entity& entity) {
            if (entity.tick() == static_cast<u32>(seen[i])) entities.insert(entity.id().value);
          });
        }
        if (clients.now() < next_move) return false;
        next_move = clients.now() + 200 * kMillisecondNs;
        ++round;
        for (std::size_t i = 0; i < clients.size(); ++i) {
          client::Client& client = clients.client(i);
          world::Command command;
          command.action = world::Action::move;
          command.entity = client.entity();
          command.x = (i + round / 8) % 2 == 0 ? 22'000 : -22'000;
          command.y = (i / 2 + round / 8) % 2 == 0 ? 22'000 : -22'000;
          if (client.playing()) client.send(command, 1, clients.now());
        }
        return false;
      },
      seconds);
  return shown;
}

TEST(ServerSecrecy, no_client_is_shown_what_its_team_must_not_know) {
  const TemporaryFolder data, elsewhere;
  const auto files = env::make_system_files();
  const std::string rules = elsewhere.path() + "/rules.toml";
  ASSERT_TRUE(env::write_file_atomic(*files, rules, as_bytes(kFog)).ok());
  auto server = start_server(data.path(), {{"test", "battle.rules_file", rules}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, kClients);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  const auto shown = play(clients, 4);
  (*server)->stop(kSecondNs);

  auto history = recovery::open_history(*files, data.path(), BattleId{});
  ASSERT_TRUE(history.ok()) << history.error().message;
  recording::Player player(**history, arena::arena_game());
  u64 entities = 0;
  u64 hidden = 0;
  u64 ticks = 0;
  for (const auto& [tick, by_player] : shown) {
    if (tick < (*history)->first_tick() || tick > (*history)->last_tick()) continue;
    const auto sought = player.seek(tick);
    ASSERT_TRUE(sought.ok()) << sought.error().message;
    ++ticks;
    const world::Visibility& visibility = *player.battle()->rules().visibility();
    for (const auto& [seat, ids] : by_player) {
      const u32 team = 1U << visibility.team_of(PlayerSlot{seat});
      for (const u64 id : ids) {
        ASSERT_TRUE(player.battle()->world().table(entity_table(EntityId{id})).holds(EntityId{id}));
        ASSERT_EQ(visibility.hidden_from(EntityId{id}) & team, 0U)
            << "tick " << tick << ": player " << seat << " was shown entity " << std::hex << id;
        ++entities;
      }
    }
    player.battle()->for_each_seat([&](PlayerSlot seat) {
      hidden += visibility.hidden_from(player.battle()->rules().entity_of(seat)) != 0 ? 1 : 0;
    });
  }
  EXPECT_GT(ticks, 50U);
  EXPECT_GT(entities, ticks * kClients);
  EXPECT_GT(hidden, ticks * kClients / 8) << "there was something to hide";
}

TEST(ServerSecrecy, lockstep_is_refused_where_there_is_something_to_hide) {
  const TemporaryFolder data, elsewhere;
  const auto files = env::make_system_files();
  const std::string rules = elsewhere.path() + "/rules.toml";
  ASSERT_TRUE(env::write_file_atomic(*files, rules, as_bytes(kFog)).ok());
  const auto server = start_server(
      data.path(), {{"test", "battle.rules_file", rules}, {"test", "battle.sync_model", "lockstep"}});
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().message.find("lockstep"), std::string::npos) << server.error().message;
  EXPECT_NE(server.error().message.find("battle.sync_model"), std::string::npos);
}

}  // namespace
}  // namespace drumline

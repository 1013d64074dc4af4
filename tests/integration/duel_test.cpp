// A game of two over real QUIC: fighters see each other, a third stays outside,
// bots play it.
#include "duel/duel.hpp"

#include <gtest/gtest.h>

#include "bots/bots.hpp"
#include "duel_view/map_description.hpp"
#include "env/file.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 30;
constexpr std::string_view kShortMatch =
    "[match]\nbest_of_rounds = 1\nround_ms = 1000\nintro_ms = 160\nepilogue_ms = 160\n";

// What `client` knows of a fighter, or nothing.
std::optional<std::array<i64, duel::kFighterFieldCount>> fighter(client::Client& client, EntityId id) {
  broadcast::StateDecoder::Entity entity;
  if (!client.world().find(id, entity)) return std::nullopt;
  std::array<i64, duel::kFighterFieldCount> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = entity.value(i);
  return values;
}

std::optional<i64> phase(client::Client& client) {
  std::optional<i64> found;
  client.world().for_each([&](const broadcast::StateDecoder::Entity& entity) {
    if (entity_table(entity.id()) == duel::kMatchTable) found = entity.value(duel::kMatchPhase);
  });
  return found;
}

TEST(ServerDuel, two_clients_see_each_other_and_the_match_and_what_the_other_does) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {}, duel::duel_game());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  client::Client& left = clients.client(0);
  client::Client& right = clients.client(1);
  EXPECT_EQ(clients.heard(0).welcomes[0].game, "duel");
  EXPECT_TRUE(duel::decode_map_description(clients.heard(0).welcomes[0].map_description).ok());
  const auto fights = [](client::Client& client) {
    return phase(client) == static_cast<i64>(duel::Phase::fight);
  };
  ASSERT_TRUE(clients.run_until([&] { return fights(left) && fights(right); }, kPatienceS));
  for (client::Client* client : {&left, &right}) {
    EXPECT_TRUE(fighter(*client, left.entity()).has_value());
    EXPECT_TRUE(fighter(*client, right.entity()).has_value());
  }

  const auto place = [&] { return fighter(right, left.entity())->at(duel::kFighterX); };
  const i64 start = place();
  world::Command walk;
  walk.action = world::Action::move;
  walk.x = start < fighter(right, right.entity())->at(duel::kFighterX) ? -duel::kDirectionLimit
                                                                       : duel::kDirectionLimit;
  left.send(walk, 1, clients.now());
  EXPECT_TRUE(clients.run_until([&] { return std::abs(place() - start) > 128; }, kPatienceS));

  world::Command heavy;
  heavy.action = world::Action::skill;
  heavy.skill = duel::kSkillHeavy;
  right.send(heavy, 1, clients.now());
  EXPECT_TRUE(clients.run_until(
      [&] {
        const auto seen = fighter(left, right.entity());
        return seen && seen->at(duel::kFighterStance) == static_cast<i64>(duel::Stance::heavy);
      },
      kPatienceS));
}

TEST(ServerDuel, a_third_client_is_refused_and_the_two_play_on) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {}, duel::duel_game());
  ASSERT_TRUE(server.ok()) << server.error().message;
  LiveClients two((*server)->report().quic, (*server)->report().pki_folder, 2);
  ASSERT_TRUE(two.run_until([&] { return two.all_playing(); }, kPatienceS));
  client::ClientOptions once;
  once.reconnect = false;
  LiveClients third((*server)->report().quic, (*server)->report().pki_folder, 1, once);
  ASSERT_TRUE(third.run_until([&] { return third.client(0).closed(); }, kPatienceS));
  EXPECT_TRUE(third.heard(0).welcomes.empty());
  ASSERT_FALSE(third.heard(0).drop_codes.empty());
  EXPECT_EQ(third.heard(0).drop_codes[0], transport::CloseCode::battle_full);
  const u64 before = two.heard(0).frames;
  EXPECT_TRUE(two.run_until([&] { return two.heard(0).frames > before + 20; }, kPatienceS));
}

TEST(ServerDuel, bots_fight_it_out) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {}, duel::duel_game());
  ASSERT_TRUE(server.ok()) << server.error().message;
  bots::BotsOptions options;
  options.url = "quic://" + (*server)->report().quic.to_string();
  options.pki = (*server)->report().pki_folder;
  options.game = "duel";
  options.count = 2;
  options.seconds = 5;
  options.measure_from_seated = true;
  const auto report = bots::play_bots(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->all_well());
  EXPECT_GT(report->received.commands_sent, 10U);
  EXPECT_LT(report->received.commands_refused * 5, report->received.commands_sent);
}

TEST(ServerDuel, bots_play_one_match_after_another_on_the_connection_that_they_have) {
  const TemporaryFolder data, elsewhere;
  const auto files = env::make_system_files();
  const std::string rules = elsewhere.path() + "/rules.toml";
  ASSERT_TRUE(env::write_file_atomic(*files, rules, as_bytes(kShortMatch)).ok());
  auto server = start_server(
      data.path(), {{"test", "battle.rules_file", rules}, {"test", "battle.most", "8"}}, duel::duel_game());
  ASSERT_TRUE(server.ok()) << server.error().message;
  bots::BotsOptions options;
  options.url = "quic://" + (*server)->report().quic.to_string();
  options.pki = (*server)->report().pki_folder;
  options.game = "duel";
  options.count = 4;
  std::atomic<int> stop{0};
  options.stop = &stop;
  const env::SystemClock clock;
  const TimeNs end = clock.now() + static_cast<TimeNs>(kPatienceS * 1e9);
  const gateway::GatewayCounters& counters = (*server)->gateways()[0]->gateway_counters();
  const auto report = bots::play_bots(options, [&](const bots::BotsProgress&) {
    if (counters.visits.value() >= 12 || clock.now() > end) stop.store(1);
  });
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_GE(report->received.visits, 12U);
  EXPECT_EQ(report->received.session_losses, 0U);
  EXPECT_EQ(counters.sessions_opened.value(), 4U);
  EXPECT_GT(report->received.commands_sent, 10U);
}

}  // namespace
}  // namespace drumline

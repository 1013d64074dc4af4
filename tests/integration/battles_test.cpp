// Many battles on one server: they are made, found, spoken to and ended, and what one of
// them does wrong is its own affair.
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include <gtest/gtest.h>

#include "env/thread.hpp"
#include "recovery/verify.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"
#include "trouble/trouble.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 30;

bool wait_for(const std::function<bool()>& done) {
  const env::SystemClock clock;
  const TimeNs end = clock.now() + static_cast<TimeNs>(kPatienceS * 1e9);
  while (!done()) {
    if (clock.now() > end) return false;
    env::sleep_until(clock.now() + 2 * kMillisecondNs);
  }
  return true;
}

class Battles : public ::testing::Test {
 protected:
  void start(std::vector<config::Sources::Flag> flags) {
    auto started = start_server(data_.path(), std::move(flags), trouble::trouble_game());
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
  }
  std::vector<battle::BattleDirectory::Entry> all() const { return server_->directory().all(); }
  bool wait_for_battles(std::size_t count) {
    return wait_for([&] { return all().size() == count; });
  }
  Tick tick_of(BattleId id) const {
    const auto entry = server_->directory().find(id);
    return entry == nullptr ? 0 : entry->tick.load();
  }
  std::future<Result<void>> tell(BattleId id, std::string_view message) {
    return server_->control().tell(id, as_bytes(message));
  }
  /// "ok", or the error's code.
  std::string outcome(std::future<Result<void>> told) {
    if (told.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return "no answer";
    const Result<void> result = told.get();
    return result ? "ok" : error_code_name(result.error().code);
  }
  /// The answer, or "error: …".
  std::string ask(BattleId id, std::string_view question) {
    const env::SystemClock clock;
    const auto answer = server_->control().ask(id, as_bytes(question), clock.now() + 10 * kSecondNs).get();
    return answer ? std::string(as_text(*answer)) : "error: " + answer.error().message;
  }
  u64 restarted() const { return server_->control().restarted(); }
  std::vector<std::string> reports() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(data_.path() + "/failures", none)) {
      names.push_back(file.path().filename().string());
    }
    return names;
  }
  std::string report_of(BattleId id) const {
    const std::string prefix = "battle-" + std::to_string(id.value) + "-";
    for (const std::string& name : reports()) {
      if (!name.starts_with(prefix)) continue;
      std::stringstream text;
      text << std::ifstream(data_.path() + "/failures/" + name).rdbuf();
      return text.str();
    }
    return "";
  }
  void stop_and_verify(std::size_t min_battles) {
    server_->stop(kSecondNs);
    server_.reset();
    const auto files = env::make_system_files();
    const env::SystemClock clock;
    const recovery::GameLookup lookup = [](std::string_view) { return &trouble::trouble_game(); };
    const auto verified = recovery::verify_data_folder(*files, data_.path(), lookup, clock, {});
    ASSERT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_TRUE(verified->differences.empty());
    EXPECT_GE(verified->battles, min_battles);
  }

  TemporaryFolder data_;
  std::unique_ptr<server::Server> server_;
};

TEST_F(Battles, what_is_told_is_applied_journaled_and_can_be_asked_for) {
  start({{"test", "battle.count", "3"}});
  ASSERT_TRUE(wait_for_battles(3));
  const BattleId one = all()[0]->descriptor->id, two = all()[1]->descriptor->id;
  EXPECT_EQ(outcome(tell(one, "add 5")), "ok");
  const auto refused = tell(one, "add 0").get();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "the rules refused the message: nothing_to_add");
  EXPECT_EQ(outcome(tell(two, "add 7")), "ok");
  EXPECT_EQ(outcome(tell(BattleId{99}, "add 7")), "not_found");
  EXPECT_EQ(ask(one, "sum"), "5");
  EXPECT_EQ(ask(two, "sum"), "7");
  EXPECT_EQ(ask(one, "weather"), "error: the game knows no such question");
  EXPECT_EQ(ask(one, "throw"), "error: the rules failed at the question: it threw: asked to throw");
  EXPECT_EQ(ask(one, "sum"), "5");
  EXPECT_EQ(ask(BattleId{99}, "sum"), "error: battle 99 does not run here");

  const auto snapshot = server_->control().snapshot(one, env::SystemClock().now() + 10 * kSecondNs).get();
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  EXPECT_GT(snapshot->tick, 0U);
  EXPECT_FALSE(snapshot->content.empty());

  server_->stop(0);
  server_.reset();
  start({{"test", "battle.count", "3"}});
  EXPECT_EQ(server_->report().recovered.size(), 3U);
  EXPECT_EQ(ask(one, "sum"), "5");
  EXPECT_EQ(ask(two, "sum"), "7");
  stop_and_verify(3);
}

TEST_F(Battles, a_battle_whose_rules_fail_goes_on_from_its_last_good_tick_and_the_others_notice_nothing) {
  start({{"test", "battle.count", "3"}, {"test", "battle.step_budget_ms", "200"}});
  ASSERT_TRUE(wait_for_battles(3));
  const BattleId bad = all()[1]->descriptor->id, good = all()[2]->descriptor->id;
  client::ClientOptions options;
  options.battle = bad;
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 2, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  tell(bad, "add 3");
  ASSERT_TRUE(wait_for([&] { return ask(bad, "sum") == "3"; }));

  u64 failures = 0;
  for (const char* const way : {"throw", "assert", "loop"}) {
    const Tick before = tick_of(good);
    EXPECT_EQ(outcome(tell(bad, way)), "unavailable") << way;
    ++failures;
    ASSERT_TRUE(wait_for([&] { return restarted() == failures; })) << way;
    const Tick restarted_at = tick_of(bad);
    ASSERT_TRUE(wait_for([&] { return tick_of(bad) > restarted_at + 10; })) << way;
    ASSERT_TRUE(wait_for([&] { return tick_of(good) > before + 10; })) << way;
    EXPECT_EQ(ask(bad, "sum"), "3") << way;
  }
  EXPECT_EQ(reports().size(), 3U);
  // Its players are in it as before.
  world::Command command;
  command.action = world::Action::attack;
  command.x = 10;
  clients.client(0).send(command, 1, clients.now());
  EXPECT_TRUE(clients.run_until([&] { return ask(bad, "sum") == "13"; }, kPatienceS));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(clients.heard(i).drops.size(), 0U);
  stop_and_verify(3);
}

// However rules exhaust a table: they notice, they do not, or it comes little by little.
TEST_F(Battles,
       a_battle_that_exhausts_a_table_is_reported_and_started_again_and_the_others_keep_their_ticks) {
  start({{"test", "battle.count", "4"},
         {"test", "battle.step_budget_ms", "200"},
         {"test", "battle.max_failures", "2"}});
  ASSERT_TRUE(wait_for_battles(4));
  const BattleId good = all()[3]->descriptor->id;
  const server::PipelineCounters& pipeline = *server_->battles().shards().front().battles;
  client::ClientOptions options;
  options.battle = good;
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 1, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));

  // By how much the battle's tick is ahead of the ticks that its shard has done: always the
  // same, but for one more in the middle of a tick.
  const auto ahead = [&] {
    i64 least = INT64_MAX;
    for (int i = 0; i < 20; ++i) {
      least = std::min(least, static_cast<i64>(tick_of(good)) - static_cast<i64>(pipeline.ticks.value()));
      clients.run_for(0.003);
    }
    return least;
  };
  const i64 before = ahead();
  const std::array<std::string, 2> at_once = {"fill", "flood"};
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    const BattleId bad = all()[i]->descriptor->id;
    tell(bad, "add 3");
    ASSERT_TRUE(wait_for([&] { return ask(bad, "sum") == "3"; }));
    tell(bad, at_once[i]);
    ASSERT_TRUE(clients.run_until([&] { return restarted() == i + 1; }, kPatienceS)) << at_once[i];
    // At the last good tick: nothing of it is left, and it goes on from there.
    ASSERT_TRUE(wait_for([&] { return ask(bad, "rows") == "0"; })) << at_once[i];
    EXPECT_EQ(ask(bad, "sum"), "3");
    const Tick restarted_at = tick_of(bad);
    EXPECT_TRUE(wait_for([&] { return tick_of(bad) > restarted_at + 5; }));
    const std::string report = report_of(bad);
    EXPECT_NE(report.find(at_once[i] == "fill" ? "row.value != 0" : "budget"), std::string::npos) << report;
    EXPECT_NE(report.find("\"tell\""), std::string::npos) << report;
    EXPECT_NE(report.find("last_good_tick"), std::string::npos) << report;
  }
  // What is full at the last good tick is full again at once: in the end it is given up.
  const BattleId leaking = all()[2]->descriptor->id;
  tell(leaking, "leak 200");
  ASSERT_TRUE(clients.run_until([&] { return server_->directory().find(leaking) == nullptr; }, kPatienceS));
  EXPECT_EQ(server_->control().given_up(), 1U);

  // Each tick of the shard was one of the battle that did nothing wrong.
  const u64 seen = clients.heard(0).frames;
  EXPECT_TRUE(clients.run_until([&] { return clients.heard(0).frames > seen + 5; }, kPatienceS));
  EXPECT_EQ(ahead(), before);
  EXPECT_TRUE(clients.heard(0).drops.empty());
  stop_and_verify(4);
}

TEST_F(Battles, what_a_failure_takes_with_it_is_told_and_what_is_held_or_comes_meanwhile_is_not_lost) {
  start({{"test", "battle.count", "2"}, {"test", "battle.sync_model", "lockstep"}});
  ASSERT_TRUE(wait_for_battles(2));
  const BattleId bad = all()[0]->descriptor->id;
  client::ClientOptions options;
  options.battle = bad;
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 2, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  // Held for half a second; a failure falls into it.
  world::Command command;
  command.action = world::Action::attack;
  command.x = 1'000;
  command.apply_tick = static_cast<u32>(tick_of(bad) + 30);
  clients.client(0).send(command, 1, clients.now());
  const auto held = [&] { return server_->directory().find(bad)->counters->commands_held.value() == 1; };
  ASSERT_TRUE(clients.run_until(held, kPatienceS));
  std::vector<std::future<Result<void>>> told;
  for (int i = 0; i < 100; ++i) told.push_back(tell(bad, i == 50 ? "throw" : "add 1"));
  command.apply_tick = 0;
  command.x = 1'000'000;
  clients.client(1).send(command, 1, clients.now());
  u64 added = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::string what = outcome(std::move(told[i]));
    EXPECT_TRUE(what == "unavailable" || (what == "ok" && i != 50)) << i << ": " << what;
    added += what == "ok" ? 1 : 0;
  }
  EXPECT_EQ(restarted(), 1U);
  EXPECT_GE(added, 80U) << "a tick takes 16 messages; those of all others are not lost";
  // The other player's command may have been in the tick that failed: then he is told.
  const auto expected = [&] {
    const u64 refused = clients.client(1).statistics().commands_refused;
    return std::to_string(added + 1'000 + (refused == 0 ? 1'000'000 : 0));
  };
  EXPECT_TRUE(clients.run_until([&] { return ask(bad, "sum") == expected(); }, kPatienceS))
      << ask(bad, "sum") << " instead of " << expected();
  EXPECT_EQ(clients.client(0).statistics().commands_refused, 0U);
  stop_and_verify(2);
}

TEST_F(Battles, a_battle_that_fails_again_and_again_is_given_up_and_replaced) {
  start({{"test", "battle.count", "2"}, {"test", "battle.max_failures", "2"}});
  ASSERT_TRUE(wait_for_battles(2));
  const BattleId bad = all()[0]->descriptor->id, good = all()[1]->descriptor->id;
  client::ClientOptions options;
  options.battle = bad;
  options.reconnect = false;
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 1, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  tell(bad, "poison 5");
  ASSERT_TRUE(clients.run_until([&] { return !clients.heard(0).overs.empty(); }, kPatienceS));
  EXPECT_EQ(clients.heard(0).overs[0].battle, bad);
  EXPECT_EQ(clients.heard(0).overs[0].cause, wire::EndCause::failed);
  EXPECT_EQ(clients.client(0).state(), client::ClientState::between);
  EXPECT_EQ(restarted(), 2U);
  EXPECT_EQ(server_->control().given_up(), 1U);
  ASSERT_TRUE(wait_for([&] { return server_->directory().find(bad) == nullptr && all().size() == 2; }));
  const Tick before = tick_of(good);
  EXPECT_TRUE(wait_for([&] { return tick_of(good) > before + 5; }));
  stop_and_verify(2);

  // What was given up does not come back.
  start({{"test", "battle.count", "2"}});
  EXPECT_EQ(server_->directory().find(bad), nullptr);
}

TEST_F(Battles, players_who_find_no_seat_get_further_battles_and_a_battle_that_ends_says_so) {
  start({{"test", "battle.max_players", "2"}, {"test", "battle.most", "3"}});
  client::ClientOptions options;
  options.reconnect = false;
  options.keep_session = false;  // as clients that know nothing of a next battle
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 6, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  EXPECT_EQ(all().size(), 3U);
  for (const auto& entry : all()) EXPECT_EQ(entry->seated.load(), 2U);

  LiveClients late(server_->report().quic, server_->report().pki_folder, 1, options);
  ASSERT_TRUE(late.run_until([&] { return late.client(0).closed(); }, kPatienceS));
  EXPECT_EQ(late.heard(0).drop_codes.back(), transport::CloseCode::battle_full);

  const BattleId over = clients.heard(0).welcomes[0].battle;
  tell(over, "end");
  ASSERT_TRUE(clients.run_until(
      [&] {
        std::size_t closed = 0;
        for (std::size_t i = 0; i < 6; ++i) closed += clients.client(i).closed() ? 1 : 0;
        return closed == 2;
      },
      kPatienceS));
  for (std::size_t i = 0; i < 6; ++i) {
    const bool was_in_it = clients.heard(i).welcomes[0].battle == over;
    EXPECT_EQ(clients.client(i).closed(), was_in_it) << i;
    if (was_in_it) {
      EXPECT_EQ(clients.heard(i).drop_codes.back(), transport::CloseCode::battle_over);
    }
  }
  EXPECT_TRUE(wait_for([&] { return server_->directory().find(over) == nullptr; }));
  stop_and_verify(3);
}

TEST_F(Battles, players_go_on_to_the_next_battle_on_the_same_connection) {
  start({{"test", "battle.max_players", "2"}, {"test", "battle.count", "1"}, {"test", "battle.most", "3"}});
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 2);
  const auto all_in = [&](std::size_t visit) {
    return clients.all_playing() && clients.heard(0).welcomes.size() == visit &&
           clients.heard(1).welcomes.size() == visit;
  };
  ASSERT_TRUE(clients.run_until([&] { return all_in(1); }, kPatienceS));
  constexpr std::size_t kBattles = 20;  // more than the marks of datagrams tell apart
  for (std::size_t visit = 1; visit < kBattles; ++visit) {
    const BattleId over = clients.heard(0).welcomes.back().battle;
    tell(over, "end");
    ASSERT_TRUE(clients.run_until([&] { return all_in(visit + 1); }, kPatienceS)) << visit;
    const u64 frames = clients.heard(0).frames;
    world::Command command;
    command.action = world::Action::attack;
    command.x = 7;
    clients.client(0).send(command, 1, clients.now());
    const BattleId next = clients.heard(0).welcomes.back().battle;
    ASSERT_NE(next, over);
    ASSERT_TRUE(clients.run_until([&] { return ask(next, "sum") == "7"; }, kPatienceS)) << visit;
    ASSERT_TRUE(clients.run_until([&] { return clients.heard(0).frames > frames; }, kPatienceS)) << visit;
    // A session may not say Hello too often.
    clients.run_for(0.5);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(clients.heard(i).drops.empty());
    EXPECT_EQ(clients.heard(i).overs.size(), kBattles - 1);
    EXPECT_EQ(clients.client(i).statistics().visits, kBattles - 1);
    EXPECT_EQ(clients.heard(i).welcomes.back().visit, (kBattles - 1) % wire::kVisits);
  }
  EXPECT_EQ(server_->gateways()[0]->gateway_counters().sessions_opened.value(), 2U);
  stop_and_verify(2);
}

TEST_F(Battles, a_player_leaves_a_battle_for_another_and_his_seat_is_free) {
  start({{"test", "battle.max_players", "2"}, {"test", "battle.count", "2"}});
  ASSERT_TRUE(wait_for_battles(2));
  const BattleId one = all()[0]->descriptor->id, two = all()[1]->descriptor->id;
  client::ClientOptions options;
  options.battle = one;
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 1, options);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  clients.client(0).join(two, clients.now());
  ASSERT_TRUE(clients.run_until([&] { return clients.heard(0).welcomes.size() == 2; }, kPatienceS));
  EXPECT_EQ(clients.heard(0).welcomes[1].battle, two);
  EXPECT_TRUE(wait_for([&] { return all()[0]->seated.load() == 0 && all()[1]->seated.load() == 1; }));
  clients.client(0).leave_battle(clients.now());
  EXPECT_TRUE(clients.run_until([&] { return all()[1]->seated.load() == 0; }, kPatienceS));
  EXPECT_TRUE(clients.heard(0).drops.empty());
  EXPECT_EQ(server_->gateways()[0]->gateway_counters().sessions_opened.value(), 1U);
  stop_and_verify(2);
}

TEST_F(Battles, who_stays_outside_any_battle_is_closed_in_the_end) {
  start({{"test", "gateway.outside_timeout_s", "1"}});
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 1);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
  clients.client(0).leave_battle(clients.now());
  ASSERT_TRUE(clients.run_until([&] { return !clients.heard(0).drops.empty(); }, kPatienceS));
  EXPECT_NE(clients.heard(0).drops[0].find("in no battle for longer than 1 s"), std::string::npos)
      << clients.heard(0).drops[0];
  EXPECT_EQ(server_->gateways()[0]->gateway_counters().closed_outside.value(), 1U);
  clients.client(0).join({}, clients.now());
  EXPECT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
}

TEST_F(Battles, several_battle_and_gateway_threads_share_them) {
  start({{"test", "battle.count", "4"},
         {"test", "battle.shards", "2"},
         {"test", "gateway.shards", "2"},
         {"test", "battle.max_players", "2"}});
  ASSERT_TRUE(wait_for_battles(4));
  LiveClients clients(server_->report().quic, server_->report().pki_folder, 8);
  ASSERT_TRUE(clients.run_until(
      [&] {
        if (!clients.all_playing()) return false;
        for (std::size_t i = 0; i < 8; ++i) {
          if (clients.heard(i).frames < 10 || !clients.heard(i).has_roster) return false;
        }
        return true;
      },
      kPatienceS));
  u32 on_first = 0;
  for (const auto& entry : all()) {
    EXPECT_EQ(entry->seated.load(), 2U);
    on_first += entry->shard == 0 ? 1 : 0;
  }
  EXPECT_EQ(on_first, 2U);
  stop_and_verify(4);
}

}  // namespace
}  // namespace drumline

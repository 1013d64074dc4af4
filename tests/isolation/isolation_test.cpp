// battle.isolation = "process": a crash in native rules code is the affair of one battle group.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "env/thread.hpp"
#include "recovery/data_folders.hpp"
#include "recovery/folder_history.hpp"
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

constexpr double kPatienceS = 60;

class Isolation : public ::testing::Test {
 protected:
  void start(std::vector<config::Sources::Flag> flags = {}) {
    flags.insert(flags.begin(), {{"test", "battle.isolation", "process"},
                                 {"test", "battle.shards", "2"},
                                 {"test", "battle.count", "2"},
                                 {"test", "battle.max_players", "1"},
                                 {"test", "battle.max_ticks_behind", "64"}});
    auto started = start_server(data_.path(), std::move(flags), trouble::trouble_game());
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
  }
  /// One player a battle; the first in `bad`, the second in `good`.
  void seat_two() {
    clients_.emplace(server_->report().quic, server_->report().pki_folder, 2);
    ASSERT_TRUE(clients_->run_until(
        [&] {
          return clients_->all_playing() && clients_->heard(0).frames > 5 && clients_->heard(1).frames > 5;
        },
        kPatienceS));
    bad_ = clients_->heard(0).welcomes.back().battle;
    good_ = clients_->heard(1).welcomes.back().battle;
    ASSERT_NE(shard_of(bad_), shard_of(good_));
  }
  u32 shard_of(BattleId id) const { return server_->directory().find(id)->shard; }
  server::GroupFigures group_of(BattleId id) const { return server_->battles().groups()[shard_of(id)]; }
  bool run_until(const std::function<bool()>& done) { return clients_->run_until(done, kPatienceS); }
  /// What became of it: nothing when the battle took it.
  std::string tell(BattleId id, std::string_view message) {
    auto told = server_->control().tell(id, as_bytes(message));
    if (clients_)
      run_until([&] { return told.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
    const auto outcome = told.get();
    return outcome ? "" : "error: " + outcome.error().message;
  }
  std::string ask(BattleId id, std::string_view question) {
    const env::SystemClock clock;
    auto answer = server_->control().ask(id, as_bytes(question), clock.now() + 20 * kSecondNs);
    if (clients_)
      run_until([&] { return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
    const auto given = answer.get();
    return given ? std::string(as_text(*given)) : "error: " + given.error().message;
  }
  void act(std::size_t client, world::Action action, i32 x) {
    world::Command command;
    command.action = action;
    command.entity = clients_->client(client).entity();
    command.x = x;
    clients_->client(client).send(command, 1, clients_->now());
  }
  /// The crashed battle's player is in the same session, hears of new ticks, and is heard.
  void expect_that_the_first_plays_on(u32 sum) {
    const Tick shown = clients_->heard(0).newest_tick;
    EXPECT_TRUE(run_until([&] {
      return group_of(bad_).up && clients_->heard(0).newest_tick > shown + 30 &&
             clients_->client(0).playing();
    }));
    EXPECT_EQ(ask(bad_, "sum"), std::to_string(sum)) << "what was shown before is there";
    act(0, world::Action::move, 5);
    EXPECT_TRUE(run_until([&] { return ask(bad_, "sum") == std::to_string(sum + 5); })) << ask(bad_, "sum");
    EXPECT_EQ(clients_->heard(0).welcomes.size(), 1U) << "the session was never lost";
    EXPECT_TRUE(clients_->heard(0).drops.empty());
    EXPECT_EQ(server_->directory().find(bad_)->seated.load(), 1U);
    EXPECT_EQ(group_of(bad_).behind, 0U) << "nothing that was shown is missing";
  }
  void expect_that_the_second_noticed_nothing(i64 process) {
    EXPECT_EQ(group_of(good_).restarts, 0U);
    EXPECT_EQ(group_of(good_).process, process);
    EXPECT_EQ(clients_->heard(1).welcomes.size(), 1U);
    EXPECT_TRUE(clients_->heard(1).drops.empty());
    EXPECT_TRUE(clients_->client(1).playing());
    // Never a whole second late: with 64 ticks of patience the schedule was never moved.
    EXPECT_EQ(server_->battles().shards()[shard_of(good_)].ticks->schedule_shifts.value(), 0U);
    const Tick heard = clients_->heard(1).newest_tick;
    EXPECT_TRUE(run_until([&] { return clients_->heard(1).newest_tick > heard + 10; }));
  }
  std::vector<std::string> group_reports() const {
    std::vector<std::string> texts;
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(data_.path() + "/failures", none)) {
      if (!file.path().filename().string().starts_with("group-")) continue;
      std::ostringstream text;
      text << std::ifstream(file.path()).rdbuf();
      texts.push_back(text.str());
    }
    return texts;
  }
  void stop_and_verify(u64 battles) {
    clients_.reset();
    server_->stop(0);
    server_.reset();
    verify(battles);
  }
  void verify(u64 battles) {
    const auto files = env::make_system_files();
    const env::SystemClock clock;
    const recovery::GameLookup lookup = [](std::string_view) { return &trouble::trouble_game(); };
    const auto folders = recovery::folders_with_journal(*files, data_.path());
    ASSERT_TRUE(folders.ok());
    EXPECT_EQ(folders->size(), 2U);
    const auto verified = recovery::verify_data_folders(*files, *folders, lookup, clock, {});
    ASSERT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_TRUE(verified->differences.empty());
    EXPECT_GE(verified->battles, battles);
    EXPECT_GT(verified->ticks, 10U);
    // Any tool finds a battle by the node's folder.
    EXPECT_TRUE(recovery::open_history(*files, data_.path(), bad_).ok());
    EXPECT_TRUE(recovery::open_history(*files, data_.path(), good_).ok());
  }

  TemporaryFolder data_;
  std::unique_ptr<server::Server> server_;
  std::optional<LiveClients> clients_;
  BattleId bad_{}, good_{};
};

TEST_F(Isolation, a_segmentation_fault_stops_one_group_and_its_player_plays_on_in_the_same_session) {
  start();
  seat_two();
  const i64 process = group_of(good_).process, crashed = group_of(bad_).process;
  act(0, world::Action::move, 3);
  ASSERT_TRUE(run_until([&] { return ask(bad_, "sum") == "3"; }));
  act(0, world::Action::skill, 0);  // which is a stray pointer in these rules
  ASSERT_TRUE(run_until([&] { return group_of(bad_).restarts == 1; }));
  expect_that_the_first_plays_on(3);
  EXPECT_NE(group_of(bad_).process, crashed);
  EXPECT_EQ(group_of(bad_).restarts, 1U) << "the command that it crashed on did not come again";
  expect_that_the_second_noticed_nothing(process);
  const auto reports = group_reports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_NE(reports[0].find("\"last_shown_tick\""), std::string::npos);
  EXPECT_NE(reports[0].find("skill"), std::string::npos) << reports[0];
  stop_and_verify(2);
}

TEST_F(Isolation, a_killed_process_is_started_again_each_time) {
  start({{"test", "battle.max_failures", "5"}});
  seat_two();
  const i64 process = group_of(good_).process;
  act(0, world::Action::move, 3);
  ASSERT_TRUE(run_until([&] { return ask(bad_, "sum") == "3"; }));
  u32 sum = 3;
  for (u64 kill = 1; kill <= 3; ++kill) {
    ::kill(static_cast<pid_t>(group_of(bad_).process), SIGKILL);
    ASSERT_TRUE(run_until([&] { return group_of(bad_).restarts == kill; }));
    expect_that_the_first_plays_on(sum);
    sum += 5;
  }
  expect_that_the_second_noticed_nothing(process);
  stop_and_verify(2);
}

TEST_F(Isolation, a_process_that_stands_still_for_long_is_killed_and_started_again) {
  start();
  seat_two();
  ::kill(static_cast<pid_t>(group_of(bad_).process), SIGSTOP);
  ASSERT_TRUE(run_until([&] { return group_of(bad_).restarts == 1; }));
  expect_that_the_first_plays_on(0);
  stop_and_verify(2);
}

TEST_F(Isolation, a_group_that_crashes_again_and_again_is_given_up_and_its_players_are_told) {
  start({{"test", "battle.max_failures", "2"}});
  seat_two();
  const i64 process = group_of(good_).process;
  const u32 lost = shard_of(bad_), kept = shard_of(good_);
  tell(bad_, "ruin 3");  // in the journal before it happens: each start runs into it
  ASSERT_TRUE(run_until([&] { return server_->battles().groups()[lost].given_up; }));
  EXPECT_EQ(server_->battles().groups()[lost].restarts, 2U);
  EXPECT_FALSE(server_->battles().groups()[lost].up);
  ASSERT_TRUE(run_until([&] { return !clients_->heard(0).overs.empty(); }));
  EXPECT_EQ(clients_->heard(0).overs.back().cause, wire::EndCause::failed);
  expect_that_the_second_noticed_nothing(process);
  // There are as many battles as before, all of them where they can run.
  ASSERT_TRUE(run_until([&] { return server_->directory().find(bad_) == nullptr; }));
  ASSERT_TRUE(run_until([&] { return server_->directory().size() == 2; }));
  for (const auto& entry : server_->directory().all()) EXPECT_EQ(entry->shard, kept);
  // Where he who lost his battle finds another.
  EXPECT_TRUE(run_until([&] { return clients_->client(0).playing(); }));
  EXPECT_NE(clients_->heard(0).welcomes.back().battle, bad_);
  EXPECT_FALSE(server_->failure().has_value());
  EXPECT_EQ(group_reports().size(), 3U);
}

TEST_F(Isolation, what_is_contained_within_a_process_is_contained_there) {
  start();
  seat_two();
  EXPECT_EQ(tell(bad_, "add 5"), "");
  ASSERT_TRUE(run_until([&] { return ask(bad_, "sum") == "5"; }));
  EXPECT_NE(tell(bad_, "throw"), "");
  ASSERT_TRUE(run_until([&] { return server_->battles().restarted() == 1; }));
  EXPECT_TRUE(run_until([&] { return ask(bad_, "sum") == "5"; }));
  EXPECT_EQ(group_of(bad_).restarts, 0U);
  stop_and_verify(2);
}

TEST_F(Isolation, battles_are_told_asked_snapshotted_ended_and_made_over_the_link) {
  start({{"test", "battle.most", "4"}});
  seat_two();
  EXPECT_EQ(tell(bad_, "add 7"), "");
  EXPECT_TRUE(run_until([&] { return ask(bad_, "sum") == "7"; }));
  EXPECT_EQ(ask(bad_, "weather"), "error: the game knows no such question");
  EXPECT_EQ(ask(bad_, "throw"), "error: the rules failed at the question: it threw: asked to throw");
  EXPECT_EQ(ask(BattleId{99}, "sum"), "error: battle 99 does not run here");
  const auto snapshot = server_->control().snapshot(bad_, clients_->now() + 20 * kSecondNs).get();
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  EXPECT_GT(snapshot->tick, 0U);
  EXPECT_FALSE(snapshot->content.empty());

  auto made = server_->control().create();
  ASSERT_TRUE(run_until([&] { return made.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  const auto third = made.get();
  ASSERT_TRUE(third.ok()) << third.error().message;
  EXPECT_TRUE(run_until([&] { return server_->directory().find(*third)->tick.load() > 3; }));

  ASSERT_TRUE(server_->control().dispose(bad_, "it is late").ok());
  ASSERT_TRUE(run_until([&] { return !clients_->heard(0).overs.empty(); }));
  EXPECT_EQ(clients_->heard(0).overs.back().cause, wire::EndCause::ended);
  EXPECT_TRUE(run_until([&] { return server_->directory().find(bad_) == nullptr; }));
  EXPECT_EQ(server_->battles().groups()[0].restarts + server_->battles().groups()[1].restarts, 0U);
}

TEST_F(Isolation, a_node_started_again_finds_every_groups_battles) {
  start();
  seat_two();
  EXPECT_EQ(tell(bad_, "add 7"), "");
  EXPECT_EQ(tell(good_, "add 8"), "");
  ASSERT_TRUE(run_until([&] { return ask(bad_, "sum") == "7" && ask(good_, "sum") == "8"; }));
  clients_.reset();
  server_->stop(0);
  server_.reset();
  start();
  ASSERT_EQ(server_->report().recovered.size(), 2U);
  for (const auto& battle : server_->report().recovered) EXPECT_TRUE(battle.equal);
  EXPECT_EQ(ask(bad_, "sum"), "7");
  EXPECT_EQ(ask(good_, "sum"), "8");
  server_.reset();
  const auto refused =
      start_server(data_.path(), {{"test", "battle.isolation", "thread"}}, trouble::trouble_game());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("battle.isolation = \"process\""), std::string::npos)
      << refused.error().message;
  verify(2);
}

TEST_F(Isolation, whatever_a_groups_process_says_the_node_lives) {
  bool played = false;
  for (u64 seed = 1; seed <= 6; ++seed) {
    const TemporaryFolder data;
    auto started = start_server(
        data.path(), {{"test", "battle.isolation", "process"}, {"test", "battle.max_failures", "2"}},
        trouble::trouble_game(), {"hostile", std::to_string(seed)});
    ASSERT_TRUE(started.ok()) << started.error().message;
    server::Server& server = **started;
    LiveClients clients(server.report().quic, server.report().pki_folder, 4);
    EXPECT_TRUE(clients.run_until(
        [&] {
          for (std::size_t i = 0; i < clients.size(); ++i) played |= clients.client(i).playing();
          return server.battles().groups()[0].given_up;
        },
        kPatienceS))
        << "seed " << seed;
    EXPECT_TRUE(server.failure().has_value()) << "it was the only group";
    // Who connects now is answered.
    LiveClients late(server.report().quic, server.report().pki_folder, 1);
    EXPECT_TRUE(late.run_until([&] { return !late.heard(0).refused.empty(); }, kPatienceS));
  }
  EXPECT_TRUE(played) << "what it said reached gateways and clients";
}

TEST_F(Isolation, a_group_whose_ticks_take_too_long_is_told_the_pace_and_journals_it) {
  start({{"test", "battle.max_ticks_behind", "4"},
         {"test", "overload.enabled", "true"},
         {"test", "overload.lateness_bound_ms", "1000"},
         {"test", "overload.delivery_bound_ms", "1000"},
         {"test", "overload.descend_after_s", "1"}});
  seat_two();
  EXPECT_EQ(tell(bad_, "slow 40"), "");
  EXPECT_TRUE(run_until([&] { return clients_->client(0).battle_time().pace_percent() >= 300; }));
  EXPECT_EQ(tell(bad_, "slow 0"), "");
  EXPECT_TRUE(run_until([&] { return clients_->client(0).battle_time().pace_percent() == 100; }));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(clients_->heard(i).drops.empty());
  const std::vector<u32> told = clients_->heard(0).paces;
  const u32 group = shard_of(bad_);
  server_->stop(kSecondNs);
  server_.reset();

  const auto files = env::make_system_files();
  auto history = recovery::FolderHistory::open(*files, recovery::group_folder(data_.path(), group), bad_);
  ASSERT_TRUE(history.ok()) << history.error().message;
  std::vector<u32> journaled;
  battle::TickRecord record;
  for (Tick tick = (*history)->first_tick() + 1; tick <= (*history)->last_tick(); ++tick) {
    ASSERT_TRUE((*history)->read_tick(tick, record).ok());
    for (const battle::Input& input : record.inputs) {
      if (input.kind == battle::InputKind::pace) journaled.push_back(input.pace_percent);
    }
  }
  EXPECT_EQ(journaled, told);
}

}  // namespace
}  // namespace drumline

// A server with more to do than time: it climbs the overload ladder, everybody stays, and
// what it did to time is in the journal.
#include <gtest/gtest.h>

#include "env/thread.hpp"
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
using transport::CloseCode;

class Overload : public ::testing::Test {
 protected:
  void start() {
    // Only what the rules do is to be too much, and not this machine's other work.
    auto started = start_server(data_.path(),
                                {{"test", "overload.enabled", "true"},
                                 {"test", "overload.descend_after_s", "1"},
                                 {"test", "overload.retry_after_s", "1"},
                                 {"test", "overload.lateness_bound_ms", "1000"},
                                 {"test", "overload.delivery_bound_ms", "1000"},
                                 {"test", "battle.max_ticks_behind", "4"}},
                                trouble::trouble_game());
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
  }
  std::unique_ptr<LiveClients> clients(u32 count) {
    return std::make_unique<LiveClients>(server_->report().quic, server_->report().pki_folder, count);
  }
  void tell(std::string_view message) {
    EXPECT_TRUE(server_->control().tell(BattleId{1}, as_bytes(message)).get().ok());
  }
  i64 rung() const { return server_->overload().counters().rung.value(); }
  i64 pace() const { return server_->overload().counters().pace_percent.value(); }
  /// In the order of their ticks, as the journal holds them.
  std::vector<u32> journaled_paces() {
    const auto files = env::make_system_files();
    auto history = recovery::FolderHistory::open(*files, data_.path(), BattleId{1});
    EXPECT_TRUE(history.ok()) << history.error().message;
    std::vector<u32> paces;
    battle::TickRecord record;
    for (Tick tick = (*history)->first_tick() + 1; tick <= (*history)->last_tick(); ++tick) {
      EXPECT_TRUE((*history)->read_tick(tick, record).ok());
      for (const battle::Input& input : record.inputs) {
        if (input.kind == battle::InputKind::pace) paces.push_back(input.pace_percent);
      }
    }
    return paces;
  }
  void stop_and_verify() {
    server_->stop(kSecondNs);
    server_.reset();
    const auto files = env::make_system_files();
    const env::SystemClock clock;
    const auto verified = recovery::verify_data_folder(
        *files, data_.path(), [](std::string_view) { return &trouble::trouble_game(); }, clock, {});
    ASSERT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_TRUE(verified->differences.empty());
  }

  TemporaryFolder data_;
  std::unique_ptr<server::Server> server_;
};

TEST_F(Overload, time_is_dilated_as_far_as_needed_told_journaled_and_given_back) {
  start();
  const auto players = clients(2);
  ASSERT_TRUE(players->run_until([&] { return players->all_playing(); }, 30));

  // A tick of 40 ms: three times the usual time is enough.
  tell("slow 40");
  ASSERT_TRUE(players->run_until([&] { return players->client(0).battle_time().pace_percent() >= 300; }, 60));
  EXPECT_EQ(rung(), static_cast<i64>(battle::Rung::dilation));
  const auto newcomer = clients(1);
  EXPECT_TRUE(newcomer->run_until([&] { return !newcomer->heard(0).refused.empty(); }, 30));
  ASSERT_FALSE(newcomer->heard(0).refused.empty());
  EXPECT_EQ(newcomer->heard(0).refused.front().code, static_cast<u16>(CloseCode::overloaded));
  EXPECT_EQ(newcomer->heard(0).refused.front().retry_after_ms, 1000U);
  EXPECT_TRUE(newcomer->heard(0).welcomes.empty());

  tell("slow 0");
  EXPECT_TRUE(players->run_until(
      [&] { return rung() == 0 && players->client(0).battle_time().pace_percent() == 100; }, 120));
  // Whom it refused comes back by himself.
  EXPECT_TRUE(newcomer->run_until([&] { return newcomer->client(0).playing(); }, 60));
  for (std::size_t i = 0; i < players->size(); ++i) {
    EXPECT_TRUE(players->client(i).playing());
    EXPECT_TRUE(players->heard(i).drops.empty()) << "nobody lost his session";
  }
  const std::vector<u32> told = players->heard(0).paces;
  ASSERT_GE(told.size(), 2U);
  stop_and_verify();
  EXPECT_EQ(journaled_paces(), told);
}

TEST(OverloadWatch, frames_that_never_reach_all_their_clients_are_overload_though_none_is_late_yet) {
  const env::SystemClock clock;
  battle::OverloadState state;
  std::atomic<i64> under_way_ns{0};
  Histogram lateness;
  server::OverloadWatch watch(
      {}, state,
      [&] {
        lateness.record(1000);
        return server::LoadFigures{lateness, {}, 0, under_way_ns.load()};
      },
      clock);
  watch.start();
  const auto rung_within = [&](double seconds) {
    const TimeNs end = clock.now() + static_cast<TimeNs>(seconds * 1e9);
    while (state.rung.load() == battle::Rung::normal && clock.now() < end)
      env::sleep_until(clock.now() + 10 * kMillisecondNs);
    return state.rung.load();
  };
  EXPECT_EQ(rung_within(1.5), battle::Rung::normal);
  under_way_ns.store(kSecondNs);
  EXPECT_NE(rung_within(30), battle::Rung::normal);
}

}  // namespace
}  // namespace drumline

#include "recovery/verify.hpp"

#include <gtest/gtest.h>

#include "env/simulated_files.hpp"
#include "support/battle_log.hpp"

namespace drumline::recovery {
namespace {

using test::BattleLog;
using test::kData;

struct Verify : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  BattleLog log{files, clock};

  void play(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      const auto done = log.tick();
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  }
  void begin() {
    ASSERT_TRUE(log.open().ok());
    ASSERT_TRUE(log.create(BattleId{1}, 11, 4).ok());
    ASSERT_TRUE(log.create(BattleId{2}, 12, 8).ok());
  }
  Result<Verification> verify() { return verify_data_folder(files, kData, log.lookup(), clock, nullptr); }
};

TEST_F(Verify, every_tick_of_every_battle_is_compared) {
  begin();
  log.snapshot_every = 50;
  log.prune = false;
  play(300);
  const auto result = verify();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->battles, 2U);
  EXPECT_EQ(result->ticks, 600U);
  EXPECT_EQ(result->snapshots, 12U);
  EXPECT_TRUE(result->differences.empty());
}

TEST_F(Verify, with_a_pruned_beginning_it_starts_at_the_oldest_snapshot) {
  begin();
  log.snapshot_every = 64;
  play(3000);
  ASSERT_GT(log.pruned_segments, 0U);
  const auto result = verify();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(result->differences.empty()) << result->differences[0].error.message;
  EXPECT_GE(result->ticks, 2 * 128U);
}

TEST_F(Verify, a_difference_names_battle_and_tick_once) {
  begin();
  play(40);
  log.game = test::CountingGame(3);
  const auto result = verify();
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->differences.size(), 2U);
  EXPECT_EQ(result->differences[0].battle, BattleId{1});
  EXPECT_EQ(result->differences[0].tick, 1U);
}

TEST_F(Verify, ended_battles_whose_beginning_is_pruned_are_no_difference) {
  begin();
  log.snapshot_every = 64;
  play(900);
  ASSERT_TRUE(log.dispose(BattleId{1}).ok());
  play(3000);
  const auto result = verify();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->differences.empty()) << result->differences[0].error.message;
}

TEST_F(Verify, changes_nothing_on_the_disk) {
  begin();
  play(20);
  auto file = files.open(journal::segment_path(journal_folder(kData), 1), env::OpenMode::read_write);
  const u64 end = log.writer().end().offset;
  ASSERT_TRUE((*file)->write_at(end, std::vector<std::byte>(10, std::byte{1})).ok());
  const auto before = env::read_file(files, (*file)->path(), 1 << 20);
  const auto names = files.list(journal_folder(kData));
  const auto result = verify();
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->torn.size(), 1U);
  EXPECT_EQ(result->torn[0].offset, end);
  EXPECT_EQ(*env::read_file(files, (*file)->path(), 1 << 20), *before);
  EXPECT_EQ(*files.list(journal_folder(kData)), *names);
}

}  // namespace
}  // namespace drumline::recovery

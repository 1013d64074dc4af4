#include "recovery/recovery.hpp"

#include <gtest/gtest.h>

#include "env/simulated_files.hpp"
#include "recovery/verify.hpp"
#include "support/battle_log.hpp"

namespace drumline::recovery {
namespace {

using test::BattleLog;
using test::kData;

struct Recover : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  BattleLog log{files, clock};
  const BattleId one{1};
  const BattleId two{2};

  void play(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      const auto done = log.tick();
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  }
  void begin() {
    ASSERT_TRUE(log.open().ok());
    ASSERT_TRUE(log.create(one, 11, 4).ok());
    ASSERT_TRUE(log.create(two, 12, 8).ok());
  }
  Result<Recovery> recover() { return recover_data_folder(files, kData, log.lookup(), clock); }
  void damage(const std::string& path, u64 offset) {
    auto file = files.open(path, env::OpenMode::read_write);
    ASSERT_TRUE(file.ok()) << path;
    std::byte byte{};
    ASSERT_TRUE((*file)->read_at(offset, {&byte, 1}).ok());
    byte ^= std::byte{0x10};
    ASSERT_TRUE((*file)->write_at(offset, {&byte, 1}).ok());
  }
  std::string snapshot_path(BattleId id, Tick tick) {
    return log.store().battle_folder(id) + "/" + snapshot::snapshot_name(tick);
  }
};

TEST_F(Recover, an_empty_folder_has_nothing_to_recover) {
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_TRUE(recovery->ok());
  EXPECT_TRUE(recovery->battles.empty());
  EXPECT_EQ(recovery->end.segment, 0U);
}

TEST_F(Recover, battles_resume_from_their_creation_with_the_journals_hash) {
  begin();
  play(200);
  files.crash();
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok()) << recovery.error().message;
  ASSERT_EQ(recovery->battles.size(), 2U);
  for (const auto& battle : recovery->battles) {
    const BattleReport& report = battle.report;
    ASSERT_FALSE(report.failure) << report.failure->message;
    EXPECT_TRUE(report.equal);
    EXPECT_EQ(report.resumed_tick, 200U);
    EXPECT_EQ(report.snapshot_tick, 0U);
    EXPECT_EQ(report.ticks_replayed, 200U);
    EXPECT_EQ(report.state_hash, log.acknowledged[report.id][200]);
    EXPECT_EQ(report.game, "counting");
  }
}

TEST_F(Recover, a_battle_resumes_from_its_newest_snapshot) {
  begin();
  log.snapshot_every = 64;
  play(200);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  ASSERT_FALSE(recovery->battles[0].report.failure) << recovery->battles[0].report.failure->message;
  EXPECT_EQ(recovery->battles[0].report.snapshot_tick, 192U);
  EXPECT_EQ(recovery->battles[0].report.ticks_replayed, 8U);
  EXPECT_EQ(recovery->battles[0].report.state_hash, log.acknowledged[one][200]);
}

TEST_F(Recover, with_snapshots_in_the_journal_only_what_follows_the_newest_is_replayed) {
  log.inline_snapshots = true;
  begin();
  log.snapshot_every = 64;
  play(200);
  files.crash();
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok()) << recovery.error().message;
  for (const auto& battle : recovery->battles) {
    ASSERT_FALSE(battle.report.failure) << battle.report.failure->message;
    EXPECT_EQ(battle.report.snapshot_tick, 192U);
    EXPECT_EQ(battle.report.ticks_replayed, 8U);
    EXPECT_EQ(battle.report.state_hash, log.acknowledged[battle.report.id][200]);
  }
  const auto verified = verify_data_folder(files, kData, log.lookup(), clock, nullptr);
  ASSERT_TRUE(verified.ok());
  EXPECT_TRUE(verified->differences.empty());
  EXPECT_EQ(verified->ticks, 400U) << "verifying takes no short cut";
  EXPECT_EQ(verified->snapshots, 6U);
}

TEST_F(Recover, a_journal_with_snapshots_in_it_gives_up_its_beginning) {
  log.inline_snapshots = true;
  begin();
  log.snapshot_every = 64;
  play(3000);
  EXPECT_GT(log.pruned_segments, 0U);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok()) << recovery.error().message;
  for (const auto& battle : recovery->battles) {
    ASSERT_FALSE(battle.report.failure) << battle.report.failure->message;
    EXPECT_EQ(battle.report.state_hash, log.acknowledged[battle.report.id][3000]);
  }
  const auto verified = verify_data_folder(files, kData, log.lookup(), clock, nullptr);
  ASSERT_TRUE(verified.ok());
  EXPECT_TRUE(verified->differences.empty()) << verified->differences[0].error.message;
}

TEST_F(Recover, a_damaged_snapshot_is_passed_over_and_reported) {
  begin();
  log.snapshot_every = 64;
  play(200);
  damage(snapshot_path(one, 192), 200);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_EQ(recovery->battles[0].report.snapshot_tick, 128U);
  EXPECT_TRUE(recovery->battles[0].report.equal);
  ASSERT_EQ(recovery->damaged.size(), 1U);
  EXPECT_EQ(recovery->damaged[0].path, snapshot_path(one, 192));
}

TEST_F(Recover, a_snapshot_whose_record_was_lost_in_a_crash_is_used_all_the_same) {
  begin();
  log.snapshot_every = 64;
  log.journal_snapshots = false;
  play(100);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_EQ(recovery->battles[0].report.snapshot_tick, 64U);
  EXPECT_TRUE(recovery->battles[0].report.equal);
}

TEST_F(Recover, a_snapshot_of_a_tick_that_the_journal_lost_is_not_used) {
  begin();
  log.snapshot_every = 64;
  play(100);
  // Steps that were never journaled, and a snapshot of the last one.
  battle::Battle& battle = log.battle(one);
  for (int i = 0; i < 5; ++i) (void)battle.step({});
  log.journal_snapshots = false;
  ASSERT_TRUE(log.snapshot(battle).ok());
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok()) << recovery.error().message;
  const BattleReport& report = recovery->battles[0].report;
  ASSERT_FALSE(report.failure) << report.failure->message;
  EXPECT_EQ(report.snapshot_tick, 64U);
  EXPECT_EQ(report.resumed_tick, 100U);
  EXPECT_EQ(report.state_hash, log.acknowledged[one][100]);
}

TEST_F(Recover, a_battle_plays_on_after_recovery_as_it_would_have_without) {
  begin();
  log.snapshot_every = 50;
  play(120);
  files.crash();
  BattleLog again(files, clock);
  ASSERT_TRUE(again.open().ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(again.tick().ok());
  play(0);
  env::SimulatedFiles other;
  BattleLog whole(other, clock);
  ASSERT_TRUE(whole.open().ok());
  ASSERT_TRUE(whole.create(one, 11, 4).ok());
  for (int i = 0; i < 220; ++i) ASSERT_TRUE(whole.tick().ok());
  EXPECT_EQ(again.acknowledged[one][220], whole.acknowledged[one][220]);
  EXPECT_EQ(again.battle(one).info().epoch, Epoch{2});
}

TEST_F(Recover, another_build_of_the_game_is_caught_at_its_first_tick) {
  begin();
  play(30);
  log.game = test::CountingGame(1);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_FALSE(recovery->ok());
  const auto& failure = recovery->battles[0].report.failure;
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, ErrorCode::mismatch);
  EXPECT_NE(failure->message.find("battle 1, tick 1: the state hash is 0x"), std::string::npos)
      << failure->message;
  EXPECT_EQ(recovery->battles[0].battle, nullptr);
}

TEST_F(Recover, a_game_that_is_not_there_is_named) {
  begin();
  const auto none = [](std::string_view) -> const world::Game* { return nullptr; };
  const auto recovery = recover_data_folder(files, kData, none, clock);
  ASSERT_TRUE(recovery.ok());
  EXPECT_NE(recovery->battles[0].report.failure->message.find("game counting"), std::string::npos);
}

TEST_F(Recover, a_disposed_battle_does_not_come_back) {
  begin();
  log.snapshot_every = 20;
  play(50);
  ASSERT_TRUE(log.dispose(one).ok());
  play(50);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_TRUE(recovery->ok());
  ASSERT_EQ(recovery->battles.size(), 1U);
  EXPECT_EQ(recovery->battles[0].report.id, two);
  EXPECT_EQ(recovery->disposed, std::vector<BattleId>{one});
}

TEST_F(Recover, with_the_journals_beginning_pruned_snapshots_are_the_way_back) {
  begin();
  log.snapshot_every = 64;
  play(3000);
  EXPECT_GT(log.pruned_segments, 0U);
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok()) << recovery.error().message;
  for (const auto& battle : recovery->battles) {
    ASSERT_FALSE(battle.report.failure) << battle.report.failure->message;
    EXPECT_EQ(battle.report.state_hash, log.acknowledged[battle.report.id][3000]);
  }
  // And the oldest snapshot alone must do as well.
  const auto ticks = log.store().ticks(one);
  ASSERT_EQ(ticks->size(), 3U);
  damage(snapshot_path(one, (*ticks)[2]), 100);
  damage(snapshot_path(one, (*ticks)[1]), 100);
  const auto harder = recover();
  ASSERT_FALSE(harder->battles[0].report.failure) << harder->battles[0].report.failure->message;
  EXPECT_EQ(harder->battles[0].report.state_hash, log.acknowledged[one][3000]);
  damage(snapshot_path(one, (*ticks)[0]), 100);
  const auto lost = recover();
  ASSERT_TRUE(lost.ok());
  EXPECT_FALSE(lost->ok());
  ASSERT_TRUE(lost->battles[0].report.failure);
  EXPECT_NE(lost->battles[0].report.failure->message.find("battle 1"), std::string::npos);
}

TEST_F(Recover, snapshots_without_a_journal_are_not_taken_for_a_fresh_start) {
  begin();
  log.snapshot_every = 20;
  play(50);
  const auto names = files.list(journal_folder(kData));
  for (const auto& name : *names) ASSERT_TRUE(files.remove(journal_folder(kData) + "/" + name).ok());
  const auto recovery = recover();
  ASSERT_TRUE(recovery.ok());
  EXPECT_FALSE(recovery->ok());
  EXPECT_NE(recovery->battles[0].report.failure->message.find("no record of it"), std::string::npos);
}

TEST_F(Recover, damage_in_the_journal_is_refused_with_its_place) {
  begin();
  play(50);
  damage(journal::segment_path(journal_folder(kData), 1), 500);
  const auto recovery = recover();
  ASSERT_FALSE(recovery.ok());
  EXPECT_EQ(recovery.error().code, ErrorCode::corrupt);
  EXPECT_NE(recovery.error().message.find("00000001.seg, offset "), std::string::npos)
      << recovery.error().message;
}

}  // namespace
}  // namespace drumline::recovery

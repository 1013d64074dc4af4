#include "snapshot/store.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "env/simulated_files.hpp"

namespace drumline::snapshot {
namespace {

struct Snapshots : ::testing::Test {
  env::SimulatedFiles files;
  SnapshotStore store{files, "data/snapshots"};
  const BattleId battle{4};

  void write(Tick tick) {
    const std::string content = "state of tick " + std::to_string(tick);
    const auto name = store.write({.battle = battle, .epoch = Epoch{2}, .tick = tick, .state_hash = tick * 7},
                                  as_bytes("info"), as_bytes(content));
    ASSERT_TRUE(name.ok()) << name.error().message;
    EXPECT_EQ(*name, snapshot_name(tick));
  }
  std::string path(Tick tick) const { return store.battle_folder(battle) + "/" + snapshot_name(tick); }
  void damage(Tick tick, u64 offset) {
    auto file = files.open(path(tick), env::OpenMode::read_write);
    ASSERT_TRUE(file.ok());
    std::byte byte{};
    ASSERT_TRUE((*file)->read_at(offset, {&byte, 1}).ok());
    byte ^= std::byte{0x10};
    ASSERT_TRUE((*file)->write_at(offset, {&byte, 1}).ok());
  }
};

TEST_F(Snapshots, a_snapshot_comes_back_after_a_crash) {
  write(512);
  files.crash();
  const auto snapshot = store.load(battle, 512);
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  EXPECT_EQ(snapshot->header.battle, battle);
  EXPECT_EQ(snapshot->header.epoch, Epoch{2});
  EXPECT_EQ(snapshot->header.state_hash, 512U * 7);
  EXPECT_EQ(as_text(snapshot->info()), "info");
  EXPECT_EQ(as_text(snapshot->content()), "state of tick 512");
}

TEST_F(Snapshots, a_store_without_a_folder_is_empty) {
  EXPECT_TRUE(store.battles()->empty());
  EXPECT_TRUE(store.ticks(battle)->empty());
  EXPECT_EQ(store.load_latest(battle, 100, nullptr).error().code, ErrorCode::not_found);
}

TEST_F(Snapshots, the_newest_one_not_after_the_tick_asked_for_is_found) {
  for (const Tick tick : {9, 100, 1000}) write(tick);
  EXPECT_EQ(*store.ticks(battle), (std::vector<Tick>{9, 100, 1000}));
  EXPECT_EQ(*store.battles(), std::vector<BattleId>{battle});
  EXPECT_EQ(store.load_latest(battle, 5000, nullptr)->header.tick, 1000U);
  EXPECT_EQ(store.load_latest(battle, 999, nullptr)->header.tick, 100U);
  EXPECT_EQ(store.load_oldest(battle, 10, nullptr)->header.tick, 100U);
  EXPECT_EQ(store.load_latest(battle, 8, nullptr).error().code, ErrorCode::not_found);
}

TEST_F(Snapshots, a_damaged_one_is_passed_over_and_named) {
  for (const Tick tick : {1, 2, 3}) write(tick);
  damage(3, kSnapshotHeaderBytes + 6);
  std::vector<DamagedSnapshot> damaged;
  const auto found = store.load_latest(battle, 100, &damaged);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->header.tick, 2U);
  ASSERT_EQ(damaged.size(), 1U);
  EXPECT_EQ(damaged[0].path, path(3));
  EXPECT_NE(damaged[0].error.message.find("content does not have the hash"), std::string::npos);
}

TEST_F(Snapshots, every_byte_flip_and_every_truncation_is_refused) {
  write(7);
  const auto good = *env::read_file(files, path(7), 10000);
  for (u64 offset = 0; offset < good.size(); ++offset) {
    damage(7, offset);
    EXPECT_FALSE(store.load(battle, 7).ok()) << offset;
    damage(7, offset);
  }
  ASSERT_TRUE(store.load(battle, 7).ok());
  auto file = files.open(path(7), env::OpenMode::read_write);
  for (u64 size = good.size(); size-- > 0;) {
    ASSERT_TRUE((*file)->truncate(size).ok());
    const auto loaded = store.load(battle, 7);
    ASSERT_FALSE(loaded.ok()) << size;
    EXPECT_NE(loaded.error().message.find(path(7)), std::string::npos);
  }
}

TEST_F(Snapshots, one_that_was_renamed_to_another_tick_is_refused) {
  write(7);
  ASSERT_TRUE(files.rename(path(7), path(8)).ok());
  EXPECT_EQ(store.load(battle, 8).error().code, ErrorCode::corrupt);
}

TEST_F(Snapshots, pruning_keeps_the_newest_valid_ones) {
  for (const Tick tick : {1, 2, 3, 4, 5, 6}) write(tick);
  damage(5, kSnapshotHeaderBytes);
  EXPECT_EQ(*store.prune(battle, 3), 3U);
  EXPECT_EQ(*store.ticks(battle), (std::vector<Tick>{3, 4, 5, 6}));
  EXPECT_EQ(*store.prune(battle, 0), 4U) << "two are always kept";
  EXPECT_EQ(*store.ticks(battle), (std::vector<Tick>{4, 5, 6}));
}

TEST_F(Snapshots, pruning_takes_nothing_while_too_few_are_valid) {
  for (const Tick tick : {1, 2, 3, 4}) write(tick);
  for (const Tick tick : {2, 3, 4}) damage(tick, 0);
  EXPECT_EQ(*store.prune(battle, 2), 1U);
  EXPECT_EQ(store.ticks(battle)->size(), 4U);
}

TEST_F(Snapshots, a_failed_write_leaves_the_older_ones_and_no_half_one) {
  write(1);
  for (u64 nth = 1; nth < 12; ++nth) {
    files.fail_at(nth, env::SimulatedFiles::Fault::io_error);
    (void)store.write({.battle = battle, .tick = 2}, as_bytes("info"), as_bytes("content"));
    files.fail_every(0, env::SimulatedFiles::Fault::io_error);
    files.crash();
    std::vector<DamagedSnapshot> damaged;
    ASSERT_TRUE(store.load_latest(battle, 10, &damaged).ok()) << nth;
    EXPECT_TRUE(damaged.empty()) << nth;
  }
}

}  // namespace
}  // namespace drumline::snapshot

#include "snapshot/writer.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "env/simulated_files.hpp"

namespace drumline::snapshot {
namespace {

void fill(SnapshotJob& job, Tick tick) {
  job.header = {.battle = BattleId{1}, .epoch = Epoch{1}, .tick = tick, .state_hash = tick};
  const Bytes info = as_bytes("info");
  const Bytes content = as_bytes("content");
  job.info.assign(info.begin(), info.end());
  job.content.assign(content.begin(), content.end());
}

TEST(snapshot_writer, driven_by_hand_it_writes_prunes_and_tells) {
  env::SimulatedFiles files;
  const SnapshotStore store(files, "s");
  auto writer = SnapshotWriter::create(store, {.every_ticks = 10, .keep = 2}, 2, {}, false);
  ASSERT_TRUE(writer.ok());
  for (Tick tick = 1; tick <= 4; ++tick) {
    SnapshotJob* job = (*writer)->acquire();
    ASSERT_NE(job, nullptr);
    fill(*job, tick);
    (*writer)->submit(job);
    EXPECT_FALSE((*writer)->poll().has_value());
    (*writer)->drive();
    const auto done = (*writer)->poll();
    ASSERT_TRUE(done.has_value());
    EXPECT_FALSE(done->error.has_value());
    EXPECT_EQ(done->name, snapshot_name(tick));
    EXPECT_EQ(done->header.content_hash, content_hash(as_bytes("content")));
    EXPECT_EQ(done->oldest_kept, tick == 1 ? 1 : tick - 1);
  }
  EXPECT_EQ(store.ticks(BattleId{1})->size(), 2U);
}

TEST(snapshot_writer, with_all_jobs_under_way_a_snapshot_is_skipped_and_counted) {
  env::SimulatedFiles files;
  auto writer = SnapshotWriter::create(SnapshotStore(files, "s"), {}, 1, {}, false);
  SnapshotJob* job = (*writer)->acquire();
  EXPECT_EQ((*writer)->acquire(), nullptr);
  EXPECT_EQ((*writer)->skipped(), 1U);
  fill(*job, 1);
  (*writer)->submit(job);
}

TEST(snapshot_writer, a_disk_without_space_is_an_answer_and_not_the_end) {
  env::SimulatedFiles files;
  files.set_capacity(10);
  auto writer = SnapshotWriter::create(SnapshotStore(files, "s"), {}, 1, {}, false);
  SnapshotJob* job = (*writer)->acquire();
  fill(*job, 1);
  (*writer)->submit(job);
  (*writer)->drive();
  auto done = (*writer)->poll();
  ASSERT_TRUE(done && done->error);
  EXPECT_EQ(done->error->code, ErrorCode::exhausted);
  files.set_capacity(10000);
  job = (*writer)->acquire();
  ASSERT_NE(job, nullptr);
  fill(*job, 2);
  (*writer)->submit(job);
  (*writer)->drive();
  EXPECT_FALSE((*writer)->poll()->error);
}

TEST(snapshot_writer, its_thread_writes_what_is_submitted) {
  env::SimulatedFiles files;
  const SnapshotStore store(files, "s");
  {
    auto writer = SnapshotWriter::create(store, {.keep = 5}, 4, {}, true);
    for (Tick tick = 1; tick <= 20; ++tick) {
      SnapshotJob* job = nullptr;
      while ((job = (*writer)->acquire()) == nullptr) {
        (void)(*writer)->poll();
        std::this_thread::yield();
      }
      fill(*job, tick);
      (*writer)->submit(job);
    }
  }
  EXPECT_EQ(*store.ticks(BattleId{1}), (std::vector<Tick>{16, 17, 18, 19, 20}));
}

TEST(snapshot_policy, battles_take_turns) {
  const SnapshotPolicy policy{.every_ticks = 512};
  for (u64 id = 1; id < 20; ++id) {
    int due = 0;
    for (Tick tick = 1; tick <= 5120; ++tick) due += policy.due(BattleId{id}, tick) ? 1 : 0;
    EXPECT_EQ(due, 10);
    if (id > 1) {
      EXPECT_FALSE(policy.due(BattleId{id}, 512 - 61));
    }
  }
  EXPECT_FALSE(SnapshotPolicy{.every_ticks = 0}.due(BattleId{1}, 512));
}

}  // namespace
}  // namespace drumline::snapshot

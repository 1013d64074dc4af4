#include "journal/group_committer.hpp"

#include <array>
#include <chrono>

#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::journal {
namespace {

using test::append_note;
using test::kJournal;
using test::new_writer;
using test::read_all;

TEST(journal_group_committer, driven_by_hand_it_makes_batches_durable_in_order) {
  env::SimulatedFiles files;
  const env::SimulatedClock clock;
  int called = 0;
  {
    auto committer =
        GroupCommitter::create(new_writer(files, clock).value(), clock,
                               {.outstanding = 4, .batch_bytes = 8192, .threaded = false}, [&] { ++called; });
    ASSERT_TRUE(committer.ok());
    for (u64 number = 1; number <= 4; ++number) {
      Batch* batch = (*committer)->acquire();
      ASSERT_NE(batch, nullptr);
      ASSERT_TRUE(append_note(*batch, number).ok());
      EXPECT_EQ((*committer)->submit(batch), number);
    }
    EXPECT_EQ((*committer)->acquire(), nullptr);
    EXPECT_EQ((*committer)->durable_sequence(), 0U);
    (*committer)->drive();
    EXPECT_EQ((*committer)->durable_sequence(), 4U);
    EXPECT_EQ(called, 4);
    ASSERT_NE((*committer)->acquire(), nullptr);
  }
  files.crash();
  EXPECT_EQ(read_all(files)->size(), 4U);
}

TEST(journal_group_committer, its_thread_commits_and_prunes_while_the_tick_goes_on) {
  env::SimulatedFiles files;
  const env::SystemClock clock;
  ASSERT_TRUE(files.make_folder(kJournal).ok());
  auto writer = Writer::create(files, clock, kJournal, 7, kMinSegmentBytes,
                               std::make_unique<ThreadedSegmentSource>(files, kJournal, kMinSegmentBytes));
  ASSERT_TRUE(writer.ok());
  std::atomic<u64> called = 0;
  u64 number = 0;
  {
    auto committer = GroupCommitter::create(std::move(writer).value(), clock,
                                            {.outstanding = 4, .batch_bytes = 8192}, [&] { ++called; });
    ASSERT_TRUE(committer.ok());
    while (number < 3000) {
      Batch* batch = (*committer)->acquire();
      if (batch == nullptr) {
        std::this_thread::yield();
        continue;
      }
      for (int i = 0; i < 5; ++i) ASSERT_TRUE(append_note(*batch, ++number).ok());
      (*committer)->submit(batch);
      if (number == 2000) (*committer)->request_prune({BattleId{1}, 1000});
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while ((*committer)->durable_sequence() < (*committer)->submitted_sequence() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_EQ((*committer)->durable_sequence(), (*committer)->submitted_sequence());
    EXPECT_EQ((*committer)->commit_latency_ns().count(), 600U);
  }
  EXPECT_GE(called.load(), 600U);
  const auto notes = read_all(files);
  ASSERT_TRUE(notes.ok()) << notes.error().message;
  EXPECT_EQ(notes->back(), test::note_of(3000));
}

TEST(journal_group_committer, lanes_are_durable_each_in_its_own_order) {
  env::SimulatedFiles files;
  const env::SystemClock clock;
  ASSERT_TRUE(files.make_folder(kJournal).ok());
  auto writer = Writer::create(files, clock, kJournal, 7, kMinSegmentBytes,
                               std::make_unique<ThreadedSegmentSource>(files, kJournal, kMinSegmentBytes));
  ASSERT_TRUE(writer.ok());
  constexpr u64 kBatches = 500;
  {
    auto committer = GroupCommitter::create(std::move(writer).value(), clock,
                                            {.lanes = 2, .outstanding = 4, .batch_bytes = 8192}, nullptr);
    ASSERT_TRUE(committer.ok());
    const auto tick_thread = [&](u32 lane) {
      for (u64 number = 1; number <= kBatches;) {
        Batch* batch = (*committer)->acquire(lane);
        if (batch == nullptr) {
          std::this_thread::yield();
          continue;
        }
        const auto at = static_cast<Tick>(number);
        ASSERT_TRUE(batch->append({RecordKind::tick, BattleId{1 + lane}, Epoch{1}, at}, {}).ok());
        EXPECT_EQ((*committer)->submit(batch, lane), number);
        ++number;
      }
    };
    std::thread first([&] { tick_thread(0); });
    std::thread second([&] { tick_thread(1); });
    first.join();
    second.join();
  }
  auto reader = Reader::open(files, kJournal);
  ASSERT_TRUE(reader.ok());
  std::map<BattleId, Tick> last;
  for (auto next = (*reader)->next(); next.ok() && *next != nullptr; next = (*reader)->next()) {
    EXPECT_EQ((*next)->info.tick, ++last[(*next)->info.battle]);
  }
  EXPECT_EQ(last[BattleId{1}], kBatches);
  EXPECT_EQ(last[BattleId{2}], kBatches);
}

TEST(journal_group_committer, a_full_disk_stops_it_and_space_lets_it_go_on) {
  env::SimulatedFiles files;
  env::SimulatedClock clock(1, 1);
  auto committer =
      GroupCommitter::create(new_writer(files, clock).value(), clock,
                             {.outstanding = 2, .batch_bytes = 1 << 16, .threaded = false}, nullptr);
  files.set_capacity(kMinSegmentBytes + 1000);
  u64 number = 0;
  while ((*committer)->state() == WriterState::open) {
    Batch* batch = (*committer)->acquire();
    ASSERT_NE(batch, nullptr);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(append_note(*batch, ++number).ok());
    (*committer)->submit(batch);
    (*committer)->drive();
    ASSERT_LT(number, 5000U);
  }
  EXPECT_EQ((*committer)->state(), WriterState::read_only);
  EXPECT_FALSE((*committer)->reason().empty());
  EXPECT_LT((*committer)->durable_sequence(), (*committer)->submitted_sequence());
  files.set_capacity(1 << 20);
  (*committer)->drive();
  EXPECT_EQ((*committer)->state(), WriterState::read_only) << "it asks the disk only now and then";
  clock.advance(kSecondNs);
  (*committer)->drive();
  EXPECT_EQ((*committer)->state(), WriterState::open);
  EXPECT_EQ((*committer)->reason(), "");
  EXPECT_EQ((*committer)->durable_sequence(), (*committer)->submitted_sequence());
  EXPECT_EQ(read_all(files)->size(), number);
}

}  // namespace
}  // namespace drumline::journal

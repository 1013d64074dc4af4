#include "journal/writer.hpp"

#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::journal {
namespace {

using test::append_note;
using test::kJournal;
using test::new_writer;
using test::note_of;
using test::read_all;

struct JournalWriter : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock{5, 1'700'000'000'000'000'000};

  void write(Writer& writer, u64 first, u64 last, u64 per_commit) {
    Batch batch(1 << 16);
    for (u64 number = first; number <= last; ++number) {
      ASSERT_TRUE(append_note(batch, number).ok());
      if (number % per_commit != 0 && number != last) continue;
      const auto committed = writer.commit(batch);
      ASSERT_TRUE(committed.ok()) << committed.error().message;
      batch.clear();
    }
  }
  void expect_notes(u64 count) {
    const auto notes = read_all(files);
    ASSERT_TRUE(notes.ok()) << notes.error().message;
    ASSERT_EQ(notes->size(), count);
    for (u64 i = 0; i < count; ++i) EXPECT_EQ((*notes)[i], note_of(i + 1));
  }
};

TEST_F(JournalWriter, what_was_committed_comes_back_in_order) {
  auto writer = new_writer(files, clock);
  ASSERT_TRUE(writer.ok());
  write(**writer, 1, 100, 7);
  expect_notes(100);
}

TEST_F(JournalWriter, a_journal_without_records_is_empty_and_can_be_begun_again) {
  ASSERT_TRUE(new_writer(files, clock).ok());
  expect_notes(0);
  auto writer = new_writer(files, clock);
  ASSERT_TRUE(writer.ok());
  write(**writer, 1, 3, 1);
  expect_notes(3);
}

TEST_F(JournalWriter, goes_on_through_many_segments) {
  auto writer = new_writer(files, clock);
  ASSERT_TRUE(writer.ok());
  write(**writer, 1, 3000, 11);
  EXPECT_GT((*writer)->end().segment, 5U);
  expect_notes(3000);
}

TEST_F(JournalWriter, a_batch_larger_than_what_is_left_is_split_between_records) {
  auto writer = new_writer(files, clock);
  ASSERT_TRUE(writer.ok());
  Batch batch(1 << 20);
  for (u64 number = 1; number <= 2000; ++number) ASSERT_TRUE(append_note(batch, number).ok());
  ASSERT_GT(batch.size_bytes(), 3 * kMinSegmentBytes);
  ASSERT_TRUE((*writer)->commit(batch).ok());
  expect_notes(2000);
}

TEST_F(JournalWriter, a_record_that_no_segment_holds_is_refused) {
  auto writer = new_writer(files, clock);
  ASSERT_TRUE(writer.ok());
  Batch batch(1 << 20);
  const std::vector<std::byte> large(kMinSegmentBytes);
  ASSERT_TRUE(batch.append({RecordKind::note, BattleId{1}, Epoch{1}, 1}, large).ok());
  const auto committed = (*writer)->commit(batch);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code, ErrorCode::invalid_argument);
  batch.clear();
  ASSERT_TRUE(append_note(batch, 1).ok());
  ASSERT_TRUE((*writer)->commit(batch).ok());
  expect_notes(1);
}

TEST_F(JournalWriter, a_full_batch_says_so) {
  Batch batch(200);
  ASSERT_TRUE(batch.append({}, as_bytes("12345678")).ok());
  ASSERT_TRUE(batch.append({}, as_bytes("12345678")).ok());
  ASSERT_TRUE(batch.append({}, as_bytes("12345678")).ok());
  EXPECT_EQ(batch.append({}, as_bytes("12345678")).error().code, ErrorCode::exhausted);
  EXPECT_EQ(batch.append({}, std::vector<std::byte>(300)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(batch.record_count(), 3U);
}

TEST_F(JournalWriter, a_payload_can_be_filled_in_place) {
  auto writer = new_writer(files, clock);
  Batch batch(4096);
  const MutableBytes space = batch.open(100);
  ASSERT_EQ(space.size(), 100U);
  const std::string text = note_of(1);
  std::memcpy(space.data(), text.data(), text.size());
  batch.close({RecordKind::note, BattleId{1}, Epoch{1}, 1}, text.size());
  EXPECT_TRUE(batch.open(4096).empty());
  ASSERT_TRUE((*writer)->commit(batch).ok());
  expect_notes(1);
}

TEST_F(JournalWriter, a_failed_write_leaves_its_segment_behind_and_loses_nothing) {
  auto writer = new_writer(files, clock);
  write(**writer, 1, 10, 3);
  const u32 before = (*writer)->end().segment;
  files.fail_at(1, env::SimulatedFiles::Fault::io_error);
  write(**writer, 11, 20, 4);
  EXPECT_EQ((*writer)->fenced_segments(), 1U);
  EXPECT_EQ((*writer)->end().segment, before + 1);
  EXPECT_EQ((*writer)->state(), WriterState::open);
  expect_notes(20);
  files.crash();
  expect_notes(20);
}

TEST_F(JournalWriter, a_failed_first_write_of_a_segment_replaces_it) {
  auto writer = new_writer(files, clock);
  files.fail_at(1, env::SimulatedFiles::Fault::short_write);
  write(**writer, 1, 10, 5);
  EXPECT_EQ((*writer)->end().segment, 1U);
  files.crash();
  expect_notes(10);
}

TEST_F(JournalWriter, a_disk_that_keeps_failing_ends_it) {
  auto writer = new_writer(files, clock);
  write(**writer, 1, 10, 3);
  files.fail_every(1, env::SimulatedFiles::Fault::io_error);
  Batch batch(4096);
  ASSERT_TRUE(append_note(batch, 11).ok());
  EXPECT_FALSE((*writer)->commit(batch).ok());
  EXPECT_EQ((*writer)->state(), WriterState::failed);
  files.fail_every(0, env::SimulatedFiles::Fault::io_error);
  const auto again = (*writer)->commit(batch);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().message.find("has failed"), std::string::npos);
}

TEST_F(JournalWriter, a_full_disk_makes_it_read_only_until_there_is_space) {
  auto writer = new_writer(files, clock);
  Batch batch(1 << 16);
  u64 number = 0;
  files.set_capacity(3 * kMinSegmentBytes);
  while (true) {
    ASSERT_TRUE(append_note(batch, number + 1).ok());
    const auto committed = (*writer)->commit(batch);
    if (!committed) {
      EXPECT_EQ(committed.error().code, ErrorCode::exhausted);
      break;
    }
    ++number;
    batch.clear();
    ASSERT_LT(number, 5000U);
  }
  EXPECT_EQ((*writer)->state(), WriterState::read_only);
  EXPECT_EQ((*writer)->commit(batch).error().code, ErrorCode::exhausted);
  EXPECT_FALSE((*writer)->probe().ok());
  expect_notes(number);
  files.set_capacity(20 * kMinSegmentBytes);
  ASSERT_TRUE((*writer)->probe().ok());
  EXPECT_EQ((*writer)->state(), WriterState::open);
  ASSERT_TRUE((*writer)->commit(batch).ok());
  batch.clear();
  write(**writer, number + 2, number + 200, 5);
  files.crash();
  expect_notes(number + 200);
}

TEST_F(JournalWriter, pruning_lets_whole_old_segments_go_and_keeps_one_as_spare) {
  auto writer = new_writer(files, clock);
  write(**writer, 1, 2000, 10);
  const auto segments = (*writer)->end().segment;
  ASSERT_GT(segments, 4U);
  EXPECT_EQ(*(*writer)->prune({}), 0U);
  const PruneUpTo covered{BattleId{1}, 900};
  const auto pruned = (*writer)->prune({{covered.battle, covered.tick}});
  ASSERT_TRUE(pruned.ok());
  EXPECT_GE(*pruned, 1U);
  const auto names = files.list(kJournal);
  EXPECT_EQ(std::count_if(names->begin(), names->end(), [](const auto& n) { return n.ends_with(".spare"); }),
            1);

  const auto notes = read_all(files);
  ASSERT_TRUE(notes.ok()) << notes.error().message;
  ASSERT_FALSE(notes->empty());
  EXPECT_EQ(notes->back(), note_of(2000));
  const u64 first = 2000 - notes->size() + 1;
  EXPECT_GT(first, 1U);
  EXPECT_LE(first, 901U);

  // The spare's old records must not come back to life.
  write(**writer, 2001, 4000, 10);
  const auto more = read_all(files);
  ASSERT_TRUE(more.ok()) << more.error().message;
  ASSERT_EQ(more->size(), notes->size() + 2000);
  for (std::size_t i = 0; i < more->size(); ++i) EXPECT_EQ((*more)[i], note_of(first + i));
}

TEST_F(JournalWriter, segment_sizes_out_of_range_are_refused) {
  for (const u64 bytes : {u64{0}, u64{4096}, kMinSegmentBytes + 1, 2 * kMaxSegmentBytes}) {
    auto source = std::make_unique<InlineSegmentSource>(files, kJournal, kMinSegmentBytes);
    EXPECT_EQ(Writer::create(files, clock, kJournal, 1, bytes, std::move(source)).error().code,
              ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace drumline::journal

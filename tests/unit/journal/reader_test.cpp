#include "journal/reader.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::journal {
namespace {

using test::append_note;
using test::kJournal;
using test::new_writer;
using test::note_of;
using test::read_all;

struct JournalReader : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;

  JournalEnd write(u64 count, u64 per_commit) {
    auto writer = new_writer(files, clock);
    EXPECT_TRUE(writer.ok());
    Batch batch(1 << 16);
    for (u64 number = 1; number <= count; ++number) {
      EXPECT_TRUE(append_note(batch, number).ok());
      if (number % per_commit != 0 && number != count) continue;
      EXPECT_TRUE((*writer)->commit(batch).ok());
      batch.clear();
    }
    return (*writer)->end();
  }
  void overwrite(u32 segment, u64 offset, std::span<const std::byte> bytes) {
    auto file = files.open(segment_path(kJournal, segment), env::OpenMode::read_write);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write_durable_at(offset, bytes).ok());
  }
  void expect_refused(const std::string& words) {
    const auto notes = read_all(files);
    ASSERT_FALSE(notes.ok());
    EXPECT_NE(notes.error().message.find(words), std::string::npos) << notes.error().message;
  }
};

TEST_F(JournalReader, a_missing_folder_is_an_empty_journal) {
  auto reader = Reader::open(files, kJournal);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(*(*reader)->next(), nullptr);
  EXPECT_EQ((*reader)->end().segment, 0U);
  EXPECT_TRUE((*reader)->repair().ok());
}

TEST_F(JournalReader, finds_the_end_where_the_writer_left_it) {
  const JournalEnd end = write(300, 7);
  auto reader = Reader::open(files, kJournal);
  ASSERT_TRUE(read_all(**reader).ok());
  EXPECT_EQ((*reader)->end().segment, end.segment);
  EXPECT_EQ((*reader)->end().offset, end.offset);
  EXPECT_EQ((*reader)->end().last_hash, end.last_hash);
  EXPECT_EQ((*reader)->end().last_write_offset, end.last_write_offset);
  EXPECT_EQ((*reader)->record_count(), 300U);
  EXPECT_TRUE((*reader)->torn().empty());
}

TEST_F(JournalReader, a_torn_tail_is_cut_and_kept) {
  const JournalEnd end = write(20, 4);
  const std::vector<std::byte> torn(100, std::byte{0x5A});
  overwrite(end.segment, end.offset, torn);
  auto reader = Reader::open(files, kJournal);
  ASSERT_EQ(read_all(**reader)->size(), 20U);
  ASSERT_EQ((*reader)->torn().size(), 1U);
  EXPECT_EQ((*reader)->torn()[0].offset, end.offset);
  EXPECT_EQ((*reader)->torn()[0].bytes, 100U);
  ASSERT_TRUE((*reader)->repair().ok());
  const std::string copy = std::string(kJournal) + "/00000001.torn-" + std::to_string(end.offset);
  EXPECT_EQ((*reader)->torn()[0].copy, copy);
  EXPECT_EQ(*env::read_file(files, copy, 1000), torn);
  auto again = Reader::open(files, kJournal);
  ASSERT_EQ(read_all(**again)->size(), 20U);
  EXPECT_TRUE((*again)->torn().empty());
}

TEST_F(JournalReader, a_second_torn_tail_at_the_same_place_keeps_both_copies) {
  const JournalEnd end = write(20, 4);
  for (const char* suffix : {"", "-2"}) {
    overwrite(end.segment, end.offset, std::vector<std::byte>(50, std::byte{1}));
    auto reader = Reader::open(files, kJournal);
    ASSERT_TRUE(read_all(**reader).ok());
    ASSERT_TRUE((*reader)->repair().ok());
    EXPECT_TRUE((*reader)->torn()[0].copy.ends_with(std::to_string(end.offset) + suffix));
  }
}

TEST_F(JournalReader, a_sector_missing_from_the_last_write_is_a_torn_tail_though_its_end_is_there) {
  write(8, 8);
  const JournalEnd before = write(8, 8);
  auto reader = Reader::open(files, kJournal);
  ASSERT_TRUE(read_all(**reader).ok());
  auto writer = Writer::resume(files, clock, kJournal, (*reader)->end(), (*reader)->index(), kMinSegmentBytes,
                               std::make_unique<InlineSegmentSource>(files, kJournal, kMinSegmentBytes));
  Batch batch(1 << 16);
  for (u64 number = 9; number <= 40; ++number) ASSERT_TRUE(append_note(batch, number).ok());
  ASSERT_TRUE((*writer)->commit(batch).ok());
  // One sector in the middle of that write did not make it.
  const u64 sector = (before.offset / kSectorBytes + 2) * kSectorBytes;
  overwrite(1, sector, std::vector<std::byte>(kSectorBytes));
  const auto notes = read_all(files);
  ASSERT_TRUE(notes.ok()) << notes.error().message;
  EXPECT_GE(notes->size(), 8U);
  EXPECT_LT(notes->size(), 40U);
}

TEST_F(JournalReader, a_sector_missing_from_an_earlier_write_is_corruption) {
  write(60, 10);
  overwrite(1, 2 * kSectorBytes, std::vector<std::byte>(kSectorBytes));
  expect_refused("of a later write");
}

TEST_F(JournalReader, damage_in_a_closed_segment_is_refused_with_its_place) {
  write(1500, 5);
  overwrite(2, 4000, std::vector<std::byte>(1, std::byte{0xEE}));
  const auto notes = read_all(files);
  ASSERT_FALSE(notes.ok());
  EXPECT_EQ(notes.error().code, ErrorCode::corrupt);
  EXPECT_NE(notes.error().message.find("00000002.seg, offset "), std::string::npos) << notes.error().message;
  EXPECT_NE(notes.error().message.find("record "), std::string::npos);
}

TEST_F(JournalReader, a_missing_segment_is_refused) {
  write(1500, 5);
  ASSERT_TRUE(files.remove(segment_path(kJournal, 2)).ok());
  expect_refused("00000002.seg is missing");
}

TEST_F(JournalReader, a_segment_of_another_journal_is_refused) {
  write(1500, 5);
  const auto own = env::read_file(files, segment_path(kJournal, 2), 1 << 20);
  ASSERT_TRUE(own.ok());
  auto bytes = *own;
  auto header = decode_segment_header(bytes);
  header->journal_id = 99;
  encode_segment_header(*header,
                        std::span<std::byte, kSegmentHeaderBytes>(bytes.data(), kSegmentHeaderBytes));
  overwrite(2, 0, bytes);
  expect_refused("another journal");
}

TEST_F(JournalReader, a_segment_that_was_replaced_by_an_older_one_breaks_the_chain) {
  write(1500, 5);
  const auto old = env::read_file(files, segment_path(kJournal, 2), 1 << 20);
  const auto names = files.list(kJournal);
  for (const auto& name : *names) ASSERT_TRUE(files.remove(std::string(kJournal) + "/" + name).ok());
  write(1500, 6);
  overwrite(2, 0, *old);
  expect_refused("");
}

TEST_F(JournalReader, a_lower_epoch_after_a_higher_one_is_refused) {
  auto writer = new_writer(files, clock);
  Batch batch(4096);
  ASSERT_TRUE(batch.append({RecordKind::note, BattleId{1}, Epoch{5}, 1}, {}).ok());
  ASSERT_TRUE(batch.append({RecordKind::note, BattleId{2}, Epoch{1}, 1}, {}).ok());
  ASSERT_TRUE(batch.append({RecordKind::note, BattleId{1}, Epoch{4}, 2}, {}).ok());
  ASSERT_TRUE((*writer)->commit(batch).ok());
  expect_refused("battle 1 was written by epoch 4 after epoch 5");
}

TEST_F(JournalReader, other_files_in_the_folder_are_left_alone) {
  write(30, 5);
  ASSERT_TRUE(env::write_file_atomic(files, std::string(kJournal) + "/notes.txt", as_bytes("mine")).ok());
  EXPECT_EQ(read_all(files)->size(), 30U);
}

TEST_F(JournalReader, the_index_knows_which_battles_a_segment_holds) {
  write(1500, 5);
  auto reader = Reader::open(files, kJournal);
  ASSERT_TRUE(read_all(**reader).ok());
  const auto segments = (*reader)->index().segments();
  ASSERT_GT(segments.size(), 2U);
  EXPECT_EQ(segments.back().last_tick.at(BattleId{1}), 1500U);
  EXPECT_LT(segments.front().last_tick.at(BattleId{1}), 1500U);
}

}  // namespace
}  // namespace drumline::journal

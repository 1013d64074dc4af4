// Every byte of a 64 KiB journal flipped, and every length cut: either what is
// read is a prefix that lacks no more than the very record that was hit, which is
// the last, or the journal is refused with the place named. With DRUMLINE_LONG_TESTS
// set it is every byte and every length; else a sample, and all of the edges.
#include <cstdlib>

#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::journal {
namespace {

using test::append_note;
using test::kJournal;
using test::new_writer;
using test::note_of;
using test::read_all;

bool long_run() {
  return std::getenv("DRUMLINE_LONG_TESTS") != nullptr;
}

struct DamagedJournal : ::testing::Test {
  env::SimulatedFiles files;
  env::SimulatedClock clock;
  const std::string path = segment_path(kJournal, 1);
  u64 notes = 0;
  u64 end = 0;
  u64 last_record = 0;  ///< offset

  void SetUp() override {
    auto writer = new_writer(files, clock);
    ASSERT_TRUE(writer.ok());
    Batch batch(1 << 16);
    while ((*writer)->end().offset < kMinSegmentBytes - 4096) {
      for (u64 i = 0; i <= notes % 3; ++i) ASSERT_TRUE(append_note(batch, ++notes).ok());
      ASSERT_TRUE((*writer)->commit(batch).ok());
      batch.clear();
    }
    end = (*writer)->end().offset;
    ASSERT_EQ((*writer)->end().segment, 1U);
    auto reader = Reader::open(files, kJournal);
    while (true) {
      const auto next = (*reader)->next();
      ASSERT_TRUE(next.ok());
      if (*next == nullptr) break;
      last_record = (*next)->offset;
    }
  }

  void check(u64 offset, u64& refused, u64& cut) {
    const auto read = read_all(files);
    if (!read) {
      ++refused;
      ASSERT_NE(read.error().message.find("00000001.seg"), std::string::npos) << read.error().message;
      return;
    }
    ++cut;
    ASSERT_GE(read->size() + 1, notes) << "silently lost at offset " << offset;
    if (read->size() < notes) {
      ASSERT_GE(offset, last_record);
    } else {
      ASSERT_GE(offset, end) << "a flip in a record went unseen";
    }
    ASSERT_EQ(read->back(), note_of(read->size()));
  }
};

TEST_F(DamagedJournal, every_byte_flip_is_refused_or_a_clean_prefix) {
  auto file = files.open(path, env::OpenMode::read_write);
  ASSERT_TRUE(file.ok());
  const auto good = env::read_file(files, path, kMinSegmentBytes);
  u64 refused = 0;
  u64 cut = 0;
  u64 expected_refused = 0;
  u64 tried = 0;
  for (u64 offset = 0; offset < kMinSegmentBytes && !HasFatalFailure(); ++offset) {
    const bool edge = offset < 1024 || (offset + 1024 > last_record && offset < end + 256);
    if (!edge && offset % 101 != 0 && !long_run()) continue;
    // All the bits of a byte in turn, over the bytes, and all of them at once.
    for (const auto mask : {std::byte{1} << (offset % 8), std::byte{0xFF}}) {
      const std::byte flipped = (*good)[offset] ^ mask;
      ASSERT_TRUE((*file)->write_at(offset, {&flipped, 1}).ok());
      check(offset, refused, cut);
      ++tried;
      if (offset < last_record) ++expected_refused;
    }
    ASSERT_TRUE((*file)->write_at(offset, {good->data() + offset, 1}).ok());
  }
  EXPECT_EQ(refused + cut, tried);
  EXPECT_EQ(refused, expected_refused);
  EXPECT_EQ(read_all(files)->size(), notes);
}

TEST_F(DamagedJournal, every_truncation_is_refused_with_the_place_it_was_cut) {
  const auto good = env::read_file(files, path, kMinSegmentBytes);
  auto file = files.open(path, env::OpenMode::read_write);
  for (u64 size = kMinSegmentBytes; size-- > 0;) {
    if (size > 1024 && size + 1024 < kMinSegmentBytes && size % 101 != 0 && !long_run()) continue;
    ASSERT_TRUE((*file)->truncate(size).ok());
    const auto read = read_all(files);
    ASSERT_FALSE(read.ok()) << size;
    ASSERT_NE(read.error().message.find("cut off at offset " + std::to_string(size)), std::string::npos)
        << read.error().message;
  }
}

}  // namespace
}  // namespace drumline::journal

#include "journal/format.hpp"

#include <array>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline::journal {
namespace {

TEST(journal_format, a_segment_header_comes_back) {
  const SegmentHeader header{.number = 7,
                             .journal_id = 11,
                             .segment_bytes = 65536,
                             .created_wall_ns = 13,
                             .previous_hash = 17,
                             .previous_end = 1064};
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  encode_segment_header(header, bytes);
  const auto decoded = decode_segment_header(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->number, 7U);
  EXPECT_EQ(decoded->journal_id, 11U);
  EXPECT_EQ(decoded->segment_bytes, 65536U);
  EXPECT_EQ(decoded->created_wall_ns, 13);
  EXPECT_EQ(decoded->previous_hash, 17U);
  EXPECT_EQ(decoded->previous_end, 1064U);
}

TEST(journal_format, every_bit_of_a_segment_header_is_guarded) {
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  encode_segment_header({.number = 1, .journal_id = 2, .segment_bytes = 65536}, bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(decode_segment_header(bytes).ok()) << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(journal_format, a_record_has_the_bytes_that_the_page_says) {
  std::array<std::byte, 56> bytes{};
  const RecordInfo info{RecordKind::tick, BattleId{0x0102}, Epoch{3}, 4};
  begin_record(info, 5, std::span<std::byte, kRecordHeaderBytes>(bytes.data(), kRecordHeaderBytes));
  std::memcpy(bytes.data() + kRecordHeaderBytes, "hello", 5);
  const u64 hash = seal_record(bytes, 9, 64, 0xABCD);
  ByteReader in(bytes);
  (void)in.read<u32>();
  EXPECT_EQ(in.read<u32>(), 5U | (2U << 24));
  EXPECT_EQ(in.read<u32>(), 9U);
  EXPECT_EQ(in.read<u32>(), 64U);
  EXPECT_EQ(in.read<u64>(), 0x0102U);
  EXPECT_EQ(in.read<u64>(), 3U);
  EXPECT_EQ(in.read<u64>(), 4U);
  EXPECT_EQ(in.read<u64>(), 0xABCDU);
  EXPECT_EQ(as_text(in.read_bytes(5)), "hello");

  const auto record = parse_record(bytes, 9, 64);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->hash, hash);
  EXPECT_EQ(as_text(record->payload), "hello");
  EXPECT_EQ(record->info.battle, info.battle);
  EXPECT_EQ(record->info.epoch, info.epoch);
  EXPECT_EQ(record->info.tick, 4U);
}

TEST(journal_format, every_bit_of_a_record_is_guarded_its_padding_too) {
  std::array<std::byte, 56> bytes{};
  begin_record({RecordKind::note, BattleId{1}, Epoch{1}, 1}, 3,
               std::span<std::byte, kRecordHeaderBytes>(bytes.data(), kRecordHeaderBytes));
  seal_record(bytes, 1, 64, 5);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(parse_record(bytes, 1, 64).has_value()) << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(journal_format, a_record_of_another_segment_is_refused) {
  std::array<std::byte, 48> bytes{};
  begin_record({RecordKind::note, BattleId{1}, Epoch{1}, 1}, 0, bytes);
  seal_record(bytes, 3, 64, 5);
  std::string why;
  EXPECT_FALSE(parse_record(bytes, 4, 64, &why).has_value());
  EXPECT_EQ(why, "it names another segment");
}

TEST(journal_format, segment_names_are_read_strictly) {
  EXPECT_EQ(segment_name(12), "00000012.seg");
  EXPECT_EQ(parse_segment_name("00000012.seg"), 12U);
  EXPECT_EQ(parse_segment_name(segment_name(4'000'000'000U)), 4'000'000'000U);
  for (const char* name : {"", "12.seg", "00000000.seg", "0000001a.seg", "00000012.seg.new", "000000012.seg",
                           "99999999999.seg", "00000012.torn-64"}) {
    EXPECT_FALSE(parse_segment_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace drumline::journal

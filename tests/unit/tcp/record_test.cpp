#include "transport/tcp/record.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline::transport {
namespace {

using Status = RecordReader::Status;

std::vector<std::byte> some_records() {
  std::vector<std::byte> bytes;
  append_record(bytes, RecordKind::open, {});
  append_record(bytes, RecordKind::reliable, as_bytes(std::string_view("hello")));
  append_record(bytes, RecordKind::datagram, std::vector<std::byte>(kMaxRecordPayloadBytes, std::byte{7}));
  append_close(bytes, CloseCode::flood, "too much\nof it");
  return bytes;
}

struct Read {
  std::vector<std::pair<RecordKind, std::string>> records;
  Status last = Status::more;
};
Read read_in_pieces(Bytes bytes, std::size_t piece) {
  Read read;
  RecordReader reader;
  while (!bytes.empty()) {
    Bytes part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    RecordReader::Record record;
    while ((read.last = reader.next(part, record)) == Status::record) {
      read.records.emplace_back(record.kind, as_text(record.payload));
    }
    if (read.last != Status::more) break;
  }
  return read;
}

TEST(TcpRecord, comes_out_as_it_went_in_whatever_the_pieces) {
  const std::vector<std::byte> bytes = some_records();
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000}, bytes.size()}) {
    const Read read = read_in_pieces(bytes, piece);
    EXPECT_EQ(read.last, Status::more) << piece;
    ASSERT_EQ(read.records.size(), 4U) << piece;
    EXPECT_EQ(read.records[0].first, RecordKind::open);
    EXPECT_EQ(read.records[1].second, "hello");
    EXPECT_EQ(read.records[2].first, RecordKind::datagram);
    EXPECT_EQ(read.records[2].second, std::string(kMaxRecordPayloadBytes, '\7'));
    CloseRecord close;
    ASSERT_TRUE(parse_close(as_bytes(read.records[3].second), close));
    EXPECT_EQ(close.code, CloseCode::flood);
    EXPECT_EQ(close.reason, "too much?of it");
  }
}

TEST(TcpRecord, header_is_as_documented) {
  std::vector<std::byte> bytes;
  append_record(bytes, RecordKind::datagram, std::vector<std::byte>(0x0102, std::byte{9}));
  ASSERT_EQ(bytes.size(), 3U + 0x0102);
  EXPECT_EQ(bytes[0], std::byte{1});
  EXPECT_EQ(bytes[1], std::byte{1});
  EXPECT_EQ(bytes[2], std::byte{2});
}

TEST(TcpRecord, nonsense_is_told_from_what_is_not_all_there) {
  const std::vector<std::byte> oversized = {std::byte{0}, std::byte{0x3F}, std::byte{0xFE}};
  EXPECT_EQ(read_in_pieces(oversized, 3).last, Status::too_large);
  EXPECT_EQ(read_in_pieces(oversized, 1).last, Status::too_large);
  const std::vector<std::byte> unknown = {std::byte{6}, std::byte{0}, std::byte{0}};
  EXPECT_EQ(read_in_pieces(unknown, 3).last, Status::unknown_kind);
  EXPECT_EQ(read_in_pieces(unknown, 1).last, Status::unknown_kind);
}

TEST(TcpRecord, a_close_is_cut_at_the_end_of_a_character_and_its_code_is_one_we_know) {
  std::string text(kMaxCloseTextBytes - 1, 'a');
  text += "\u00e4";
  std::vector<std::byte> bytes;
  append_close(bytes, CloseCode::battle_full, text);
  CloseRecord close;
  ASSERT_TRUE(parse_close(Bytes(bytes).subspan(kRecordHeaderBytes), close));
  EXPECT_EQ(close.code, CloseCode::battle_full);
  EXPECT_EQ(close.reason, std::string(kMaxCloseTextBytes - 1, 'a'));
  const std::vector<std::byte> strange = {std::byte{0x12}, std::byte{0x34}};
  ASSERT_TRUE(parse_close(strange, close));
  EXPECT_EQ(close.code, CloseCode::internal);
  EXPECT_FALSE(parse_close(as_bytes(std::string_view("x")), close));
  EXPECT_FALSE(parse_close(std::vector<std::byte>(3 + kMaxCloseTextBytes), close));
}

}  // namespace
}  // namespace drumline::transport

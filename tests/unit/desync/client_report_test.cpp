#include "desync/client_report.hpp"

#include <gtest/gtest.h>

#include "base/hex.hpp"
#include "env/simulated_files.hpp"

namespace drumline::desync {
namespace {

ClientReport sample() {
  ClientReport report;
  report.battle = BattleId{7};
  report.player = PlayerSlot{3};
  report.simulation = "0123456789abcdef";
  report.build = "fedcba9876543210";
  report.hashes = {{100, 0xAABB}, {101, 0xCCDD}, {103, 0xEEFF}};
  report.state = {std::byte{1}, std::byte{2}, std::byte{3}};
  return report;
}

TEST(ClientReport, is_read_as_it_was_written) {
  env::SimulatedFiles files;
  ASSERT_TRUE(write_report(files, "client.desync", sample()).ok());
  const auto read = read_report(files, "client.desync");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->battle, BattleId{7});
  EXPECT_EQ(read->player, PlayerSlot{3});
  EXPECT_EQ(read->simulation, "0123456789abcdef");
  EXPECT_EQ(read->build, "fedcba9876543210");
  EXPECT_EQ(read->hashes, sample().hashes);
  EXPECT_EQ(read->state, sample().state);
}

TEST(ClientReport, has_the_bytes_of_its_format_page) {
  ClientReport report;
  report.battle = BattleId{1};
  report.player = PlayerSlot{2};
  report.simulation = "s";
  report.build = "b";
  report.hashes = {{5, 0x1122}};
  EXPECT_EQ(to_hex(encode_report(report)).substr(0, 152),
            "4452554d44535931"
            "01000000"
            "01000000"
            "0100000000000000"
            "02000000"
            "01000000"
            "73000000000000000000000000000000"
            "62000000000000000000000000000000"
            "0000000000000000"
            "00000000");
}

TEST(ClientReport, every_flipped_byte_and_every_truncation_is_refused) {
  const auto whole = encode_report(sample());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto bytes = whole;
    bytes[i] ^= std::byte{0x20};
    const auto decoded = decode_report(bytes);
    ASSERT_FALSE(decoded.ok()) << "byte " << i;
    EXPECT_NE(decoded.error().message.find("offset"), std::string::npos);
    EXPECT_FALSE(decode_report(Bytes(whole).first(i)).ok()) << i << " bytes";
  }
}

TEST(ClientReport, what_is_too_large_or_does_not_ascend_is_refused) {
  auto report = sample();
  report.hashes = {{5, 1}, {5, 2}};
  const auto twice = decode_report(encode_report(report));
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message.find("offset 96: the ticks do not ascend"), std::string::npos);
  auto bytes = encode_report(sample());
  bytes[28] = bytes[29] = bytes[30] = std::byte{0xFF};
  EXPECT_EQ(decode_report(bytes).error().code, ErrorCode::exhausted);
}

}  // namespace
}  // namespace drumline::desync

#include "base/crc.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/crc_kernels.hpp"

namespace drumline {
namespace {

std::vector<std::byte> random_bytes(std::mt19937_64& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(crc, check_values_hold) {
  EXPECT_EQ(crc16_ibm(as_bytes("123456789")), 0xBB3D);
  EXPECT_EQ(crc16_ibm_plain(as_bytes("123456789")), 0xBB3D);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE306'9283U);
  EXPECT_EQ(crc32c_plain(as_bytes("123456789")), 0xE306'9283U);
  EXPECT_EQ(crc16_ibm({}), 0);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(crc, rfc3720_test_patterns_hold) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(crc32c(bytes), 0x8A91'36AAU);
  bytes.assign(32, std::byte{0xFF});
  EXPECT_EQ(crc32c(bytes), 0x62A8'AB43U);
  for (u32 i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46DD'794EU);
}

TEST(crc, every_length_and_alignment_agrees_with_the_plain_form) {
  std::mt19937_64 random(7);
  const std::vector<std::byte> bytes = random_bytes(random, 1300);
  for (std::size_t size = 0; size <= 1200; ++size) {
    const Bytes part{bytes.data() + size % 67, size};
    const u16 start16 = static_cast<u16>(random());
    const u32 start32 = static_cast<u32>(random());
    ASSERT_EQ(crc16_ibm(part, start16), crc16_ibm_plain(part, start16)) << size;
    ASSERT_EQ(crc32c(part, start32), crc32c_plain(part, start32)) << size;
    for (const auto level :
         {crc_kernels::Level::tables, crc_kernels::Level::multiply, crc_kernels::Level::wide_multiply}) {
      if (level > crc_kernels::highest_level()) break;
      ASSERT_EQ(crc_kernels::run16(level, part.data(), size, start16), crc16_ibm_plain(part, start16))
          << size;
      ASSERT_EQ(~crc_kernels::run32(level, part.data(), size, ~start32), crc32c_plain(part, start32)) << size;
    }
  }
}

TEST(crc, random_lengths_and_alignments_agree_with_the_plain_form) {
  std::mt19937_64 random(11);
  const std::vector<std::byte> bytes = random_bytes(random, 20'000);
  for (int round = 0; round < 300; ++round) {
    const std::size_t start = random() % 200;
    const Bytes part{bytes.data() + start, random() % (bytes.size() - start)};
    ASSERT_EQ(crc16_ibm(part), crc16_ibm_plain(part)) << part.size();
    ASSERT_EQ(crc32c(part), crc32c_plain(part)) << part.size();
  }
}

TEST(crc, a_message_in_pieces_gives_the_same_as_whole) {
  std::mt19937_64 random(13);
  const std::vector<std::byte> bytes = random_bytes(random, 3000);
  for (int round = 0; round < 300; ++round) {
    const std::size_t cut = random() % bytes.size();
    const Bytes whole(bytes);
    ASSERT_EQ(crc16_ibm(whole.subspan(cut), crc16_ibm(whole.first(cut))), crc16_ibm(whole));
    ASSERT_EQ(crc32c(whole.subspan(cut), crc32c(whole.first(cut))), crc32c(whole));
  }
}

TEST(crc, a_flipped_bit_is_seen) {
  std::mt19937_64 random(17);
  std::vector<std::byte> bytes = random_bytes(random, 700);
  const u16 before16 = crc16_ibm(bytes);
  const u32 before32 = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_NE(crc16_ibm(bytes), before16) << bit;
    ASSERT_NE(crc32c(bytes), before32) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

}  // namespace
}  // namespace drumline

#include "base/hex.hpp"

#include <random>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline {
namespace {

TEST(hex, known_values_hold) {
  EXPECT_EQ(to_hex(as_bytes("\x01\xAB")), "01ab");
  EXPECT_EQ(to_hex(u64{0x1234'ABCD}), "000000001234abcd");
  EXPECT_EQ(*u64_from_hex("DeadBeef"), 0xDEAD'BEEFU);
  EXPECT_EQ(*u64_from_hex("ffffffffffffffff"), ~u64{0});
}

TEST(hex, malformed_text_is_refused) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_FALSE(u64_from_hex(""));
  EXPECT_FALSE(u64_from_hex("12345678901234567"));
  EXPECT_FALSE(u64_from_hex("0x12"));
}

TEST(base64url, rfc4648_vectors_hold) {
  EXPECT_EQ(to_base64url(as_bytes("")), "");
  EXPECT_EQ(to_base64url(as_bytes("f")), "Zg");
  EXPECT_EQ(to_base64url(as_bytes("fo")), "Zm8");
  EXPECT_EQ(to_base64url(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(to_base64url(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64url(as_bytes("\xFB\xFF")), "-_8");
}

TEST(base64url, a_value_has_one_spelling) {
  EXPECT_TRUE(from_base64url("Zg"));
  EXPECT_FALSE(from_base64url("Zh"));    // stray bits
  EXPECT_FALSE(from_base64url("Zg=="));  // padding
  EXPECT_FALSE(from_base64url("Z"));
  EXPECT_FALSE(from_base64url("+/8"));
}

TEST(hex_and_base64url, random_bytes_come_back_the_same) {
  std::mt19937_64 random(31);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> bytes(random() % 50);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    EXPECT_EQ(*from_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(*from_base64url(to_base64url(bytes)), bytes);
  }
}

}  // namespace
}  // namespace drumline

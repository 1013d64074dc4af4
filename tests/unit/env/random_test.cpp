#include "env/random.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace drumline::env {
namespace {

TEST(random, the_same_seed_gives_the_same_bytes) {
  SeededRandom one(42);
  SeededRandom other(42);
  SeededRandom third(43);
  std::array<std::byte, 21> a{};
  std::array<std::byte, 21> b{};
  std::array<std::byte, 21> c{};
  one.fill(a);
  other.fill(b);
  third.fill(c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(random, seeded_values_are_those_of_splitmix64) {
  SeededRandom random(0);
  EXPECT_EQ(random.next_u64(), 0xE220'A839'7B1D'CDAFULL);
  EXPECT_EQ(random.next_u64(), 0x6E78'9E6A'A1B9'65F4ULL);
}

TEST(random, the_system_fills_all_of_a_large_buffer) {
  SystemRandom random;
  std::vector<std::byte> bytes(100'000);
  random.fill(bytes);
  std::size_t zeros = 0;
  for (const std::byte byte : bytes) zeros += byte == std::byte{0} ? 1 : 0;
  EXPECT_GT(zeros, 100U);
  EXPECT_LT(zeros, 1000U);
  EXPECT_NE(random.next_u64(), random.next_u64());
}

}  // namespace
}  // namespace drumline::env

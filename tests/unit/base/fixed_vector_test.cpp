#include "base/fixed_vector.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "base/types.hpp"

namespace drumline {
namespace {

TEST(fixed_vector, holds_what_was_pushed_in_order) {
  FixedVector<u32> numbers(8);
  EXPECT_TRUE(numbers.empty());
  for (const u32 number : {5U, 3U, 4U}) numbers.push_back(number);
  EXPECT_EQ(std::vector<u32>(numbers.begin(), numbers.end()), (std::vector<u32>{5, 3, 4}));
  std::sort(numbers.begin(), numbers.end());
  numbers[0] = 1;
  const std::span<const u32> view = numbers;
  EXPECT_EQ(std::vector<u32>(view.begin(), view.end()), (std::vector<u32>{1, 4, 5}));
}

TEST(fixed_vector, keeps_its_memory_when_cleared) {
  FixedVector<u64> numbers(2);
  const u64* const memory = numbers.data();
  for (u64 round = 0; round < 3; ++round) {
    numbers.clear();
    EXPECT_EQ(numbers.size(), 0U);
    numbers.push_back(round);
    numbers.push_back(round + 1);
    EXPECT_EQ(numbers.size(), numbers.capacity());
    EXPECT_EQ(numbers[1], round + 1);
  }
  EXPECT_EQ(numbers.data(), memory);
}

TEST(fixed_vector_death, more_than_the_capacity_is_a_broken_invariant) {
  FixedVector<u32> none(0);
  EXPECT_DEATH(none.push_back(1), "internal error");
}

}  // namespace
}  // namespace drumline

#include "base/spsc_ring.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace drumline {
namespace {

TEST(spsc_ring, keeps_order_and_counts_what_did_not_fit) {
  SpscRing<u64> ring(4);
  for (u64 value = 0; value < 4; ++value) {
    u64* const slot = ring.try_reserve();
    ASSERT_NE(slot, nullptr);
    *slot = value;
    ring.commit();
  }
  EXPECT_EQ(ring.size(), 4U);
  EXPECT_EQ(ring.try_reserve(), nullptr);
  EXPECT_EQ(ring.rejected(), 1U);
  for (u64 value = 0; value < 4; ++value) {
    ASSERT_NE(ring.front(), nullptr);
    EXPECT_EQ(*ring.front(), value);
    ring.pop();
  }
  EXPECT_EQ(ring.front(), nullptr);
  EXPECT_NE(ring.try_reserve(), nullptr);
}

TEST(spsc_ring, a_reservation_without_commit_is_not_seen) {
  SpscRing<u64> ring(2);
  u64* const slot = ring.try_reserve();
  EXPECT_EQ(ring.front(), nullptr);
  EXPECT_EQ(ring.try_reserve(), slot);
  EXPECT_EQ(ring.size(), 0U);
}

TEST(spsc_ring, one_slot_is_enough) {
  SpscRing<int> ring(1);
  for (int i = 0; i < 5; ++i) {
    *ring.try_reserve() = i;
    ring.commit();
    EXPECT_EQ(ring.try_reserve(), nullptr);
    EXPECT_EQ(*ring.front(), i);
    ring.pop();
  }
}

TEST(spsc_ring, consume_takes_at_most_the_given_number) {
  SpscRing<int> ring(8);
  for (int i = 0; i < 7; ++i) {
    *ring.try_reserve() = i;
    ring.commit();
  }
  std::vector<int> seen;
  const auto collect = [&](int value) { seen.push_back(value); };
  EXPECT_EQ(ring.consume(3, collect), 3U);
  EXPECT_EQ(ring.consume(100, collect), 4U);
  EXPECT_EQ(ring.consume(100, collect), 0U);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(spsc_ring, front_and_consume_may_be_mixed) {
  SpscRing<int> ring(4);
  int next = 0;
  int expected = 0;
  for (int round = 0; round < 100; ++round) {
    while (int* slot = ring.try_reserve()) {
      *slot = next++;
      ring.commit();
    }
    EXPECT_EQ(*ring.front(), expected++);
    ring.pop();
    ring.consume(2, [&](int value) { EXPECT_EQ(value, expected++); });
  }
}

TEST(spsc_ring, two_threads_lose_and_double_nothing) {
  struct Item {
    u64 number;
    u64 twice;
  };
  constexpr u64 kItems = 200'000;
  SpscRing<Item> ring(64);
  std::thread producer([&] {
    for (u64 i = 0; i < kItems;) {
      if (Item* slot = ring.try_reserve()) {
        *slot = {i, 2 * i};
        ring.commit();
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  u64 expected = 0;
  while (expected < kItems) {
    const std::size_t got = ring.consume(16, [&](const Item& item) {
      ASSERT_EQ(item.number, expected);
      ASSERT_EQ(item.twice, 2 * expected);
      ++expected;
    });
    if (got == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(ring.size(), 0U);
}

}  // namespace
}  // namespace drumline

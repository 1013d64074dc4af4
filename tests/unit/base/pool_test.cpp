#include "base/pool.hpp"

#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace drumline {
namespace {

TEST(slot_set, hands_out_the_lowest_free_number) {
  for (const u32 capacity : {1U, 63U, 64U, 65U, 5000U}) {
    SlotSet slots(capacity);
    for (u32 number = 0; number < capacity; ++number) ASSERT_EQ(slots.take(), number);
    EXPECT_EQ(slots.take(), std::nullopt);
    EXPECT_EQ(slots.taken(), capacity);
    slots.give_back(capacity - 1);
    if (capacity > 2) slots.give_back(capacity / 2);
    EXPECT_EQ(slots.take(), capacity > 2 ? capacity / 2 : capacity - 1);
  }
}

TEST(slot_set, agrees_with_a_sorted_set_under_random_use) {
  std::mt19937_64 random(21);
  constexpr u32 kCapacity = 9000;
  SlotSet slots(kCapacity);
  std::set<u32> free;
  std::set<u32> taken;
  for (u32 number = 0; number < kCapacity; ++number) free.insert(number);
  for (int round = 0; round < 40'000; ++round) {
    if (random() % 5 < 3) {
      const auto number = slots.take();
      if (free.empty()) {
        ASSERT_FALSE(number);
        continue;
      }
      ASSERT_EQ(number, *free.begin());
      free.erase(*number);
      taken.insert(*number);
    } else if (!taken.empty()) {
      auto it = taken.lower_bound(static_cast<u32>(random() % kCapacity));
      if (it == taken.end()) it = taken.begin();
      slots.give_back(*it);
      free.insert(*it);
      taken.erase(it);
    }
  }
  std::set<u32> listed;
  slots.for_each_taken([&](u32 number) { listed.insert(number); });
  EXPECT_EQ(listed, taken);
  EXPECT_EQ(slots.taken(), taken.size());
}

TEST(pool, objects_are_built_and_destroyed_where_they_lie) {
  Pool<std::string> pool(3);
  std::string* const a = pool.create("a string too long for the small buffer");
  std::string* const b = pool.create("b");
  std::string* const c = pool.create("c");
  EXPECT_EQ(pool.create("d"), nullptr);
  EXPECT_EQ(pool.slot_of(b), 1U);
  EXPECT_EQ(pool.find(7), nullptr);
  pool.destroy(b);
  EXPECT_EQ(pool.find(1), nullptr);
  EXPECT_EQ(pool.create("e"), b);
  std::string all;
  pool.for_each([&](const std::string& text) { all += text.back(); });
  EXPECT_EQ(all, "rec");
  EXPECT_EQ(*a, "a string too long for the small buffer");
  EXPECT_EQ(*c, "c");
}

TEST(pool, for_each_may_destroy_the_object_at_hand) {
  Pool<int> pool(200);
  for (int i = 0; i < 200; ++i) pool.create(i);
  pool.for_each([&](int& value) {
    if (value % 2 == 0) pool.destroy(&value);
  });
  EXPECT_EQ(pool.size(), 100U);
  pool.for_each([](int value) { EXPECT_EQ(value % 2, 1); });
}

TEST(arena, gives_aligned_memory_until_it_is_full) {
  Arena arena(64);
  EXPECT_EQ(arena.take(1).size(), 1U);
  const auto numbers = arena.take_array<u64>(4);
  ASSERT_EQ(numbers.size(), 4U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(u64), 0U);
  EXPECT_EQ(numbers[3], 0U);
  EXPECT_TRUE(arena.take(60).empty());
  EXPECT_TRUE(arena.take_array<u64>(~std::size_t{0} / 4).empty());
  arena.reset();
  EXPECT_EQ(arena.take(64).size(), 64U);
  EXPECT_EQ(arena.used(), 64U);
}

}  // namespace
}  // namespace drumline

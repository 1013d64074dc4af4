#include "world/rng.hpp"

#include <gtest/gtest.h>

namespace drumline::world {
namespace {

TEST(rng, follows_the_published_generator) {
  // xoshiro256** from state {1, 2, 3, 4}: the reference implementation's first values.
  Rng rng(0);
  ASSERT_TRUE(rng.set_state({1, 2, 3, 4}));
  EXPECT_EQ(rng.next_u64(), 11520u);
  EXPECT_EQ(rng.next_u64(), 0u);
  EXPECT_EQ(rng.next_u64(), 1509978240u);
  EXPECT_EQ(rng.next_u64(), 1215971899390074240u);
}

TEST(rng, is_seeded_by_splitmix64) {
  // splitmix64's first values from seed 0.
  const Rng rng(0);
  EXPECT_EQ(rng.state()[0], 0xE220A8397B1DCDAFu);
  EXPECT_EQ(rng.state()[1], 0x6E789E6AA1B965F4u);
}

TEST(rng, state_restores_the_sequence) {
  Rng first(99);
  for (int i = 0; i < 10; ++i) first.next_u64();
  Rng second(1);
  ASSERT_TRUE(second.set_state(first.state()));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first.next_u64(), second.next_u64());
}

TEST(rng, refuses_the_state_it_cannot_leave) {
  Rng rng(5);
  const Rng::State before = rng.state();
  EXPECT_FALSE(rng.set_state({}));
  EXPECT_EQ(rng.state(), before);
}

TEST(rng, below_stays_below_and_spreads_evenly) {
  Rng rng(11);
  EXPECT_EQ(rng.below(u64{0}), 0u);
  EXPECT_EQ(rng.below(u64{1}), 0u);
  std::array<int, 7> counts{};
  constexpr int draws = 70'000;
  for (int i = 0; i < draws; ++i) {
    const u64 value = rng.below(u64{7});
    ASSERT_LT(value, 7u);
    ++counts[value];
  }
  for (const int count : counts) EXPECT_NEAR(count, draws / 7, 500);
  // A bound just above 2^63 rejects half of all draws.
  const u64 bound = (u64{1} << 63) + 1;
  for (int i = 0; i < 1000; ++i) EXPECT_LT(rng.below(bound), bound);
}

}  // namespace
}  // namespace drumline::world

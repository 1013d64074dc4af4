#include "world/hash.hpp"

#include <gtest/gtest.h>

#include "sample_world.hpp"

namespace drumline::world {
namespace {

using testing::Body;
using testing::SampleWorld;

TEST(hash, is_xxh3) {
  EXPECT_EQ(hash_bytes({}), 0x2D06800538D394C2u) << "the published value for no bytes";
}

TEST(hash, equal_histories_hash_equally) {
  SampleWorld first;
  SampleWorld second;
  Rng a(5);
  Rng b(5);
  for (int i = 0; i < 50; ++i) {
    first.shake(a);
    second.shake(b);
    EXPECT_EQ(hash_world(first.world), hash_world(second.world));
  }
}

TEST(hash, every_bit_of_every_row_counts_and_only_its_table_and_column_change) {
  SampleWorld sample;
  Rng rng(6);
  sample.shake(rng, 300);
  const WorldHash before = hash_world(sample.world);
  u32 slot = 0;
  while (!sample.bodies.is_live(slot)) ++slot;
  for (int bit = 0; bit < 64; ++bit) {
    const u64 column = hash_column(sample.bodies, 9);
    sample.bodies.at<&Body::h>(slot) ^= u64{1} << bit;
    const WorldHash after = hash_world(sample.world);
    EXPECT_NE(after.combined, before.combined);
    EXPECT_NE(after.tables[0], before.tables[0]);
    EXPECT_EQ(after.tables[1], before.tables[1]);
    EXPECT_NE(hash_column(sample.bodies, 9), column);
    sample.bodies.at<&Body::h>(slot) ^= u64{1} << bit;
  }
  EXPECT_EQ(hash_world(sample.world), before);
}

TEST(hash, tick_generator_and_generations_count) {
  SampleWorld sample;
  sample.bodies.create();
  const u64 before = hash_world(sample.world).combined;
  sample.world.set_tick(1);
  const u64 ticked = hash_world(sample.world).combined;
  EXPECT_NE(ticked, before);
  sample.world.rng().next_u64();
  const u64 drawn = hash_world(sample.world).combined;
  EXPECT_NE(drawn, ticked);
  sample.bodies.destroy(0);
  sample.bodies.create();
  EXPECT_NE(hash_world(sample.world).combined, drawn) << "same row, later generation";
}

TEST(hash, stays_what_it_was_in_earlier_builds) {
  // Journals and recordings hold these hashes: a change here is a change of format.
  SampleWorld sample(42);
  Rng rng(42);
  for (int i = 0; i < 20; ++i) sample.shake(rng);
  EXPECT_EQ(hash_world(sample.world).combined, 8730437339669401219u);
}

}  // namespace
}  // namespace drumline::world

#include <set>

#include <gtest/gtest.h>

#include "sample_world.hpp"
#include "world/hash.hpp"

namespace drumline::world {
namespace {

using testing::Body;
using testing::SampleWorld;

TEST(table, free_slots_are_reused_lowest_first_with_a_higher_generation) {
  Table<Body> table("body", 0, 8);
  for (u32 i = 0; i < 5; ++i) EXPECT_EQ(entity_slot(table.create()), i);
  table.destroy(3);
  table.destroy(1);
  const EntityId reused = table.create();
  EXPECT_EQ(entity_slot(reused), 1u);
  EXPECT_EQ(entity_generation(reused), 2u);
  EXPECT_EQ(entity_slot(table.create()), 3u);
  EXPECT_EQ(entity_slot(table.create()), 5u);
  EXPECT_EQ(table.live_count(), 6u);
  EXPECT_EQ(table.used(), 6u);
}

TEST(table, a_full_table_gives_no_entity) {
  Table<Body> table("body", 0, 65);
  for (u32 i = 0; i < 65; ++i) EXPECT_NE(table.create().value, 0u);
  EXPECT_EQ(table.create().value, 0u);
  table.destroy(64);
  EXPECT_EQ(entity_slot(table.create()), 64u);
}

TEST(table, an_id_is_held_until_its_slot_has_another_owner) {
  Table<Body> table("body", 4, 8);
  const EntityId id = table.create();
  EXPECT_EQ(entity_table(id), 4);
  EXPECT_TRUE(table.holds(id));
  table.destroy(0);
  EXPECT_FALSE(table.holds(id));
  const EntityId next = table.create();
  EXPECT_FALSE(table.holds(id));
  EXPECT_TRUE(table.holds(next));
  EXPECT_FALSE(table.holds(make_entity_id(3, 2, 0))) << "another table's";
  EXPECT_FALSE(table.holds(make_entity_id(4, 1, 4'000'000'000))) << "a slot beyond the table";
  EXPECT_FALSE(table.holds(EntityId{}));
}

TEST(table, generations_wrap_past_zero) {
  Table<Body> table("body", 0, 1);
  const std::vector<u64> live = {0};
  const std::vector<u32> generations = {0xFF'FFFF};
  std::vector<std::vector<std::byte>> zeros;
  std::vector<Bytes> columns;
  for (const FieldDescription& field : table.fields()) zeros.emplace_back(field_size(field.type));
  for (const auto& column : zeros) columns.emplace_back(column);
  ASSERT_TRUE(table.restore(1, live, generations, columns));
  EXPECT_EQ(entity_generation(table.create()), 1u);
}

TEST(table, a_destroyed_row_is_zeros) {
  Table<Body> table("body", 0, 4);
  Rng rng(1);
  const EntityId id = table.create();
  table.at<&Body::h>(entity_slot(id)) = ~u64{0};
  table.at<&Body::x>(entity_slot(id)) = Fixed::from_int(-9);
  table.destroy(entity_slot(id));
  for (std::size_t c = 0; c < table.column_count(); ++c) EXPECT_EQ(table.value(c, 0), 0);
}

TEST(table, values_are_sign_extended_by_type) {
  Table<Body> table("body", 0, 4);
  table.create();
  table.at<&Body::a>(0) = -5;
  table.at<&Body::b>(0) = 200;
  table.at<&Body::e>(0) = -70'000;
  table.at<&Body::f>(0) = 0xFFFF'FFFF;
  EXPECT_EQ(table.value(2, 0), -5);
  EXPECT_EQ(table.value(3, 0), 200);
  EXPECT_EQ(table.value(6, 0), -70'000);
  EXPECT_EQ(table.value(7, 0), 0xFFFF'FFFF);
}

TEST(table, rows_are_visited_in_slot_order_and_may_be_destroyed_in_the_visit) {
  Table<Body> table("body", 0, 300);
  for (int i = 0; i < 300; ++i) table.create();
  std::vector<u32> visited;
  table.for_each([&](u32 slot) {
    visited.push_back(slot);
    if (slot % 3 == 0) table.destroy(slot);
  });
  EXPECT_EQ(visited.size(), 300u);
  EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
  EXPECT_EQ(table.live_count(), 200u);
}

TEST(table, behaves_like_a_set_of_slots) {
  Table<Body> table("body", 0, 130);
  std::set<u32> expected;
  Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const u32 slot = static_cast<u32>(rng.below(u64{130}));
    if (rng.below(u64{2}) == 0) {
      u32 lowest = 0;
      while (expected.contains(lowest)) ++lowest;
      const EntityId id = table.create();
      if (lowest == 130) {
        ASSERT_EQ(id.value, 0u);
      } else {
        ASSERT_EQ(entity_slot(id), lowest);
        expected.insert(lowest);
      }
    } else if (expected.contains(slot)) {
      table.destroy(slot);
      expected.erase(slot);
    }
    ASSERT_EQ(table.live_count(), expected.size());
    ASSERT_EQ(table.is_live(slot), expected.contains(slot));
  }
}

TEST(table, restore_refuses_what_does_not_fit_and_leaves_the_table_empty) {
  SampleWorld sample;
  Rng rng(3);
  sample.shake(rng, 400);
  Table<Body>& table = sample.bodies;
  const std::vector<u64> live(table.live_bits().begin(), table.live_bits().end());
  const std::vector<u32> generations(table.generations().begin(), table.generations().end());
  const u32 used = table.used();
  std::vector<std::vector<std::byte>> copies;
  for (std::size_t c = 0; c < table.column_count(); ++c) {
    const Bytes bytes = table.column_bytes(c);
    copies.emplace_back(bytes.begin(), bytes.end());
  }
  const std::vector<Bytes> columns(copies.begin(), copies.end());

  Table<Body> other("body", 0, 200);
  ASSERT_TRUE(other.restore(used, live, generations, columns));
  EXPECT_EQ(hash_table(other), hash_table(table));
  EXPECT_EQ(other.live_count(), table.live_count());

  const auto refused = [&](u32 rows, std::vector<u64> bits, std::vector<u32> gens,
                           std::span<const Bytes> data) {
    const bool ok = other.restore(rows, bits, gens, data);
    EXPECT_EQ(other.used(), 0u);
    EXPECT_EQ(other.live_count(), 0u);
    return !ok;
  };
  EXPECT_TRUE(refused(used + 1, live, generations, columns));
  EXPECT_TRUE(refused(201, live, generations, columns));
  EXPECT_TRUE(refused(used, {}, generations, columns));
  EXPECT_TRUE(refused(used, live, {}, columns));
  EXPECT_TRUE(refused(used, live, generations, std::span(columns).first(3)));
  auto zero_generation = generations;
  zero_generation[1] = 0;
  EXPECT_TRUE(refused(used, live, zero_generation, columns));
  auto large_generation = generations;
  large_generation[1] = 0x100'0000;
  EXPECT_TRUE(refused(used, live, large_generation, columns));
  if (used % 64 != 0) {
    auto beyond = live;
    beyond.back() |= u64{1} << 63;
    EXPECT_TRUE(refused(used, beyond, generations, columns));
  }
  auto one_dead = live;
  one_dead[0] &= one_dead[0] - 1;
  EXPECT_TRUE(refused(used, one_dead, generations, columns)) << "a dead row with contents";
}

TEST(table, a_copy_has_the_rows_of_the_other_and_nothing_of_its_own) {
  Rng rng(4);
  SampleWorld one;
  SampleWorld two;
  for (int round = 0; round < 200; ++round) {
    SampleWorld& from = round % 2 == 0 ? one : two;
    SampleWorld& to = round % 2 == 0 ? two : one;
    from.shake(rng, static_cast<u32>(rng.below(u64{60})));
    to.shake(rng, static_cast<u32>(rng.below(u64{60})));
    if (round % 10 == 0) from.bodies.clear();
    to.world.copy_from(from.world);
    ASSERT_EQ(hash_world(to.world), hash_world(from.world));
    EXPECT_EQ(to.bodies.live_count(), from.bodies.live_count());
    // Slots are given out alike from here on, and what lies beyond used() is zeros.
    for (int i = 0; i < 3; ++i) EXPECT_EQ(to.bodies.create(), from.bodies.create());
    ASSERT_EQ(hash_world(to.world), hash_world(from.world));
  }
}

TEST(table, only_a_copy_of_other_rows_counts_as_replaced) {
  SampleWorld from;
  SampleWorld to;
  Rng rng(5);
  from.shake(rng);
  to.world.copy_from(from.world);
  const u64 bodies = to.bodies.replaced_count();
  const u64 marks = to.marks.replaced_count();
  to.world.copy_from(from.world);
  EXPECT_EQ(to.bodies.replaced_count(), bodies);
  from.fill(from.bodies.create(), rng);
  to.world.copy_from(from.world);
  EXPECT_EQ(to.bodies.replaced_count(), bodies + 1);
  EXPECT_EQ(to.marks.replaced_count(), marks);
}

TEST(table_death, a_copy_of_another_shape_is_asserted) {
  SampleWorld large(1, 200);
  SampleWorld small(1, 100);
  EXPECT_DEATH(large.world.copy_from(small.world), "has_shape_of");
}

}  // namespace
}  // namespace drumline::world

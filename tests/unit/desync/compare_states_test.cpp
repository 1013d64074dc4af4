#include "desync/compare_states.hpp"

#include <gtest/gtest.h>

namespace drumline::desync {
namespace {

using namespace world;

struct Thing {
  Fixed x;
  i32 points = 0;
  u8 flag = 0;
  static constexpr auto kFields =
      fields(field("x", &Thing::x), field("points", &Thing::points), field("flag", &Thing::flag));
};
struct Other {
  i32 points = 0;
  i64 flag = 0;
  static constexpr auto kFields = fields(field("points", &Other::points), field("flag", &Other::flag));
};

struct CompareStates : ::testing::Test {
  World world_a{1};
  World world_b{1};
  Table<Thing>& a = world_a.add_table<Thing>("things", 8);
  Table<Thing>& b = world_b.add_table<Thing>("things", 8);

  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      a.create();
      b.create();
    }
  }
  StateComparison compare(std::size_t limit = 10) {
    return compare_states(view_of(world_a, "game"), view_of(world_b, "game"), limit);
  }
};

TEST_F(CompareStates, equal_ones_have_no_difference) {
  EXPECT_EQ(compare().count, 0U);
}

TEST_F(CompareStates, a_field_is_named_with_entity_and_both_values) {
  a.at<&Thing::points>(1) = -5;
  b.at<&Thing::points>(1) = 7;
  const auto found = compare();
  ASSERT_EQ(found.count, 1U);
  const FieldDifference& one = found.differences[0];
  EXPECT_EQ(one.table, "things");
  EXPECT_EQ(one.field, "points");
  EXPECT_EQ(one.slot, 1U);
  EXPECT_EQ(one.entity, a.id_of(1));
  EXPECT_EQ(one.a, -5);
  EXPECT_EQ(one.b, 7);
  EXPECT_EQ(field_value(world_a, one), -5);
  EXPECT_EQ(value_text(one, one.a), "-5");
}

TEST_F(CompareStates, are_in_the_order_of_slot_and_field_and_counted_past_the_limit) {
  for (u32 slot = 0; slot < 3; ++slot) {
    b.at<&Thing::x>(slot) = Fixed::from_int(1);
    b.at<&Thing::flag>(slot) = 1;
  }
  const auto found = compare(3);
  EXPECT_EQ(found.count, 6U);
  ASSERT_EQ(found.differences.size(), 3U);
  EXPECT_EQ(found.differences[0].field, "x");
  EXPECT_EQ(found.differences[1].field, "flag");
  EXPECT_EQ(found.differences[2].slot, 1U);
  EXPECT_EQ(value_text(found.differences[0], found.differences[0].b), "1.00000 (raw 65536)");
}

TEST_F(CompareStates, a_row_of_one_side_only_is_one_difference) {
  b.at<&Thing::points>(2) = 3;
  a.destroy(2);
  const auto found = compare();
  ASSERT_EQ(found.count, 1U);
  EXPECT_EQ(found.differences[0].field, kLiveField);
  EXPECT_EQ(found.differences[0].a, 0);
  EXPECT_EQ(found.differences[0].b, 1);
  EXPECT_EQ(found.differences[0].entity, b.id_of(2));
}

TEST_F(CompareStates, a_row_made_again_differs_in_its_generation) {
  a.destroy(2);
  a.create();
  const auto found = compare();
  ASSERT_EQ(found.count, 1U);
  EXPECT_EQ(found.differences[0].field, kGenerationField);
  EXPECT_EQ(found.differences[0].a, 2);
}

TEST_F(CompareStates, the_generator_stands_first) {
  (void)world_a.rng().next_u64();
  b.at<&Thing::points>(0) = 1;
  const auto found = compare();
  EXPECT_EQ(found.differences[0].table, kWorldTable);
  EXPECT_EQ(field_value(world_a, found.differences[0]), found.differences[0].a);
  EXPECT_EQ(found.differences.back().field, "points");
}

TEST_F(CompareStates, of_another_shape_are_compared_as_far_as_they_can_be) {
  World other(1);
  auto& things = other.add_table<Other>("things", 4);
  other.add_table<Thing>("more", 4);
  for (int i = 0; i < 3; ++i) things.create();
  things.at<&Other::points>(0) = 9;
  const auto found = compare_states(view_of(world_a, "game"), view_of(other, "game"), 10);
  EXPECT_EQ(found.shape,
            (std::vector<std::string>{
                "table things has 8 rows at most in A, 4 in B", "table things has the field x in A only",
                "table things, field flag is u8 in A, i64 in B", "table more is in B only"}));
  ASSERT_EQ(found.count, 1U);
  EXPECT_EQ(found.differences[0].b, 9);
}

}  // namespace
}  // namespace drumline::desync

#include "broadcast/sights.hpp"

#include <gtest/gtest.h>

#include "broadcast/schema.hpp"

namespace drumline::broadcast {
namespace {

TEST(Sights, come_back_as_they_were_written) {
  const std::vector<Sight> sights = {{BattleId{1}, 7, EntityId{0xFFFF'FFFF'FFFF'FFFF}, {-5, 0, 1'048'575}},
                                     {BattleId{2}, 123'456'789'012, EntityId{72'057'598'332'895'232}, {}},
                                     {BattleId{3}, 1, EntityId{1}, std::vector<i64>(kMaxSentFields, -1)}};
  const auto read = read_sights(write_sights(sights));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, sights);
  EXPECT_EQ(write_sights(std::span(sights).first(1)),
            "drumline sights 1\n1 7 18446744073709551615 -5 0 1048575\n");
}

TEST(Sights, what_is_none_is_refused_with_its_line) {
  for (const char* const line : {"1 2", "1 2 x", "1 2 3 ", "1  2 3", "1 2 3 4.5", "-1 2 3",
                                 "1 2 3 99999999999999999999", "", "1 2 3\t4"}) {
    const auto read = read_sights("drumline sights 1\n1 2 3 4\n" + std::string(line) + "\n1 2 3 4\n");
    ASSERT_FALSE(read.ok()) << line;
    EXPECT_EQ(read.error().message, "line 3 is no sight") << line;
  }
  EXPECT_EQ(read_sights("1 2 3 4\n").error().message, "line 1 is no sight");
  std::string long_line = "drumline sights 1\n1 2 3";
  for (std::size_t i = 0; i <= kMaxSentFields; ++i) long_line += " 0";
  EXPECT_FALSE(read_sights(long_line).ok());
}

}  // namespace
}  // namespace drumline::broadcast

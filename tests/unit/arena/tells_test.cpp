#include <gtest/gtest.h>

#include "arena_battle.hpp"

namespace drumline::arena {
namespace {

using testing::Battle;
using world::Fixed;

class ArenaTells : public ::testing::Test {
 protected:
  ArenaTells() {
    for (u32 seat = 0; seat < kPlayers; ++seat) battle_.join(seat);
  }
  bool tell(std::string_view what) { return battle_.rules->on_tell(as_bytes(what)).accepted(); }
  world::Vector place(u32 seat) const {
    const u32 row = battle_.row(seat);
    return {battle_.players.at<&Player::x>(row), battle_.players.at<&Player::y>(row)};
  }
  /// The largest distance from the map's middle along one axis.
  i64 spread() const {
    const Fixed middle = battle_.rules->map_size().width / Fixed::from_int(2);
    i64 most = 0;
    for (u32 seat = 0; seat < kPlayers; ++seat) {
      const world::Vector at = place(seat);
      most = std::max({most, std::abs((at.x - middle).to_int()), std::abs((at.y - middle).to_int())});
    }
    return most;
  }

  static constexpr u32 kPlayers = 200;
  Battle battle_{kPlayers, ""};
};

TEST_F(ArenaTells, all_who_live_are_gathered_and_scattered) {
  const i64 before = spread();
  ASSERT_TRUE(tell("gather"));
  EXPECT_LE(spread(), 16) << "obstacles push a few further out";
  const world::Vector gathered = place(0);
  ASSERT_TRUE(tell("scatter"));
  EXPECT_GE(spread(), before / 2);
  EXPECT_NE(place(0).x, gathered.x);
}

TEST_F(ArenaTells, the_slain_fall_stay_where_they_are_and_stand_up_again) {
  ASSERT_TRUE(tell("slay"));
  const world::Vector fallen = place(3);
  for (u32 seat = 0; seat < kPlayers; ++seat)
    EXPECT_NE(battle_.players.at<&Player::flags>(battle_.row(seat)) & kFlagDead, 0);
  ASSERT_TRUE(tell("gather"));
  EXPECT_EQ(place(3).x, fallen.x);
  battle_.step(1000);
  for (u32 seat = 0; seat < kPlayers; ++seat)
    EXPECT_EQ(battle_.players.at<&Player::flags>(battle_.row(seat)) & kFlagDead, 0);
}

TEST_F(ArenaTells, anything_else_is_refused) {
  EXPECT_FALSE(tell("heal all"));
  EXPECT_FALSE(tell(""));
}

}  // namespace
}  // namespace drumline::arena

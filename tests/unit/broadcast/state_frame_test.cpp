#include "broadcast/state_frame.hpp"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

namespace drumline::broadcast {
namespace {

std::array<std::byte, 400> frame_of(std::size_t size) {
  std::array<std::byte, 400> room{};
  std::fill_n(room.begin(), size, std::byte{0x55});
  room[0] = kStateFrameKind;
  room[1] = std::byte{0};
  return room;
}

TEST(StateFrame, padding_of_every_length_comes_off_again) {
  for (std::size_t padding = 0; padding <= kMaxPaddingBytes; ++padding) {
    auto room = frame_of(100);
    ASSERT_EQ(pad_state_frame(room, 100, 100 + padding), 100 + padding);
    const Bytes read = without_padding(Bytes(room).first(100 + padding));
    EXPECT_EQ(read.size(), 100U);
  }
}

TEST(StateFrame, what_is_too_far_from_the_wanted_size_is_left_alone) {
  auto room = frame_of(100);
  EXPECT_EQ(pad_state_frame(room, 100, 356), 100U);
  EXPECT_EQ(pad_state_frame(room, 100, 99), 100U);
  EXPECT_EQ(pad_state_frame(MutableBytes(room).first(110), 100, 120), 100U);
  EXPECT_EQ(room[1], std::byte{0});
}

TEST(StateFrame, padding_that_a_frame_cannot_have_empties_it) {
  auto room = frame_of(20);
  room[1] = kStateFramePadded;
  for (const u8 claimed : {0, 9, 255}) {
    room[19] = std::byte{claimed};
    EXPECT_TRUE(without_padding(Bytes(room).first(20)).empty()) << int{claimed};
  }
  room[19] = std::byte{8};
  EXPECT_EQ(without_padding(Bytes(room).first(20)).size(), kStateFrameHeadBytes);
}

}  // namespace
}  // namespace drumline::broadcast

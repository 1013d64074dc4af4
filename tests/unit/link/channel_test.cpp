#include "link/channel.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drumline::link {
namespace {

class LinkChannel : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
    near_.emplace(ends_[0]);
    far_.emplace(ends_[1]);
  }
  void TearDown() override {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  /// What the far end hears until there is nothing more, or an error.
  Result<void> hear() {
    for (int quiet = 0; quiet < 3;) {
      const std::size_t before = heard_.size();
      auto received = far_->receive([&](u16 kind, Bytes payload) {
        heard_.push_back(std::to_string(kind) + ":" + std::string(as_text(payload)));
        return Result<void>();
      });
      if (!received) return received;
      if (auto flushed = near_->flush(); !flushed) return flushed;
      quiet = heard_.size() == before && near_->queued_bytes() == 0 ? quiet + 1 : 0;
    }
    return {};
  }

  std::array<int, 2> ends_{-1, -1};
  std::optional<Channel> near_, far_;
  std::vector<std::string> heard_;
};

TEST_F(LinkChannel, messages_arrive_whole_and_in_order) {
  near_->send(1, as_bytes("one"));
  near_->send(2, {});
  near_->send(3, as_bytes("two "), as_bytes("pieces"));
  ASSERT_TRUE(hear().ok());
  EXPECT_EQ(heard_, (std::vector<std::string>{"1:one", "2:", "3:two pieces"}));
}

TEST_F(LinkChannel, more_than_the_socket_takes_waits_and_arrives) {
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 3; ++i) near_->send(static_cast<u16>(i), as_bytes(large));
  EXPECT_FALSE(near_->has_room());
  ASSERT_TRUE(hear().ok());
  ASSERT_EQ(heard_.size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(heard_[static_cast<std::size_t>(i)], std::to_string(i) + ":" + large);
  EXPECT_TRUE(near_->has_room());
}

TEST_F(LinkChannel, what_was_said_before_the_end_is_heard) {
  near_->send(1, as_bytes("last words"));
  ::close(ends_[0]);
  ends_[0] = -1;
  std::vector<std::string> heard;
  const auto received = far_->receive([&](u16, Bytes payload) {
    heard.emplace_back(as_text(payload));
    return Result<void>();
  });
  // The end may show in the same call or in the next.
  const auto again = far_->receive([](u16, Bytes) { return Result<void>(); });
  EXPECT_EQ(heard, std::vector<std::string>{"last words"});
  ASSERT_FALSE(again.ok() && received.ok());
  EXPECT_EQ((again.ok() ? received : again).error().code, ErrorCode::unavailable);
}

TEST_F(LinkChannel, bytes_that_are_no_message_end_it) {
  const std::array<u8, 8> wrong_magic{4, 0, 0, 0, 1, 2, 3, 4};
  ASSERT_EQ(::send(ends_[0], wrong_magic.data(), wrong_magic.size(), 0), 8);
  const auto received = hear();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, ErrorCode::malformed);
}

TEST_F(LinkChannel, a_size_beyond_the_limit_ends_it_before_any_memory_is_taken) {
  const std::array<u8, 8> huge{0xFF, 0xFF, 0xFF, 0xFF, 0x44, 0x4C, 1, 0};
  ASSERT_EQ(::send(ends_[0], huge.data(), huge.size(), 0), 8);
  const auto received = hear();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, ErrorCode::malformed);
}

TEST_F(LinkChannel, a_visitors_error_ends_the_call) {
  near_->send(1, as_bytes("a"));
  near_->send(2, as_bytes("b"));
  int visits = 0;
  const auto received = far_->receive([&](u16, Bytes) {
    ++visits;
    return Result<void>(Error{ErrorCode::refused, "no"});
  });
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, ErrorCode::refused);
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace drumline::link

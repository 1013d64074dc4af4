#include <gtest/gtest.h>

#include "env/network.hpp"

namespace drumline::env {
namespace {

TEST(address, text_comes_back_as_it_was_given) {
  for (const char* text : {"127.0.0.1:7777", "[::1]:7777", "0.0.0.0:0", "[2001:db8::5]:65535", "[::]:1"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(parse_address("localhost:80")->to_string(), "127.0.0.1:80");
}

TEST(address, kinds_are_told_apart) {
  EXPECT_TRUE(parse_address("127.3.2.1:1")->is_loopback());
  EXPECT_TRUE(parse_address("[::1]:1")->is_loopback());
  EXPECT_FALSE(parse_address("10.0.0.1:1")->is_loopback());
  EXPECT_FALSE(parse_address("[::2]:1")->is_loopback());
  EXPECT_TRUE(parse_address("10.0.0.1:1")->is_v4());
  EXPECT_FALSE(parse_address("[::1]:1")->is_v4());
  EXPECT_EQ(*parse_address("[::ffff:10.0.0.1]:1"), *parse_address("10.0.0.1:1"));
}

TEST(address, what_is_none_is_refused_by_name) {
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1:1x", "127.0.0:1",
        "example.org:80", "::1:80", "[::1:80", "[:::1]:80", "[127.0.0.1]:80", ":80"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(address.error().message.find("\"" + std::string(text) + "\""), std::string::npos);
  }
}

}  // namespace
}  // namespace drumline::env

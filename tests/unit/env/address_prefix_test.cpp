#include "env/address_prefix.hpp"

#include <gtest/gtest.h>

namespace drumline::env {
namespace {

std::string again(const std::string& text) {
  const auto prefix = parse_address_prefix(text);
  return prefix ? prefix->to_string() : prefix.error().message;
}

TEST(AddressPrefix, is_read_and_written_alike) {
  for (const char* const text :
       {"0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "192.168.4.0/22", "::/0", "2001:db8::/32", "fe80::1/128"})
    EXPECT_EQ(again(text), text);
  EXPECT_EQ(again("10.1.2.3"), "10.1.2.3/32");
  EXPECT_EQ(again("2001:DB8::1"), "2001:db8::1/128");
}

TEST(AddressPrefix, what_is_none_is_refused_with_a_reason) {
  for (const char* const text : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/8x",
                                 "host/8", "10.0.0.0/-1", "10.0.0.0/256"})
    EXPECT_FALSE(parse_address_prefix(text).ok()) << text;
  EXPECT_NE(again("10.0.0.1/8").find("is 10.0.0.0/8 meant?"), std::string::npos) << again("10.0.0.1/8");
  EXPECT_FALSE(parse_address_prefix("2001:db8::1/64").ok());
}

}  // namespace
}  // namespace drumline::env

#include "transport/websocket/handshake.hpp"

#include <gtest/gtest.h>

#include "base/request_target.hpp"

namespace drumline::transport {
namespace {

TEST(Origin, any_loopback_and_the_same_host_pass_by_default) {
  for (const char* origin : {"http://localhost:8000", "http://127.0.0.1", "https://[::1]:9",
                             "http://127.9.8.7:1", "https://play.example:8000"}) {
    EXPECT_TRUE(origin_allowed(origin, "play.example:7777", {})) << origin;
  }
  for (const char* origin :
       {"http://evil.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "null", "",
        "http://127.0.0.999", "http://127.1"}) {
    EXPECT_FALSE(origin_allowed(origin, "play.example:7777", {})) << origin;
  }
}

TEST(Origin, a_list_replaces_the_default) {
  const std::vector<std::string> list = {"https://play.example"};
  EXPECT_TRUE(origin_allowed("https://play.example", "a", list));
  EXPECT_FALSE(origin_allowed("https://play.example:444", "a", list));
  EXPECT_FALSE(origin_allowed("http://localhost", "a", list));
  const std::vector<std::string> any = {"*"};
  EXPECT_TRUE(origin_allowed("https://anyone.example", "a", any));
}

TEST(CloseReason, is_cut_to_what_a_close_frame_holds_between_characters) {
  EXPECT_EQ(close_reason_text(CloseCode::flood, ""), "flood");
  std::string snowmen;
  for (int i = 0; i < 60; ++i) snowmen += "\xE2\x98\x83";
  const std::string text = close_reason_text(CloseCode::flood, snowmen);
  EXPECT_LE(text.size(), 123U);
  EXPECT_GT(text.size(), 119U);
  EXPECT_EQ((text.size() - std::string("flood: ").size()) % 3, 0U);
}

TEST(CloseCodes, come_back_from_the_wire_as_they_went) {
  u16 code = 0;
  for (; close_code_name(static_cast<CloseCode>(code)) != std::string_view("unknown"); ++code)
    EXPECT_EQ(close_code_from_wire(kCloseCodeBase + code), static_cast<CloseCode>(code));
  EXPECT_GT(code, static_cast<u16>(CloseCode::overloaded));
  EXPECT_EQ(close_code_from_wire(kCloseCodeBase + code), CloseCode::idle);
  EXPECT_EQ(close_code_from_wire(1000), CloseCode::none);
  EXPECT_EQ(close_code_from_wire(1001), CloseCode::idle);
}

TEST(RequestTarget, is_split_and_decoded) {
  auto parsed = parse_request_target("/a%20b?name=J%C3%BCrgen+K&flag&x=1=2&x=3&&#part");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->path, "/a b");
  EXPECT_EQ(parsed->query_value("name"), "J\xC3\xBCrgen K");
  EXPECT_EQ(parsed->query.count("flag"), 1U);
  EXPECT_EQ(parsed->query_value("x"), "1=2");
  EXPECT_EQ(parsed->query_value("absent"), "");
}

TEST(RequestTarget, malformed_ones_are_refused) {
  std::string many = "/?";
  for (int i = 0; i < 40; ++i) many += "k" + std::to_string(i) + "&";
  for (const std::string& target :
       {std::string("nothing"), std::string(), std::string("/%4"), std::string("/?a=%G0"),
        std::string("/%0d%0aSet-Cookie:x"), std::string("/%00"), many}) {
    EXPECT_FALSE(parse_request_target(target).ok()) << target;
  }
}

TEST(Authorization, only_bearer_is_taken) {
  EXPECT_EQ(bearer_token("Bearer abc"), "abc");
  EXPECT_EQ(bearer_token("bearer  abc "), "abc");
  EXPECT_EQ(bearer_token("Basic abc"), "");
  EXPECT_EQ(bearer_token("Bearer"), "");
  EXPECT_TRUE(equal_constant_time("same", "same"));
  EXPECT_FALSE(equal_constant_time("same", "sane"));
  EXPECT_FALSE(equal_constant_time("same", "sam"));
}

}  // namespace
}  // namespace drumline::transport

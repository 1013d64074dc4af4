#include "transport/memory/memory_link.hpp"

#include "quic_world.hpp"

namespace drumline::transport::testing {
namespace {

TEST(memory_link, carries_both_channels_in_order_and_closes_last) {
  Recorder client, server;
  MemoryLink link(client, server, {.client = {true, "ada", account_of("ada")}});
  link.client().send_reliable(bytes_of("hello"));
  link.deliver();
  EXPECT_EQ(server.seen(link.server()).name, "ada");
  EXPECT_EQ(server.seen(link.server()).reliable, "hello");
  link.lose_datagrams(1);
  link.server().send_datagram(bytes_of("lost"));
  link.server().send_datagram(bytes_of("kept"));
  link.server().send_reliable(bytes_of("bye"));
  link.server().close(CloseCode::replaced, "elsewhere");
  link.deliver();
  EXPECT_EQ(client.seen(link.client()).datagrams, std::vector<std::string>{"kept"});
  EXPECT_EQ(client.seen(link.client()).reliable, "bye");
  EXPECT_TRUE(client.seen(link.client()).closed);
  EXPECT_EQ(server.last_code, CloseCode::replaced);
  EXPECT_FALSE(link.client().send_datagram(bytes_of("late")));
}

TEST(memory_link, closes_too_slow_at_the_cap) {
  Recorder client, server;
  MemoryLink link(client, server, {.reliable_send_bytes = 10});
  EXPECT_TRUE(link.server().send_reliable(bytes_of("0123456789")));
  EXPECT_FALSE(link.server().send_reliable(bytes_of("x")));
  link.deliver();
  EXPECT_EQ(client.last_code, CloseCode::too_slow);
}

TEST(close_codes, have_names) {
  for (u32 code = 0; code < kCloseCodes; ++code) {
    EXPECT_STRNE(close_code_name(static_cast<CloseCode>(code)), "unknown") << code;
  }
  EXPECT_STREQ(close_code_name(static_cast<CloseCode>(kCloseCodes)), "unknown");
}

}  // namespace
}  // namespace drumline::transport::testing

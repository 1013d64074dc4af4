#include "client/client_group.hpp"

#include <gtest/gtest.h>

#include "mini_server.hpp"

namespace drumline::client {
namespace {

class client_group : public ::testing::Test {
 protected:
  static test::TestPki& pki() {
    static test::TestPki made("client_group");
    return made;
  }
  std::unique_ptr<ClientGroup> group_for(u16 port, u32 clients, const transport::TlsFiles& tls,
                                         ClientOptions options = {}) {
    ClientGroupOptions group_options;
    group_options.server = env::parse_address("127.0.0.1:" + std::to_string(port)).value();
    group_options.tls = tls;
    group_options.sockets = 3;
    group_options.max_handshakes = 8;
    auto group = ClientGroup::create(group_options, *network_, random_, clock_).value();
    for (u32 i = 0; i < clients; ++i) group->add(options, listener_);
    group->start();
    return group;
  }
  /// Runs the group until `done()`, for at most ten seconds.
  template <class Done>
  bool run_until(ClientGroup& group, Done done) {
    const TimeNs end = clock_.now() + 10 * kSecondNs;
    while (clock_.now() < end) {
      group.poll();
      if (done()) return true;
      group.wait(clock_.now() + 10 * kMillisecondNs);
    }
    return false;
  }
  static std::size_t playing(ClientGroup& group) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < group.size(); ++i) n += group.client(i).playing() ? 1 : 0;
    return n;
  }

  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  ClientListener listener_;
};

TEST_F(client_group, many_clients_share_a_few_sockets_and_receive_every_tick) {
  test::MiniServer server(pki().server());
  auto group = group_for(server.port(), 24, pki().client());
  ASSERT_TRUE(run_until(*group, [&] { return playing(*group) == 24; }));
  EXPECT_TRUE(run_until(*group, [&] {
    for (std::size_t i = 0; i < group->size(); ++i) {
      if (group->client(i).statistics().frames < 20) return false;
    }
    return true;
  }));
  for (std::size_t i = 0; i < group->size(); ++i) {
    EXPECT_EQ(group->client(i).statistics().frames_malformed, 0U);
    EXPECT_EQ(group->client(i).statistics().session_losses, 0U);
  }
}

TEST_F(client_group, commands_arrive_and_are_confirmed) {
  test::MiniServer server(pki().server());
  auto group = group_for(server.port(), 1, pki().client());
  Client& client = group->client(0);
  ASSERT_TRUE(run_until(*group, [&] { return client.playing(); }));
  world::Command command;
  command.action = world::Action::move;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.send(command, 1, clock_.now()), static_cast<u32>(i + 1));
  EXPECT_TRUE(run_until(*group, [&] { return client.world().last_sequence() == 5; }));
  EXPECT_EQ(server.commands.load(), 5U);
}

TEST_F(client_group, comes_back_by_itself_after_the_server_was_killed_and_started_again) {
  auto server = std::make_unique<test::MiniServer>(pki().server());
  const u16 port = server->port();
  ClientOptions options;
  options.ping_interval_ns = 100 * kMillisecondNs;
  auto group = group_for(port, 8, pki().client(), options);
  ASSERT_TRUE(run_until(*group, [&] { return playing(*group) == 8; }));
  server.reset();
  server = std::make_unique<test::MiniServer>(pki().server(), port);
  EXPECT_TRUE(run_until(*group, [&] { return server->resumed.load() == 8 && playing(*group) == 8; }));
  for (std::size_t i = 0; i < group->size(); ++i) {
    EXPECT_EQ(group->client(i).statistics().session_losses, 1U);
    EXPECT_EQ(group->client(i).statistics().reconnects, 1U);
  }
}

TEST_F(client_group, a_certificate_of_another_authority_is_final) {
  test::MiniServer server(pki().server());
  const test::TestPki other("client_group_other");
  auto tls = other.client();
  tls.authority = pki().client().authority;
  auto group = group_for(server.port(), 1, tls);
  EXPECT_TRUE(run_until(*group, [&] { return group->client(0).lost(); }));
  EXPECT_FALSE(group->client(0).last_error().empty());
  EXPECT_EQ(server.hellos.load(), 0U);
}

TEST_F(client_group, leaving_tells_the_server) {
  test::MiniServer server(pki().server());
  auto group = group_for(server.port(), 4, pki().client());
  ASSERT_TRUE(run_until(*group, [&] { return playing(*group) == 4; }));
  group->leave_all();
  EXPECT_TRUE(run_until(*group, [&] { return server.leaves.load() == 4; }));
}

TEST(server_url, names_what_it_does_not_speak) {
  EXPECT_EQ(parse_server_url("quic://127.0.0.1:7777")->address.port, 7777);
  EXPECT_EQ(parse_server_url("quic://localhost:1/")->address.port, 1);
  const ServerUrl web = parse_server_url("ws://[::1]:80").value();
  EXPECT_EQ(web.transport, transport::TransportKind::websocket);
  EXPECT_EQ(web.path, "/play");
  EXPECT_EQ(parse_server_url("ws://127.0.0.1:80/")->path, "/play");
  EXPECT_EQ(parse_server_url("ws://127.0.0.1:80/other/path")->path, "/other/path");
  EXPECT_EQ(parse_server_url("tls://127.0.0.1:7777")->transport, transport::TransportKind::tls);
  EXPECT_TRUE(parse_server_url("wss://127.0.0.1:80")->secure);
  EXPECT_FALSE(parse_server_url("ws://127.0.0.1:80")->secure);
  EXPECT_TRUE(parse_server_url("drumline://127.0.0.1:7777/")->fallback);
  EXPECT_EQ(parse_server_url("drumline://127.0.0.1:7777")->transport, transport::TransportKind::quic);
  EXPECT_FALSE(parse_server_url("quic://127.0.0.1:7777")->fallback);
  for (const char* bad :
       {"", "127.0.0.1:7777", "http://127.0.0.1:7777", "quic://", "tls://", "drumline://nowhere:1",
        "quic://127.0.0.1", "ws:///play", "quic://127.0.0.1:99999"}) {
    EXPECT_FALSE(parse_server_url(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace drumline::client

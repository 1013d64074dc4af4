#include "transport/websocket/websocket_client.hpp"

#include <chrono>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "transport/tcp/tcp_listener.hpp"

namespace drumline::transport {
namespace {

using ::testing::HasSubstr;

Result<PeerIdentity> verify(std::string_view token) {
  if (token == "expired") return Error{ErrorCode::refused, "The token expired 12 s ago."};
  if (token != "good +/") return Error{ErrorCode::refused, "The token's signature does not hold."};
  PeerIdentity identity;
  identity.authenticated = true;
  return identity;
}

struct Side : SessionHandler {
  void on_open(Session& session) override { open = &session; }
  void on_reliable(Session&, Bytes bytes) override { reliable.emplace_back(as_text(bytes)); }
  void on_datagram(Session&, Bytes payload) override { datagrams.emplace_back(as_text(payload)); }
  void on_close(Session& session, CloseCode code, std::string_view why) override {
    context = session.context;
    open = nullptr;
    ++closes;
    close_code = code;
    reason = why;
  }
  Session* open = nullptr;
  std::vector<std::string> reliable, datagrams;
  int closes = 0;
  u64 context = 0;
  CloseCode close_code = CloseCode::none;
  std::string reason;
};

/// Client and listener on one io_context and one thread.
class WebSocketClientTest : public ::testing::Test {
 protected:
  void serve() { listener = TcpListener::create(io, {}, verify, server).value(); }
  WebSocketClients::Target target(std::string token) const {
    return {.server = listener->local(), .token = std::move(token), .context = 42};
  }
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds(10));
    }
    return done();
  }
  void connect() {
    serve();
    ASSERT_TRUE(clients.connect(target("good +/")).ok());
    ASSERT_TRUE(until([&] { return client.open != nullptr && server.open != nullptr; }));
  }

  boost::asio::io_context io;
  Side server;
  Side client;
  std::unique_ptr<TcpListener> listener;
  WebSocketClients clients{io, {.max_message_bytes = 100'000}, client};
};

TEST_F(WebSocketClientTest, state_frames_are_datagrams_and_all_else_is_reliable_both_ways) {
  connect();
  EXPECT_EQ(client.open->kind(), TransportKind::websocket);
  EXPECT_EQ(clients.half_open(), 0U);
  const std::string state = std::string("\x01") + std::string(9'000, 's');
  EXPECT_TRUE(server.open->send_reliable(as_bytes("hello")));
  EXPECT_TRUE(server.open->send_datagram(as_bytes(state)));
  EXPECT_TRUE(client.open->send_reliable(as_bytes("frame")));
  EXPECT_TRUE(client.open->send_datagram(as_bytes("command")));
  ASSERT_TRUE(until([&] { return client.datagrams.size() == 1 && server.reliable.size() == 2; }));
  EXPECT_EQ(client.reliable, std::vector<std::string>{"hello"});
  EXPECT_EQ(client.datagrams.front(), state);
  EXPECT_EQ(server.reliable, (std::vector<std::string>{"frame", "command"}));
}

TEST_F(WebSocketClientTest, a_refused_token_is_told_with_status_and_sentence) {
  serve();
  ASSERT_TRUE(clients.connect(target("expired")).ok());
  EXPECT_EQ(client.closes, 0) << "never from inside connect";
  EXPECT_EQ(clients.half_open(), 1U);
  ASSERT_TRUE(until([&] { return client.closes > 0; }));
  EXPECT_EQ(client.close_code, CloseCode::unauthenticated);
  EXPECT_THAT(client.reason, HasSubstr("HTTP 401: The token expired 12 s ago."));
  EXPECT_EQ(client.context, 42U);
  EXPECT_EQ(clients.half_open(), 0U);
  EXPECT_EQ(clients.connections(), 0U);
}

TEST_F(WebSocketClientTest, nobody_listening_is_told_and_may_be_tried_again) {
  serve();
  const auto where = target("good +/");
  listener.reset();
  ASSERT_TRUE(clients.connect(where).ok());
  ASSERT_TRUE(until([&] { return client.closes > 0; }));
  EXPECT_EQ(client.close_code, CloseCode::idle);
  EXPECT_THAT(client.reason, HasSubstr(where.server.to_string()));
}

TEST_F(WebSocketClientTest, the_servers_close_code_and_reason_arrive) {
  connect();
  server.open->close(CloseCode::server_stopping, "an upgrade");
  ASSERT_TRUE(until([&] { return client.closes > 0 && server.closes > 0; }));
  EXPECT_EQ(client.close_code, CloseCode::server_stopping);
  EXPECT_EQ(client.reason, "an upgrade");
}

TEST_F(WebSocketClientTest, closing_sends_what_was_queued_and_ends_both_sides_once) {
  connect();
  client.open->send_reliable(as_bytes("bye"));
  client.open->close(CloseCode::none, "left");
  EXPECT_EQ(client.closes, 0);
  ASSERT_TRUE(until([&] { return client.closes > 0 && server.closes > 0; }));
  EXPECT_EQ(server.reliable, std::vector<std::string>{"bye"});
  EXPECT_EQ(server.close_code, CloseCode::none);
  EXPECT_EQ(client.closes, 1);
}

TEST_F(WebSocketClientTest, a_session_closed_while_it_opens_is_gone_without_having_opened) {
  serve();
  Session* const session = *clients.connect(target("good +/"));
  session->close(CloseCode::none, "changed our mind");
  EXPECT_EQ(client.closes, 0);
  ASSERT_TRUE(until([&] { return client.closes > 0; }));
  EXPECT_EQ(client.open, nullptr);
  EXPECT_EQ(clients.half_open(), 0U);
}

TEST_F(WebSocketClientTest, a_message_over_the_limit_ends_the_session) {
  connect();
  ASSERT_TRUE(server.open->send_reliable(as_bytes(std::string(120'000, 'x'))));
  ASSERT_TRUE(until([&] { return client.closes > 0; }));
  EXPECT_EQ(client.close_code, CloseCode::too_large);
}

TEST_F(WebSocketClientTest, a_full_queue_drops_datagrams_and_ends_a_reliable_stream) {
  connect();
  const std::string datagram(16'000, 'd');
  int taken = 0;
  while (taken < 100 && client.open->send_datagram(as_bytes(datagram))) ++taken;
  EXPECT_EQ(taken, 4);
  const std::string piece(60'000, 'r');
  taken = 0;
  while (taken < 100 && client.open->send_reliable(as_bytes(piece))) ++taken;
  EXPECT_EQ(taken, 4);
  ASSERT_TRUE(until([&] { return client.closes > 0; }));
  EXPECT_EQ(client.close_code, CloseCode::too_slow);
}

TEST_F(WebSocketClientTest, a_path_that_no_request_can_carry_is_an_error) {
  WebSocketClients::Target bad;
  for (const char* path : {"", "play", "/pl ay", "/a\r\nX: y"}) {
    bad.path = path;
    EXPECT_FALSE(clients.connect(bad).ok()) << path;
  }
}

}  // namespace
}  // namespace drumline::transport

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "transport/tcp/tcp_listener.hpp"
#include "unit/websocket/raw_client.hpp"

namespace drumline::transport {
namespace {

using drumline::testing::RawClient;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<PeerIdentity> verify(std::string_view token) {
  if (token == "expired") return Error{ErrorCode::refused, "The token expired 12 s ago."};
  if (token.rfind("good", 0) != 0) return Error{ErrorCode::refused, "The token's signature does not hold."};
  PeerIdentity identity;
  identity.authenticated = true;
  identity.name = token;
  identity.account = 7;
  return identity;
}

struct Closed {
  CloseCode code;
  std::string reason;
};

/// Records what happens; its hooks run on the listener's thread.
class Recorder : public SessionHandler {
 public:
  void on_open(Session& session) override {
    {
      const std::lock_guard lock(mutex);
      names.push_back(session.identity().name);
      session.context = names.size();
    }
    changed.notify_all();
    if (opened) opened(session);
  }
  void on_reliable(Session& session, Bytes bytes) override {
    {
      const std::lock_guard lock(mutex);
      received.append(as_text(bytes));
    }
    changed.notify_all();
    if (arrived) arrived(session, bytes);
  }
  void on_datagram(Session&, Bytes) override { FAIL() << "a WebSocket has no datagrams inwards"; }
  void on_close(Session&, CloseCode code, std::string_view reason) override {
    {
      const std::lock_guard lock(mutex);
      closed.push_back({code, std::string(reason)});
    }
    changed.notify_all();
  }

  template <class Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), condition);
  }
  bool wait_for_close() {
    return wait_for([this] { return !closed.empty(); });
  }

  std::function<void(Session&)> opened;
  std::function<void(Session&, Bytes)> arrived;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> names;
  std::string received;
  std::vector<Closed> closed;
};

class WebSocketTest : public ::testing::Test {
 protected:
  ~WebSocketTest() override { stop(); }

  void start() {
    auto made = TcpListener::create(io, options, verify, recorder);
    ASSERT_TRUE(made.ok()) << made.error().message;
    listener = std::move(*made);
    port = listener->local().port;
    thread = std::thread([this] { io.run(); });
  }
  void stop() {
    if (!thread.joinable()) return;
    on_thread([this] { listener.reset(); });
    guard.reset();
    thread.join();
  }
  /// Runs `work` on the listener's thread and waits for it.
  void on_thread(std::function<void()> work) {
    std::promise<void> done;
    boost::asio::post(io, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  const WebSocketCounters& counters() const { return listener->websocket_counters(); }
  template <class Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  std::string refusal_of(const std::string& request) {
    RawClient client(port);
    EXPECT_TRUE(client.send_text(request));
    std::string response = client.read_response();
    EXPECT_TRUE(client.wait_for_end());
    return response;
  }

  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  TcpListenerOptions options;
  Recorder recorder;
  std::unique_ptr<TcpListener> listener;
  u16 port = 0;
  std::thread thread;
};

TEST_F(WebSocketTest, a_good_token_opens_a_session_with_its_identity) {
  start();
  RawClient client(port);
  ASSERT_TRUE(client.send_text(RawClient::upgrade_request("/play?token=good-ann")));
  const std::string response = client.read_response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(response, HasSubstr("Sec-WebSocket-Protocol: drumline.v1\r\n"));
  // The example of RFC 6455 section 1.3.
  EXPECT_THAT(response, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(response, ::testing::Not(HasSubstr("permessage-deflate")));
  ASSERT_TRUE(recorder.wait_for([this] { return !recorder.names.empty(); }));
  EXPECT_EQ(recorder.names.front(), "good-ann");
  EXPECT_EQ(listener->sessions(), 1U);
}

TEST_F(WebSocketTest, the_token_may_come_as_a_bearer_header) {
  start();
  RawClient client(port);
  EXPECT_TRUE(client.open("/play", "Authorization: Bearer good-bob\r\n"));
  ASSERT_TRUE(recorder.wait_for([this] { return !recorder.names.empty(); }));
  EXPECT_EQ(recorder.names.front(), "good-bob");
}

TEST_F(WebSocketTest, refusals_say_what_was_wrong_and_are_counted) {
  start();
  const std::string expired = refusal_of(RawClient::upgrade_request("/play?token=expired"));
  EXPECT_THAT(expired, StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(expired, HasSubstr("The token expired 12 s ago.\n"));
  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play?token=forged")),
              HasSubstr("signature does not hold"));
  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play")), HasSubstr("A token is missing"));
  EXPECT_EQ(counters().refused_token.value(), 3U);

  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/elsewhere?token=good")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play?token=good", "", "chat")),
              HasSubstr("must offer the subprotocol drumline.v1"));
  EXPECT_THAT(refusal_of("GET /play?token=good HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
  EXPECT_THAT(refusal_of("POST /play HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(refusal_of("\x16\x03\x01 not http at all\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play?token=%zz")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play?token=good") + "early"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(counters().refused_request.value(), 7U);

  EXPECT_THAT(refusal_of(RawClient::upgrade_request("/play?token=good", "Origin: https://evil.example\r\n")),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(counters().refused_origin.value(), 1U);
  EXPECT_EQ(counters().opened.value(), 0U);
  EXPECT_TRUE(eventually([this] { return counters().handshakes.value() == 0; }));
}

TEST_F(WebSocketTest, a_header_past_the_limit_is_refused) {
  start();
  const std::string response = refusal_of(
      RawClient::upgrade_request("/play?token=good", "X-Filler: " + std::string(9000, 'x') + "\r\n"));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(counters().refused_request.value(), 1U);
}

TEST_F(WebSocketTest, a_wrong_websocket_version_is_refused) {
  start();
  std::string request = RawClient::upgrade_request("/play?token=good");
  request.replace(request.find("Version: 13"), 11, "Version: 12");
  RawClient client(port);
  ASSERT_TRUE(client.send_text(request));
  const std::string response = client.read_response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(response, ::testing::Not(HasSubstr("drumline.v1")));
  EXPECT_TRUE(client.wait_for_end());
  EXPECT_TRUE(eventually([this] { return counters().refused_request.value() == 1; }));
}

TEST_F(WebSocketTest, bytes_go_both_ways_in_order_whatever_the_messages) {
  recorder.arrived = [](Session& session, Bytes bytes) { EXPECT_TRUE(session.send_reliable(bytes)); };
  recorder.opened = [](Session& session) { EXPECT_TRUE(session.send_datagram(as_bytes("state"))); };
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  auto first = client.read_data();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->opcode, 2);
  EXPECT_EQ(first->payload, "state");

  std::string sent(20'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
  ASSERT_TRUE(client.send_binary(sent.substr(0, 5)));
  ASSERT_TRUE(client.send_frame(2, sent.substr(5, 95), false));  // one message in two fragments
  ASSERT_TRUE(client.send_frame(0, sent.substr(100, 400)));
  ASSERT_TRUE(client.send_binary(sent.substr(500)));
  std::string echoed;
  while (echoed.size() < sent.size()) {
    auto frame = client.read_data();
    ASSERT_TRUE(frame);
    ASSERT_EQ(frame->opcode, 2);
    echoed += frame->payload;
  }
  EXPECT_EQ(echoed, sent);
  EXPECT_EQ(counters().messages_received.value(), 3U);
  EXPECT_EQ(counters().bytes_received.value(), sent.size());
}

TEST_F(WebSocketTest, a_text_message_is_refused) {
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  ASSERT_TRUE(client.send_frame(1, "hello"));
  auto frame = client.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->close_code(), 4003);
  EXPECT_THAT(frame->close_reason(), HasSubstr("text messages"));
  ASSERT_TRUE(client.send_close(4003));
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::bad_message);
  EXPECT_EQ(counters().closed_bad_message.value(), 1U);
  EXPECT_EQ(recorder.received, "");
}

TEST_F(WebSocketTest, a_message_past_the_limit_closes_with_too_large) {
  options.websocket.close_timeout_ms = 200;
  start();
  RawClient whole(port);
  ASSERT_TRUE(whole.open("/play?token=good"));
  ASSERT_TRUE(whole.send_binary(std::string(64 * 1024, 'a')));
  ASSERT_TRUE(recorder.wait_for([this] { return recorder.received.size() == 64 * 1024; }));
  ASSERT_TRUE(whole.send_binary(std::string(64 * 1024 + 1, 'b')));
  auto frame = whole.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->close_code(), 4004);

  RawClient fragmented(port);
  ASSERT_TRUE(fragmented.open("/play?token=good"));
  for (int i = 0; i < 70 && fragmented.send_frame(i == 0 ? 2 : 0, std::string(1024, 'c'), false); ++i) {
  }
  frame = fragmented.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->close_code(), 4004);
  EXPECT_EQ(counters().closed_too_large.value(), 2U);
  EXPECT_TRUE(recorder.wait_for([this] { return recorder.closed.size() == 2; }));
}

TEST_F(WebSocketTest, a_broken_frame_ends_the_session_as_bad_message) {
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  ASSERT_TRUE(
      client.send_text(std::string_view("\x82\x03"
                                        "abc",
                                        5)));  // not masked: RFC 6455 section 5.1 forbids it
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::bad_message);
}

TEST_F(WebSocketTest, a_peer_that_does_not_read_loses_datagrams_and_then_the_session) {
  options.websocket.close_timeout_ms = 200;
  start();
  Session* session = nullptr;
  recorder.opened = [&](Session& s) { session = &s; };
  RawClient client(port, 4096);
  ASSERT_TRUE(client.open("/play?token=good"));
  ASSERT_TRUE(recorder.wait_for([this] { return !recorder.names.empty(); }));

  const std::vector<std::byte> datagram(1100, std::byte{1});
  // The kernel takes some at first; each round lets the writes out that can go.
  for (int i = 0; i < 400 && counters().datagrams_dropped.value() == 0; ++i) {
    on_thread([&] {
      for (int k = 0; k < 100; ++k) session->send_datagram(datagram);
    });
  }
  EXPECT_GT(counters().datagrams_dropped.value(), 0U);
  EXPECT_TRUE(recorder.closed.empty());

  const std::vector<std::byte> piece(32 * 1024, std::byte{2});
  bool taken = true;
  on_thread([&] {
    for (int i = 0; i < 8; ++i) taken = taken && session->send_reliable(piece);
  });
  EXPECT_TRUE(taken);
  on_thread([&] {
    for (int i = 0; i < 400 && taken; ++i) taken = session->send_reliable(piece);
    EXPECT_FALSE(session->send_reliable(piece));
    EXPECT_FALSE(session->send_datagram(datagram));
  });
  EXPECT_FALSE(taken);
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::too_slow);
  EXPECT_EQ(counters().closed_too_slow.value(), 1U);
  EXPECT_EQ(listener->sessions(), 0U);
}

TEST_F(WebSocketTest, a_datagram_past_the_limit_is_dropped_and_nothing_else) {
  options.websocket.max_datagram_bytes = 100;
  recorder.opened = [](Session& session) {
    EXPECT_EQ(session.max_datagram_bytes(), 100U);
    EXPECT_FALSE(session.send_datagram(as_bytes(std::string(101, 'x'))));
    EXPECT_TRUE(session.send_datagram(as_bytes(std::string(100, 'y'))));
  };
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  auto frame = client.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, std::string(100, 'y'));
  EXPECT_EQ(counters().datagrams_too_large.value(), 1U);
}

TEST_F(WebSocketTest, a_handshake_that_stalls_is_ended) {
  options.websocket.handshake_timeout_ms = 100;
  start();
  RawClient silent(port);
  RawClient halfway(port);
  ASSERT_TRUE(halfway.send_text("GET /play?token=good HTTP/1.1\r\nHost: "));
  EXPECT_TRUE(silent.wait_for_end());
  EXPECT_TRUE(halfway.wait_for_end());
  EXPECT_TRUE(eventually([this] { return counters().handshake_timeouts.value() == 2; }));
  EXPECT_EQ(counters().handshakes.value(), 0);
}

TEST_F(WebSocketTest, half_open_connections_are_limited) {
  options.max_handshakes = 2;
  start();
  RawClient first(port);
  RawClient second(port);
  ASSERT_TRUE(eventually([this] { return counters().handshakes.value() == 2; }));
  RawClient third(port);
  EXPECT_THAT(third.read_response(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(listener->counters().refused_full.value(), 1U);
  EXPECT_TRUE(first.open("/play?token=good"));
  RawClient fourth(port);
  EXPECT_TRUE(fourth.open("/play?token=good"));
}

TEST_F(WebSocketTest, connections_are_limited_and_a_place_comes_free) {
  options.max_connections = 2;
  start();
  RawClient first(port);
  auto second = std::make_unique<RawClient>(port);
  ASSERT_TRUE(first.open("/play?token=good"));
  ASSERT_TRUE(second->open("/play?token=good"));
  RawClient third(port);
  EXPECT_THAT(third.read_response(), StartsWith("HTTP/1.1 503 "));
  second.reset();
  ASSERT_TRUE(recorder.wait_for_close());
  RawClient fourth(port);
  EXPECT_TRUE(fourth.open("/play?token=good"));
}

TEST_F(WebSocketTest, a_peer_that_answers_no_ping_is_idle) {
  options.websocket.idle_timeout_ms = 200;
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::idle);
  EXPECT_EQ(counters().closed_idle.value(), 1U);
}

TEST_F(WebSocketTest, pings_keep_a_quiet_peer_alive) {
  options.websocket.idle_timeout_ms = 400;
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  for (int pings = 0; pings < 4; ++pings) {
    auto frame = client.read_frame();
    ASSERT_TRUE(frame);
    ASSERT_EQ(frame->opcode, 9);
    ASSERT_TRUE(client.send_frame(10, frame->payload));
  }
  EXPECT_TRUE(recorder.closed.empty());
}

TEST_F(WebSocketTest, a_close_carries_the_code_after_what_was_queued) {
  recorder.opened = [](Session& session) {
    EXPECT_TRUE(session.send_reliable(as_bytes("last words")));
    session.close(CloseCode::battle_full, "arena takes 2000 players");
    EXPECT_FALSE(session.send_reliable(as_bytes("too late")));
  };
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  auto frame = client.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "last words");
  frame = client.read_data();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->close_code(), 4010);
  EXPECT_EQ(frame->close_reason(), "battle_full: arena takes 2000 players");
  ASSERT_TRUE(client.send_close(4010));
  EXPECT_TRUE(client.wait_for_end());
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::battle_full);
}

TEST_F(WebSocketTest, a_peer_that_ignores_our_close_is_cut_off) {
  options.websocket.close_timeout_ms = 100;
  recorder.opened = [](Session& session) { session.close(CloseCode::replaced, "connected again elsewhere"); };
  start();
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::replaced);
  EXPECT_TRUE(client.wait_for_end());
}

TEST_F(WebSocketTest, the_peers_close_says_whether_he_left_or_was_lost) {
  start();
  const std::vector<std::pair<u16, CloseCode>> cases = {
      {1000, CloseCode::none}, {4000, CloseCode::none}, {1001, CloseCode::idle}, {4013, CloseCode::version}};
  for (const auto& [wire, expected] : cases) {
    RawClient client(port);
    ASSERT_TRUE(client.open("/play?token=good"));
    ASSERT_TRUE(client.send_close(wire));
    ASSERT_TRUE(recorder.wait_for_close());
    EXPECT_EQ(recorder.closed.front().code, expected) << wire;
    recorder.closed.clear();
  }
  RawClient client(port);
  ASSERT_TRUE(client.open("/play?token=good"));
  client.disconnect();
  ASSERT_TRUE(recorder.wait_for_close());
  EXPECT_EQ(recorder.closed.front().code, CloseCode::idle);
}

TEST_F(WebSocketTest, many_sessions_are_served_at_once) {
  recorder.arrived = [](Session& session, Bytes bytes) { session.send_reliable(bytes); };
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<RawClient>(port));
    ASSERT_TRUE(clients.back()->open("/play?token=good-" + std::to_string(i)));
  }
  EXPECT_TRUE(eventually([this] { return counters().sessions.value() == 200; }));
  for (std::size_t i = 0; i < clients.size(); ++i) ASSERT_TRUE(clients[i]->send_binary(std::to_string(i)));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    auto frame = clients[i]->read_data();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->payload, std::to_string(i));
  }
  on_thread([this] { listener->close_all(CloseCode::server_stopping, "drain"); });
  for (auto& client : clients) {
    auto frame = client->read_data();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->close_code(), 4001);
    client->disconnect();
  }
  EXPECT_TRUE(recorder.wait_for([this] { return recorder.closed.size() == 200; }));
}

TEST_F(WebSocketTest, ending_the_listener_ends_its_sessions_and_frees_the_port) {
  start();
  RawClient session(port);
  ASSERT_TRUE(session.open("/play?token=good"));
  ASSERT_TRUE(eventually([this] { return counters().sessions.value() == 1; }));
  RawClient handshake(port);
  ASSERT_TRUE(eventually([this] { return counters().handshakes.value() == 1; }));
  stop();
  ASSERT_EQ(recorder.closed.size(), 1U);
  EXPECT_EQ(recorder.closed.front().code, CloseCode::server_stopping);
  EXPECT_TRUE(session.wait_for_end());
  EXPECT_TRUE(handshake.wait_for_end());
  EXPECT_FALSE(RawClient(port).connected());
}

TEST_F(WebSocketTest, a_port_in_use_is_unavailable_and_says_what_to_do) {
  start();
  TcpListenerOptions same = options;
  same.port = port;
  boost::asio::io_context other;
  auto second = TcpListener::create(other, same, verify, recorder);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(port) + "/tcp is in use"));

  same.address = "example.com";
  auto named = TcpListener::create(other, same, verify, recorder);
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().code, ErrorCode::invalid_argument);
}

TEST_F(WebSocketTest, a_port_is_shared_with_those_who_join_and_is_never_anybody_elses) {
  options.sharing = env::PortSharing::first;
  start();
  TcpListenerOptions same = options;
  same.port = port;
  boost::asio::io_context other;
  for (const env::PortSharing sharing : {env::PortSharing::none, env::PortSharing::first}) {
    same.sharing = sharing;
    auto stranger = TcpListener::create(other, same, verify, recorder);
    ASSERT_FALSE(stranger.ok());
    EXPECT_EQ(stranger.error().code, ErrorCode::unavailable);
    EXPECT_THAT(stranger.error().message, HasSubstr("is in use"));
  }
  same.sharing = env::PortSharing::further;
  auto second = TcpListener::create(other, same, verify, recorder);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ((*second)->local(), listener->local());
}

}  // namespace
}  // namespace drumline::transport

#include "tls_world.hpp"
#include "transport/websocket/websocket_client.hpp"

namespace drumline::transport {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

struct TlsSession : TlsWorld {};

TEST_F(TlsSession, carries_the_stream_in_order_and_datagrams_whole_both_ways) {
  connect();
  EXPECT_EQ(client.open->kind(), TransportKind::tls);
  EXPECT_EQ(clients->half_open(), 0U);
  ASSERT_EQ(server.names.size(), 1U);
  EXPECT_EQ(server.open->identity().account, account_of(server.names[0]));
  EXPECT_TRUE(server.open->identity().authenticated);
  std::string long_text;
  for (int i = 0; i < 20'000; ++i) long_text += std::to_string(i);
  EXPECT_TRUE(client.open->send_reliable(as_bytes(std::string_view("first "))));
  EXPECT_TRUE(client.open->send_datagram(as_bytes(std::string(16'000, 'd'))));
  EXPECT_FALSE(client.open->send_datagram(as_bytes(std::string(16'001, 'd')))) << "too large";
  EXPECT_TRUE(client.open->send_reliable(as_bytes(long_text)));
  EXPECT_TRUE(server.open->send_reliable(as_bytes(long_text)));
  EXPECT_TRUE(server.open->send_datagram(as_bytes(std::string_view("state"))));
  ASSERT_TRUE(until([&] {
    return server.reliable.size() == long_text.size() + 6 && client.reliable.size() == long_text.size() &&
           !server.datagrams.empty() && !client.datagrams.empty();
  }));
  EXPECT_EQ(server.reliable, "first " + long_text);
  EXPECT_EQ(client.reliable, long_text);
  EXPECT_EQ(server.datagrams[0], std::string(16'000, 'd'));
  EXPECT_EQ(client.datagrams[0], "state");
}

TEST_F(TlsSession, a_close_carries_code_and_reason_after_what_was_queued) {
  connect();
  server.open->send_reliable(as_bytes(std::string(200'000, 'x')));
  server.open->close(CloseCode::battle_full, "every seat is taken");
  ASSERT_TRUE(until([&] { return client.ended.size() == 1 && server.ended.size() == 1; }));
  EXPECT_EQ(client.reliable.size(), 200'000U);
  EXPECT_EQ(client.ended[0].context, 42U);
  EXPECT_EQ(client.ended[0].code, CloseCode::battle_full);
  EXPECT_EQ(client.ended[0].reason, "every seat is taken");
  EXPECT_EQ(server.ended[0].code, CloseCode::battle_full);
  EXPECT_EQ(clients->connections(), 0U);
  EXPECT_EQ(listener->sessions(), 0U);
}

TEST_F(TlsSession, the_clients_close_is_heard_and_a_cut_is_no_leave) {
  connect();
  client.open->close(CloseCode::none, "left");
  ASSERT_TRUE(until([&] { return server.ended.size() == 1 && client.ended.size() == 1; }));
  EXPECT_EQ(server.ended[0].code, CloseCode::none);
  EXPECT_EQ(server.ended[0].reason, "left");
  connect();
  clients.reset();  // without a word
  ASSERT_TRUE(until([&] { return server.ended.size() == 2; }));
  EXPECT_EQ(server.ended[1].code, CloseCode::idle);
}

TEST_F(TlsSession, a_ticket_makes_the_next_handshake_short_on_any_gateway_with_the_same_keys) {
  connect();
  const std::string name = server.names[0];
  const auto again = [&](const env::Address& where, bool resumes) {
    const u64 before = clients->counters().resumed.value();
    client.open->close(CloseCode::none, "");
    ASSERT_TRUE(until([&] { return clients->connections() == 0; }));
    clients->connect(where, 43);
    ASSERT_TRUE(until([&] { return client.open != nullptr && server.open != nullptr; })) << last_end();
    EXPECT_EQ(clients->counters().resumed.value() - before, resumes ? 1U : 0U);
    EXPECT_EQ(server.names.back(), name) << "the ticket keeps who he is";
  };
  again(listener->local(), true);
  EXPECT_EQ(counters().resumed.value(), 1U);
  const auto sibling = make_listener();
  again(sibling->local(), true);
  // Whoever is cut off keeps his ticket.
  sibling->close_all(CloseCode::server_stopping, "");
  server.open = nullptr;
  ASSERT_TRUE(until([&] { return clients->connections() == 0; }));
  clients->connect(listener->local(), 43);
  ASSERT_TRUE(until([&] { return client.open != nullptr; }));
  EXPECT_EQ(clients->counters().resumed.value(), 3U);
  tls.ticket_keys = ticket_keys(2);
  const auto stranger = make_listener();
  again(stranger->local(), false);
}

TEST_F(TlsSession, neither_certificate_nor_ticket_of_one_who_was_revoked_is_good) {
  serve();
  const TlsFiles files = client_files_of("sold");
  clients = make_clients(files);
  clients->connect(listener->local(), 42);
  ASSERT_TRUE(until([&] { return client.open != nullptr && server.open != nullptr; })) << last_end();
  client.open->close(CloseCode::none, "");
  ASSERT_TRUE(until([&] { return clients->connections() == 0; }));
  revoke("sold");
  tls.files = server_files_with_revoked();
  const auto now = make_listener();
  const auto refused = [&] {
    client.ended.clear();
    clients->connect(now->local(), 43);
    ASSERT_TRUE(until([&] { return !client.ended.empty(); }));
    EXPECT_EQ(client.ended[0].code, CloseCode::unauthenticated) << client.ended[0].reason;
    EXPECT_THAT(client.ended[0].reason, HasSubstr("revoked"));
  };
  refused();
  EXPECT_EQ(clients->counters().resumed.value(), 1U) << "he came with his ticket";
  clients = make_clients(files);
  refused();
  EXPECT_EQ(clients->counters().resumed.value(), 0U);
  clients = make_clients(client_files());
  server.open = nullptr;
  clients->connect(now->local(), 44);
  EXPECT_TRUE(until([&] { return server.open != nullptr; })) << last_end();
}

TEST_F(TlsSession, who_proves_nothing_that_we_accept_is_refused_and_told_why) {
  serve();
  struct Case {
    const char* what;
    TlsFiles files;
    HandshakeFailure failure;
  };
  const Case cases[] = {{"none", anonymous_files(), HandshakeFailure::certificate_missing},
                        {"of another authority", stranger_files(), HandshakeFailure::certificate_untrusted},
                        {"expired", expired_files(), HandshakeFailure::certificate_expired},
                        {"of a server", wrong_purpose_files(), HandshakeFailure::certificate_unfit}};
  for (const Case& each : cases) {
    client.ended.clear();
    clients = make_clients(each.files);
    clients->connect(listener->local(), 1);
    ASSERT_TRUE(until([&] { return !client.ended.empty(); })) << each.what;
    EXPECT_EQ(client.ended[0].code, CloseCode::unauthenticated)
        << each.what << ": " << client.ended[0].reason;
    EXPECT_THAT(client.ended[0].reason, HasSubstr("the peer refused us"));
    EXPECT_EQ(counters().failed(each.failure), 1U) << each.what;
    EXPECT_EQ(clients->half_open(), 0U);
  }
  EXPECT_TRUE(client.names.empty());
  EXPECT_TRUE(server.names.empty()) << "nobody was let in";
  EXPECT_EQ(counters().opened.value(), 0U);
}

TEST_F(TlsSession, a_certificate_may_be_absent_where_none_is_required) {
  tls.require_client_certificate = false;
  serve();
  clients = make_clients(anonymous_files());
  clients->connect(listener->local(), 1);
  ASSERT_TRUE(until([&] { return server.open != nullptr; })) << last_end();
  EXPECT_FALSE(server.open->identity().authenticated);
}

TEST_F(TlsSession, a_server_that_is_not_the_one_is_refused_by_the_client) {
  tls.files = stranger_server_files();
  serve();
  clients = make_clients(client_files());
  clients->connect(listener->local(), 1);
  ASSERT_TRUE(until([&] { return !client.ended.empty(); }));
  EXPECT_EQ(client.ended[0].code, CloseCode::unauthenticated) << client.ended[0].reason;
  EXPECT_THAT(client.ended[0].reason, HasSubstr("the certificate is not accepted"));

  tls.files = server_files();
  serve();
  client_options.server_name = "battle.example";
  clients = make_clients(client_files());
  clients->connect(listener->local(), 1);
  ASSERT_TRUE(until([&] { return client.ended.size() == 2; }));
  EXPECT_EQ(client.ended[1].code, CloseCode::unauthenticated) << client.ended[1].reason;
}

TEST_F(TlsSession, nobody_at_the_port_is_said_in_a_sentence) {
  serve();
  const env::Address gone = listener->local();
  listener.reset();
  clients = make_clients(client_files());
  clients->connect(gone, 1);
  ASSERT_TRUE(until([&] { return !client.ended.empty(); }));
  EXPECT_EQ(client.ended[0].code, CloseCode::idle);
  EXPECT_THAT(client.ended[0].reason, HasSubstr("no TCP connection to " + gone.to_string()));
}

TEST_F(TlsSession, pings_keep_a_quiet_session) {
  options.idle_timeout_ms = 300;
  client_options.idle_timeout_ms = 300;
  connect();
  until([] { return false; }, 1);
  EXPECT_TRUE(server.ended.empty());
  EXPECT_TRUE(client.ended.empty());
}

TEST_F(TlsSession, a_websocket_over_tls_shares_the_port) {
  serve();
  auto context = TlsClientContext::create(anonymous_files());
  ASSERT_TRUE(context.ok());
  Side browser;
  WebSocketClientOptions web;
  web.tls = *context;
  WebSocketClients browsers(io, web, browser);
  ASSERT_TRUE(browsers.connect({.server = listener->local(), .token = "good", .context = 5}).ok());
  ASSERT_TRUE(until([&] { return browser.open != nullptr && server.open != nullptr; }))
      << (browser.ended.empty() ? "" : browser.ended[0].reason);
  EXPECT_EQ(server.names[0], "a browser");
  EXPECT_EQ(server.open->kind(), TransportKind::websocket);
  const std::string text(60'000, 'w');
  EXPECT_TRUE(browser.open->send_reliable(as_bytes(text)));
  EXPECT_TRUE(server.open->send_reliable(as_bytes(text)));
  ASSERT_TRUE(until([&] { return server.reliable == text && browser.reliable == text; }));
  server.open->close(CloseCode::server_stopping, "the server is stopping");
  ASSERT_TRUE(until([&] { return !browser.ended.empty(); }));
  EXPECT_EQ(browser.ended[0].code, CloseCode::server_stopping);
  EXPECT_EQ(counters().handshakes.value(), 1U);
}

TEST_F(TlsSession, ending_the_listener_ends_its_sessions) {
  connect();
  listener.reset();
  ASSERT_EQ(server.ended.size(), 1U);
  EXPECT_EQ(server.ended[0].code, CloseCode::server_stopping);
  EXPECT_TRUE(until([&] { return client.ended.size() == 1; }));
}

}  // namespace
}  // namespace drumline::transport

#include <filesystem>
#include <fstream>

#include "tls_world.hpp"

namespace drumline::transport {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct TlsHostile : TlsWorld {};

TEST_F(TlsHostile, half_open_connections_and_slow_handshakes_end_in_time) {
  options.handshake_timeout_ms = 150;
  serve();
  const int silent = raw_connection();
  const int halfway = raw_connection();
  // The beginning of a ClientHello's record.
  ASSERT_EQ(::send(halfway, "\x16\x03\x01\x02", 4, 0), 4);
  ASSERT_TRUE(until([&] { return counters().handshake_timeouts.value() == 2; }));
  EXPECT_EQ(rest_of(silent), "");
  EXPECT_EQ(rest_of(halfway), "");
  EXPECT_EQ(counters().arriving.value(), 0);
  ::close(silent);
  ::close(halfway);
}

TEST_F(TlsHostile, half_open_connections_are_limited_and_a_client_is_told_that_there_is_no_room) {
  options.max_handshakes = 2;
  serve();
  const int first = raw_connection();
  const int second = raw_connection();
  ASSERT_TRUE(until([&] { return counters().arriving.value() == 2; }));
  clients = make_clients(client_files());
  clients->connect(listener->local(), 1);
  ASSERT_TRUE(until([&] { return !client.ended.empty(); }));
  EXPECT_EQ(client.ended[0].code, CloseCode::flood) << client.ended[0].reason;
  EXPECT_EQ(counters().refused_full.value(), 1U);
  ::close(first);
  ::close(second);
  ASSERT_TRUE(until([&] { return counters().arriving.value() == 0; }));
  clients->connect(listener->local(), 1);
  EXPECT_TRUE(until([&] { return client.open != nullptr; })) << last_end();
}

TEST_F(TlsHostile, garbage_instead_of_tls_is_refused) {
  serve();
  const int fd = raw_connection();
  const std::string garbage = "\x16\x03\x01\x00\x30" + std::string(48, '\xEE');
  ASSERT_EQ(::send(fd, garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
  ASSERT_TRUE(until([&] { return counters().failed(HandshakeFailure::protocol) == 1; }));
  // An alert: record 21, level fatal.
  const std::string answer = beside([fd] {
    ::shutdown(fd, SHUT_WR);
    return rest_of(fd);
  });
  ASSERT_EQ(answer.size(), 7U);
  EXPECT_EQ(answer[0], 21);
  EXPECT_TRUE(until([&] { return counters().arriving.value() == 0; }));
  ::close(fd);
}

TEST_F(TlsHostile, only_tls_13_and_a_protocol_of_ours_are_spoken) {
  serve();
  EXPECT_THAT(s_client("-tls1_2 " + as_player()), HasSubstr("alert protocol version"));
  EXPECT_EQ(counters().failed(HandshakeFailure::tls), 1U);
  EXPECT_THAT(s_client("-alpn h2 " + as_player()), HasSubstr("no application protocol"));
  EXPECT_EQ(counters().failed(HandshakeFailure::alpn), 1U);
  EXPECT_EQ(counters().opened.value(), 0U);
}

TEST_F(TlsHostile, openssls_client_is_served_with_p256_and_comes_back_by_a_ticket) {
  serve();
  const std::string ticket = ::testing::TempDir() + "/drumline-ticket-" + std::to_string(::getpid());
  const std::string first =
      s_client("-alpn drumline/1 -groups P-256 -sess_out " + ticket + " " + as_player());
  EXPECT_THAT(first, HasSubstr("ALPN protocol: drumline/1"));
  EXPECT_THAT(first, HasSubstr("New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"));
  EXPECT_THAT(first, HasSubstr("Server Temp Key: ECDH, prime256v1"));
  EXPECT_THAT(first, HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(s_client("-alpn drumline/1 -sess_in " + ticket), HasSubstr("Reused, TLSv1.3"));
  EXPECT_EQ(counters().resumed.value(), 1U);
  ASSERT_EQ(server.names.size(), 2U);
  EXPECT_EQ(server.names[0], server.names[1]);

  // A ticket that came without a certificate opens no door that asks for one.
  s_client("-alpn http/1.1 -sess_out " + ticket);
  EXPECT_THAT(s_client("-alpn drumline/1 -sess_in " + ticket), HasSubstr("certificate required"));
  EXPECT_EQ(counters().resumed.value(), 1U);
  EXPECT_EQ(server.names.size(), 2U);
  std::filesystem::remove(ticket);
}

TEST_F(TlsHostile, a_record_over_the_limit_and_one_of_no_kind_end_the_session) {
  serve();
  const std::string too_large = raw_tls([](SSL* ssl) { SSL_write(ssl, "\x00\xFF\xFF", 3); });
  EXPECT_THAT(too_large, HasSubstr("a record is larger than 16381 bytes"));
  const std::string unknown = raw_tls([](SSL* ssl) { SSL_write(ssl, "\x09\x00\x00", 3); });
  EXPECT_THAT(unknown, HasSubstr("a record is of no known kind"));
  const std::string twice = raw_tls([](SSL* ssl) { SSL_write(ssl, "\x02\x00\x00", 3); });
  EXPECT_THAT(twice, HasSubstr("the session is open already"));
  ASSERT_TRUE(until([&] { return server.ended.size() == 3; }));
  EXPECT_EQ(server.ended[0].code, CloseCode::too_large);
  EXPECT_EQ(server.ended[1].code, CloseCode::bad_message);
  EXPECT_EQ(server.ended[2].code, CloseCode::bad_message);
  EXPECT_EQ(counters().closed_bad_record.value(), 3U);
}

TEST_F(TlsHostile, a_flood_of_pings_is_answered_by_no_more_than_the_peer_reads) {
  options.close_timeout_ms = 200;
  serve();
  const std::string heard = raw_tls([](SSL* ssl) {
    std::string pings;
    for (int i = 0; i < 1000; ++i) pings += std::string("\x04\x00\x00", 3);
    SSL_write(ssl, pings.data(), static_cast<int>(pings.size()));
    SSL_write(ssl, "\x03\x00\x02\x00\x00", 5);
  });
  EXPECT_LE(heard.size(), 3U + 3U * 1000);
  ASSERT_TRUE(until([&] { return server.ended.size() == 1; }));
  EXPECT_EQ(server.ended[0].code, CloseCode::none);
}

TEST_F(TlsHostile, a_peer_that_does_not_read_loses_datagrams_and_then_the_session) {
  options.close_timeout_ms = 200;
  serve();
  Session* session = nullptr;
  server.opened = [&](Session& opened) { session = &opened; };
  std::promise<void> enough;
  auto stop = enough.get_future().share();
  auto peer = std::async(std::launch::async, [&] {
    auto context = TlsClientContext::create(client_files());
    const int fd = raw_connection();
    const int small = 4096;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    SslPtr ssl = (*context)->new_connection("localhost", kNativeProtocol, nullptr, nullptr);
    SSL_set_fd(ssl.get(), fd);
    SSL_connect(ssl.get());
    stop.wait();  // and reads nothing
    ::close(fd);
  });
  ASSERT_TRUE(until([&] { return session != nullptr; }));
  const std::string state(16'000, 's');
  for (int i = 0; i < 2000 && counters().datagrams_dropped.value() == 0; ++i) {
    session->send_datagram(as_bytes(state));
    io.restart();
    io.poll();
  }
  EXPECT_GT(counters().datagrams_dropped.value(), 0U);
  EXPECT_TRUE(server.ended.empty()) << "a lost datagram is no reason to end";
  bool taken = true;
  for (int i = 0; i < 1000 && taken; ++i) {
    taken = session->send_reliable(as_bytes(state));
    io.restart();
    io.poll();
  }
  EXPECT_FALSE(taken);
  ASSERT_TRUE(until([&] { return server.ended.size() == 1; }));
  EXPECT_EQ(server.ended[0].code, CloseCode::too_slow);
  EXPECT_EQ(counters().closed_too_slow.value(), 1U);
  enough.set_value();
  peer.get();
}

TEST_F(TlsHostile, a_peer_that_answers_no_ping_is_idle) {
  options.idle_timeout_ms = 200;
  serve();
  raw_tls([](SSL*) {});
  ASSERT_TRUE(until([&] { return server.ended.size() == 1; }));
  EXPECT_EQ(server.ended[0].code, CloseCode::idle);
  EXPECT_EQ(counters().closed_idle.value(), 1U);
}

TEST_F(TlsHostile, plain_websockets_are_refused_where_they_are_switched_off) {
  options.plain_websocket = false;
  serve();
  const std::string answer = beside([this] {
    const int fd = raw_connection();
    const std::string_view request = "GET /play?token=good HTTP/1.1\r\nHost: localhost\r\n\r\n";
    EXPECT_EQ(::send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::string text = rest_of(fd);
    ::close(fd);
    return text;
  });
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 426 "));
  EXPECT_THAT(answer, HasSubstr("wss://"));
  EXPECT_EQ(counters().refused_plain.value(), 1U);
}

TEST(TlsFilesCheck, one_sentence_names_the_file_and_the_way_out) {
  const i64 now_s = env::SystemClock().wall_now() / kSecondNs;
  EXPECT_TRUE(check_tls_files(server_files(), now_s).ok());
  const auto sentence = [&](const TlsFiles& files) {
    const auto checked = check_tls_files(files, now_s);
    return checked.ok() ? std::string("good") : checked.error().message;
  };
  TlsFiles files = server_files();
  files.certificate = "/nowhere/server.pem";
  EXPECT_THAT(sentence(files),
              StartsWith("the certificate /nowhere/server.pem cannot be read: No such file"));
  files = server_files();
  files.key = client_files().key;
  EXPECT_THAT(sentence(files), HasSubstr("is not the one of the certificate"));
  files = server_files();
  files.key = files.authority;
  EXPECT_THAT(sentence(files), HasSubstr("holds no private key in PEM"));
  files = server_files();
  files.authority = files.key;
  EXPECT_THAT(sentence(files), HasSubstr("holds no certificate in PEM"));
  EXPECT_THAT(sentence(expired_files()), HasSubstr("expired on "));
}

}  // namespace
}  // namespace drumline::transport

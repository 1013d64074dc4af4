// Browsers and native clients on one port: HTTP/3 over real QUIC and TLS handshakes.
// The client is QuicClients with the browser's protocol: what it sends reliably goes out
// on stream 0, where a browser asks for its session.
#include <stdexcept>

#include "quic_world.hpp"
#include "unit/webtransport/http3_bytes.hpp"

namespace drumline::transport::testing {
namespace {

using test::octets;
using test::Octets;
using test::operator+;

QuicServerOptions with_webtransport() {
  QuicServerOptions options;
  WebTransportOptions& web = options.webtransport.emplace();
  web.path = "/play";
  web.verify = [](std::string_view token) -> Result<PeerIdentity> {
    if (token != "good") return Error{ErrorCode::refused, "The token is not ours."};
    PeerIdentity identity;
    identity.authenticated = true;
    identity.name = "Ada";
    return identity;
  };
  return options;
}

QuicSettings browser() {
  QuicSettings settings;
  settings.alpn = "h3";
  settings.unidirectional_streams = 3;
  return settings;
}

struct WebWorld : QuicWorld {
  explicit WebWorld(QuicServerOptions options = with_webtransport())
      : QuicWorld(std::move(options), browser()) {}

  /// A client with a connection and no session yet.
  Session& reach() {
    Session& client = connect(anonymous_files());
    // Who did not get in is gone, and must not be used any more.
    if (!run_until([&] { return at_clients.seen(client).opened; }))
      throw std::runtime_error(at_clients.last_reason);
    return client;
  }
  Session& in_session() {
    Session& client = reach();
    client.send_reliable(test::headers(test::connect_fields()));
    if (!run_until([&] { return at_server.open().size() == 1; }))
      throw std::runtime_error(at_clients.last_reason);
    return client;
  }
  /// The newest session of the server's.
  Session& served() {
    if (at_server.open().empty()) throw std::runtime_error("the server has no session");
    return *at_server.open().back();
  }
  const WebTransportCounters& counted() const { return server->counters().webtransport; }
};

TEST(quic_http3, a_browser_is_let_in_by_its_token_without_a_certificate) {
  WebWorld world;
  Session& client = world.in_session();
  Session& session = world.served();
  EXPECT_EQ(session.kind(), TransportKind::webtransport);
  EXPECT_EQ(session.identity().name, "Ada");
  EXPECT_TRUE(session.identity().authenticated);
  EXPECT_EQ(world.counted().sessions, 1U);

  EXPECT_TRUE(client.send_datagram(octets({0x00}) + octets("command")));
  EXPECT_TRUE(session.send_datagram(bytes_of("state")));
  EXPECT_TRUE(world.run_until([&] {
    return !world.at_server.seen(session).datagrams.empty() &&
           !world.at_clients.seen(client).datagrams.empty();
  }));
  EXPECT_EQ(world.at_server.seen(session).datagrams.front(), "command");
  EXPECT_EQ(world.at_clients.seen(client).datagrams.front(), std::string("\0state", 6));

  // Both ends have the same packets; the session's id takes a byte of the server's.
  EXPECT_EQ(session.max_datagram_bytes() + 1, client.max_datagram_bytes());
  const std::vector<std::byte> largest(session.max_datagram_bytes());
  EXPECT_TRUE(session.send_datagram(largest));
  EXPECT_FALSE(session.send_datagram(std::vector<std::byte>(largest.size() + 1)));
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).datagrams.size() == 2; }));
  EXPECT_EQ(world.at_clients.seen(client).datagrams.back().size(), largest.size() + 1)
      << "and the session's id";
}

TEST(quic_http3, a_native_client_needs_its_certificate_all_the_same) {
  QuicWorld world(with_webtransport());
  Session& nobody = world.connect(anonymous_files());
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(nobody).closed; }));
  EXPECT_EQ(world.at_clients.seen(nobody).code, CloseCode::unauthenticated);
  EXPECT_EQ(world.server->counters().failed(HandshakeFailure::certificate_missing), 1U);
  Session& native = world.connected();
  ASSERT_EQ(world.at_server.open().size(), 1U);
  EXPECT_EQ(world.at_server.open().front()->kind(), TransportKind::quic);
  EXPECT_TRUE(native.send_reliable(bytes_of("hello")));
  EXPECT_TRUE(world.run_until(
      [&] { return world.at_server.seen(*world.at_server.open().front()).reliable == "hello"; }));
}

TEST(quic_http3, where_it_is_not_served_the_protocol_is_refused) {
  WebWorld world{QuicServerOptions{}};
  Session& client = world.connect(anonymous_files());
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.server->counters().failed(HandshakeFailure::alpn), 1U);
}

TEST(quic_http3, a_refused_browser_is_told_why_and_never_becomes_a_session) {
  WebWorld world;
  Session& client = world.reach();
  client.send_reliable(test::headers(test::connect_fields("/play?token=bad")));
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_NE(world.at_clients.seen(client).reliable.find("The token is not ours."), std::string::npos);
  test::Fields fields = test::connect_fields();
  fields.back().second = "https://elsewhere.example";
  Session& other = world.reach();
  other.send_reliable(test::headers(fields));
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(other).closed; }));
  EXPECT_EQ(world.counted().refused_token, 1U);
  EXPECT_EQ(world.counted().refused_origin, 1U);
  EXPECT_EQ(world.counted().opened, 0U);
  EXPECT_EQ(world.at_server.closes, 0U);
  EXPECT_EQ(world.server->connections(), 0U);
}

TEST(quic_http3, a_session_that_is_closed_here_is_told_by_a_capsule) {
  WebWorld world;
  Session& client = world.in_session();
  world.served().close(CloseCode::battle_over, "it came to its end");
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  const std::string& said = world.at_clients.seen(client).reliable;
  const Octets capsule = test::close_capsule(15, "it came to its end");
  // The shortest form of its type is what we write.
  EXPECT_NE(said.find("it came to its end"), std::string::npos);
  EXPECT_NE(said.find(std::string("\x68\x43", 2)), std::string::npos);
  EXPECT_EQ(world.at_server.last_code, CloseCode::battle_over);
  EXPECT_EQ(world.counted().sessions, 0U);
}

TEST(quic_http3, a_browser_closes_by_capsule_or_is_lost) {
  WebWorld world;
  Session& first = world.in_session();
  first.send_reliable(test::record(0x00, test::close_capsule(12, "the page went away")));
  EXPECT_TRUE(world.run_until([&] { return world.at_server.closes == 1; }));
  EXPECT_EQ(world.at_server.last_code, CloseCode::idle);
  EXPECT_EQ(world.at_server.last_reason, "the page went away");
  Session& second = world.in_session();
  second.close(CloseCode::none, "");
  EXPECT_TRUE(world.run_until([&] { return world.at_server.closes == 2; }));
  EXPECT_EQ(world.at_server.last_code, CloseCode::idle) << "a connection that ends is no player who leaves";
  EXPECT_EQ(world.counted().sessions, 0U);
}

TEST(quic_http3, what_breaks_http3_ends_the_connection_and_is_counted) {
  WebWorld world;
  Session& client = world.reach();
  client.send_reliable(test::record(0x00, octets("DATA first")));
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.at_clients.seen(client).reason, "DATA before HEADERS");
  EXPECT_EQ(world.counted().protocol_errors, 1U);
  Session& open = world.in_session();
  open.send_datagram(octets({0xC0}));
  EXPECT_TRUE(world.run_until([&] { return world.at_server.closes == 1; }));
  EXPECT_EQ(world.at_server.last_code, CloseCode::bad_message);
  EXPECT_EQ(world.counted().protocol_errors, 2U);
}

TEST(quic_http3, a_connection_that_asks_for_no_session_does_not_stay) {
  QuicServerOptions options = with_webtransport();
  options.settings.handshake_timeout_ns = 3 * kSecondNs;
  WebWorld world(std::move(options));
  Session& client = world.reach();
  world.run_for(2 * kSecondNs);
  EXPECT_FALSE(world.at_clients.seen(client).closed);
  EXPECT_EQ(world.server->half_open(), 1U);
  // Half a request is none.
  client.send_reliable(octets({0x01}));
  client.send_datagram(octets({0x00, 0x01}));
  world.run_for(2 * kSecondNs);
  EXPECT_TRUE(world.at_clients.seen(client).closed);
  EXPECT_EQ(world.server->connections(), 0U);
  EXPECT_EQ(world.counted().stray_datagrams, 1U);
  EXPECT_EQ(world.at_server.closes, 0U);
  EXPECT_EQ(world.server->half_open(), 0U);
}

TEST(quic_http3, who_has_no_session_yet_takes_no_room_from_others_than_those) {
  QuicServerOptions options = with_webtransport();
  options.max_half_open = 4;
  WebWorld world(std::move(options));
  Session& player = world.in_session();
  for (int i = 0; i < 4; ++i) world.reach();
  Session& fifth = world.connect(anonymous_files());
  world.run_for(kSecondNs);
  EXPECT_FALSE(world.at_clients.seen(fifth).opened);
  EXPECT_GT(world.server->counters().dropped(PacketDrop::half_open_limit), 0U);
  EXPECT_FALSE(world.at_clients.seen(player).closed);
  // Those who wait are sent away in time, and then there is room.
  EXPECT_TRUE(world.run_until([&] { return world.server->half_open() == 0; }));
  world.reach();
}

TEST(quic_http3, a_session_outlives_the_time_for_asking) {
  QuicServerOptions options = with_webtransport();
  options.settings.handshake_timeout_ns = 3 * kSecondNs;
  WebWorld world(std::move(options));
  Session& client = world.in_session();
  world.run_for(60 * kSecondNs);
  EXPECT_FALSE(world.at_clients.seen(client).closed) << world.at_clients.last_reason;
  EXPECT_EQ(world.at_server.open().size(), 1U);
}

TEST(quic_http3, browsers_get_the_certificate_that_is_given_for_them_and_the_newest) {
  QuicServerOptions options = with_webtransport();
  auto shown = credentials(stranger_server_files());
  int asked = 0;
  options.webtransport->credentials = [&] {
    ++asked;
    return shown;
  };
  WebWorld world(std::move(options));
  Session& client = world.connect(anonymous_files());
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.at_clients.seen(client).code, CloseCode::unauthenticated) << world.at_clients.last_reason;
  shown = credentials(server_files());
  world.in_session();
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace drumline::transport::testing

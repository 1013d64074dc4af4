// Handshakes that must fail, with the reason told, and cost nobody else anything.
#include "quic_world.hpp"

namespace drumline::transport::testing {
namespace {

struct Refusal {
  CloseCode code;
  std::string reason;
};

/// Tries a client beside a healthy session; both ends must say why it failed.
Refusal refused(QuicWorld& world, const TlsFiles& files, HandshakeFailure counted) {
  Session& healthy = world.connected();
  Session& healthy_server = *world.at_server.open().front();
  const u64 before = world.server->counters().failed(counted);
  Session& bad = world.connect(files);
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(bad).closed; }));
  EXPECT_FALSE(world.at_clients.seen(bad).opened) << "on_open for a client that was refused";
  EXPECT_EQ(world.server->counters().failed(counted), before + 1);
  EXPECT_EQ(world.at_server.open().size(), 1U);
  EXPECT_EQ(world.server->half_open(), 0U);
  healthy.send_reliable(bytes_of("unharmed"));
  world.run_for(kSecondNs / 10);
  EXPECT_EQ(world.at_server.seen(healthy_server).reliable, "unharmed");
  return {world.at_clients.seen(bad).code, world.at_clients.seen(bad).reason};
}

TEST(quic_refusal, a_certificate_of_another_authority_is_refused) {
  QuicWorld world;
  const Refusal refusal = refused(world, stranger_files(), HandshakeFailure::certificate_untrusted);
  EXPECT_EQ(refusal.code, CloseCode::unauthenticated);
  EXPECT_NE(refusal.reason.find("refused us"), std::string::npos) << refusal.reason;
}

TEST(quic_refusal, a_missing_certificate_is_refused) {
  QuicWorld world;
  const Refusal refusal = refused(world, anonymous_files(), HandshakeFailure::certificate_missing);
  EXPECT_EQ(refusal.code, CloseCode::unauthenticated);
}

TEST(quic_refusal, an_expired_certificate_is_refused) {
  QuicWorld world;
  const Refusal refusal = refused(world, expired_files(), HandshakeFailure::certificate_expired);
  EXPECT_EQ(refusal.code, CloseCode::unauthenticated);
  EXPECT_NE(refusal.reason.find("expired"), std::string::npos) << refusal.reason;
}

TEST(quic_refusal, a_revoked_certificate_is_refused_and_no_other) {
  const TlsFiles taken_back = client_files_of("taken-back");
  revoke("taken-back");
  QuicServerOptions options;
  options.tls = server_files_with_revoked();
  QuicWorld world(options);
  const Refusal refusal = refused(world, taken_back, HandshakeFailure::certificate_revoked);
  EXPECT_EQ(refusal.code, CloseCode::unauthenticated);
  world.connected(client_files_of("another"));
}

TEST(quic_refusal, each_handshake_meets_the_credentials_of_its_time) {
  QuicServerOptions options;
  auto now = credentials(server_files());
  options.credentials = [&now] { return now; };
  QuicWorld world(options);
  Session& before = world.connected();
  // Another authority's server: those who trust the first do not trust it.
  now = credentials(stranger_server_files());
  Session& mistrusting = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(mistrusting).closed; }));
  EXPECT_FALSE(world.at_clients.seen(mistrusting).opened);
  now = credentials(server_files());
  world.connected();
  EXPECT_FALSE(world.at_clients.seen(before).closed);
}

TEST(quic_refusal, a_certificate_for_another_purpose_is_refused) {
  QuicWorld world;
  const Refusal refusal = refused(world, wrong_purpose_files(), HandshakeFailure::certificate_unfit);
  EXPECT_EQ(refusal.code, CloseCode::unauthenticated);
}

TEST(quic_refusal, a_missing_certificate_is_fine_where_none_is_required) {
  QuicServerOptions options;
  options.require_client_certificate = false;
  QuicWorld world(options);
  world.connected(anonymous_files());
  EXPECT_FALSE(world.at_server.open().front()->identity().authenticated);
  EXPECT_EQ(world.at_server.open().front()->identity().account, 0U);
}

TEST(quic_refusal, another_application_protocol_is_refused) {
  QuicSettings other;
  other.alpn = "h3";
  QuicWorld world({}, other);
  Session& bad = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(bad).closed; }));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::version) << world.at_clients.last_reason;
  EXPECT_EQ(world.server->counters().failed(HandshakeFailure::alpn), 1U);
}

TEST(quic_refusal, a_client_refuses_a_server_of_another_authority) {
  QuicServerOptions options;
  options.tls = stranger_server_files();
  QuicWorld world(options);
  Session& client = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::unauthenticated);
  EXPECT_FALSE(world.at_clients.seen(client).opened);
  world.run_for(kSecondNs);
  EXPECT_EQ(world.server->connections(), 0U);
}

TEST(quic_refusal, a_client_refuses_a_server_with_another_name) {
  QuicWorld world;
  Session& client = world.connect(client_files(), "battles.example");
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::unauthenticated);
  Session& by_address = world.connect(client_files(), "127.0.0.1");
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(by_address).opened; }))
      << world.at_clients.last_reason;
}

TEST(quic_refusal, an_absent_server_is_given_up_after_the_handshake_timeout) {
  QuicWorld world;
  world.network.cut(world.server_socket->local(), world.client_socket->local());
  Session& client = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(client).closed; }));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::idle);
  EXPECT_EQ(world.clients->connections(), 0U);
}

TEST(quic_refusal, a_full_server_says_so) {
  QuicServerOptions options;
  options.max_connections = 1;
  QuicWorld world(options);
  world.connected();
  Session& second = world.connect();
  EXPECT_TRUE(world.run_until([&] { return world.at_clients.seen(second).closed; }));
  EXPECT_EQ(world.at_clients.last_code, CloseCode::flood) << world.at_clients.last_reason;
  EXPECT_EQ(world.server->counters().connections_refused, 1U);
  EXPECT_EQ(world.at_server.open().size(), 1U);
}

TEST(quic_refusal, wrong_files_are_named) {
  env::SeededRandom random(1);
  Recorder recorder;
  QuicWorld world;
  QuicServerOptions options;
  options.tls = server_files();
  options.tls.authority = "/nonexistent/ca.pem";
  const auto server = QuicServer::create(options, random, recorder, world.server_socket->batch());
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().message.find("/nonexistent/ca.pem"), std::string::npos) << server.error().message;
  options.tls = server_files();
  options.tls.key = client_files().key;
  const auto mismatched = QuicServer::create(options, random, recorder, world.server_socket->batch());
  ASSERT_FALSE(mismatched.ok());
}

}  // namespace
}  // namespace drumline::transport::testing

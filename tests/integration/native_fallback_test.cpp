// Native clients against a real server, where UDP gets through and where it does not.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using ::testing::HasSubstr;
using testing::Heard;
using testing::start_server;
using testing::TemporaryFolder;

class NativeFallback : public ::testing::Test {
 protected:
  void start(std::vector<config::Sources::Flag> flags = {}) {
    auto started = start_server(data_.path(), std::move(flags));
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
    const transport::PkiPaths pki = transport::pki_paths(server_->report().pki_folder);
    options_.server = server_->report().quic;
    options_.tls_server = server_->report().tcp;
    options_.tls = {pki.ca_certificate, pki.client_certificate, pki.client_key};
    options_.fallback = true;
  }
  /// A port that takes packets and never answers.
  env::Address black_hole() {
    auto socket = network_->bind(*env::parse_address("127.0.0.1:0"), {});
    EXPECT_TRUE(socket.ok());
    hole_ = std::move(*socket);
    return hole_->local();
  }
  void open() {
    auto made = client::ClientGroup::create(options_, *network_, random_, clock_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    group_ = std::move(*made);
    client::ClientOptions client;
    client.reconnect = false;
    group_->add(client, heard_);
    begun_ = clock_.now();
    group_->start();
  }
  bool until(const std::function<bool()>& done, i64 seconds = 30) {
    const TimeNs end = clock_.now() + seconds * kSecondNs;
    while (!done() && clock_.now() < end) {
      group_->poll();
      group_->wait(clock_.now() + 5 * kMillisecondNs);
    }
    return done();
  }
  i64 milliseconds() const { return (clock_.now() - begun_) / kMillisecondNs; }
  /// Seated and shown frames: everything that a session carries works.
  void plays() {
    ASSERT_TRUE(until([&] { return heard_.frames >= 10; })) << group_->client(0).last_error();
    EXPECT_EQ(heard_.welcomes.size(), 1U);
    world::Command command;
    EXPECT_NE(group_->client(0).send(command, 0, clock_.now()), 0U);
  }
  const transport::TlsCounters& tls_counters() const { return *server_->gateways()[0]->tls_counters(); }

  TemporaryFolder data_;
  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::unique_ptr<env::DatagramSocket> hole_;
  std::unique_ptr<server::Server> server_;
  client::ClientGroupOptions options_;
  Heard heard_;
  std::unique_ptr<client::ClientGroup> group_;
  TimeNs begun_ = 0;
};

TEST_F(NativeFallback, where_udp_gets_through_it_is_quic) {
  start();
  open();
  plays();
  EXPECT_EQ(group_->fallbacks(), 0U);
  EXPECT_EQ(tls_counters().opened.value(), 0U);
  EXPECT_EQ(group_->connections(), 1U);
}

TEST_F(NativeFallback, where_nothing_answers_on_udp_it_is_tls) {
  start();
  options_.server = black_hole();
  options_.handshake_timeout_ns = 60 * kSecondNs;
  open();
  ASSERT_TRUE(until([&] { return group_->fallbacks() == 1; })) << group_->client(0).last_error();
  const i64 took_ms = milliseconds();
  std::printf("a session over TLS after %lld ms\n", static_cast<long long>(took_ms));
  EXPECT_GE(took_ms, 150) << "QUIC has its head start";
  EXPECT_LT(took_ms, 5'000) << "long before QUIC's handshake is given up";
  plays();
  EXPECT_EQ(tls_counters().sessions.value(), 1);
  EXPECT_TRUE(until([&] { return group_->connections() == 1; }, 10)) << "the way that lost is closed";
  group_->leave_all();
  EXPECT_TRUE(until([&] { return tls_counters().sessions.value() == 0; }));
}

TEST_F(NativeFallback, where_the_port_is_closed_to_udp_it_is_tls) {
  start();
  options_.server = black_hole();
  hole_.reset();  // from here on the kernel answers with ICMP
  open();
  ASSERT_TRUE(until([&] { return group_->fallbacks() == 1; })) << group_->client(0).last_error();
  std::printf("a session over TLS after %lld ms\n", static_cast<long long>(milliseconds()));
  plays();
}

TEST_F(NativeFallback, where_neither_gets_through_it_is_said_of_both) {
  start();
  options_.server = black_hole();
  options_.tls_server = options_.server;
  options_.handshake_timeout_ns = kSecondNs / 2;
  open();
  ASSERT_TRUE(until([&] { return !heard_.drops.empty(); }));
  EXPECT_THAT(heard_.drops[0], HasSubstr("QUIC: "));
  EXPECT_THAT(heard_.drops[0], HasSubstr("TLS over TCP: no TCP connection to"));
  EXPECT_TRUE(until([&] { return group_->connections() == 0; }));
}

TEST_F(NativeFallback, a_refusal_is_final_and_not_tried_on_the_other_way) {
  start();
  const TemporaryFolder other;
  ASSERT_TRUE(transport::make_development_pki(other.path()).ok());
  const transport::PkiPaths stranger = transport::pki_paths(other.path());
  options_.tls.certificate = stranger.client_certificate;
  options_.tls.key = stranger.client_key;
  options_.quic_head_start_ns = 10 * kSecondNs;
  open();
  ASSERT_TRUE(until([&] { return !heard_.drops.empty(); }));
  EXPECT_EQ(heard_.drop_codes[0], transport::CloseCode::unauthenticated);
  EXPECT_EQ(tls_counters().accepted.value(), 0U);
}

TEST_F(NativeFallback, tls_alone_plays_as_well) {
  start({{"test", "battle.sync_model", "state_broadcast"}});
  options_.server = server_->report().tcp;
  options_.transport = transport::TransportKind::tls;
  open();
  plays();
  EXPECT_EQ(tls_counters().opened.value(), 1U);
}

TEST_F(NativeFallback, a_server_with_a_bad_key_file_says_so_at_start) {
  start();
  server_.reset();
  const transport::PkiPaths pki = transport::pki_paths(data_.path() + "/pki");
  std::filesystem::copy_file(pki.client_key, pki.server_key,
                             std::filesystem::copy_options::overwrite_existing);
  auto again = start_server(data_.path(), {{"test", "security.pki_folder", data_.path() + "/pki"}});
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("is not the one of the certificate"));
}

}  // namespace
}  // namespace drumline

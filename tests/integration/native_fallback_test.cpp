// Native clients against a real server, where UDP gets through and where it does not.
#include <array>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/kernel_address.hpp"
#include "env/udp_relay.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using ::testing::HasSubstr;
using testing::Heard;
using testing::start_server;
using testing::TemporaryFolder;

/// A way over TCP on which one client's bytes go no further than here, until it is opened.
class HeldTcp {
 public:
  explicit HeldTcp(const env::Address& server) : server_(server) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_storage any{};
    const socklen_t size = env::to_kernel(*env::parse_address("127.0.0.1:0"), AF_INET, any);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), size), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
  }
  ~HeldTcp() {
    for (const int descriptor : {listener_, client_, onward_}) {
      if (descriptor >= 0) ::close(descriptor);
    }
  }
  HeldTcp(const HeldTcp&) = delete;
  HeldTcp& operator=(const HeldTcp&) = delete;

  env::Address address() const {
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&local), &size), 0);
    return env::from_kernel(local);
  }
  /// The client has connected and begun its handshake.
  bool begun() {
    if (client_ < 0) client_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    char byte = 0;
    return client_ >= 0 && ::recv(client_, &byte, 1, MSG_PEEK) == 1;
  }
  void open() {
    onward_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage to{};
    const socklen_t size = env::to_kernel(server_, AF_INET, to);
    ASSERT_EQ(::connect(onward_, reinterpret_cast<const sockaddr*>(&to), size), 0);
  }
  /// Lets through what has come, both ways.
  void pass() {
    if (onward_ < 0) return;
    if (!client_gone_ && !pass(client_, onward_)) {
      client_gone_ = true;
      ::shutdown(onward_, SHUT_WR);
    }
    pass(onward_, client_);
  }
  bool client_gone() const { return client_gone_; }

 private:
  /// False: nothing more will come.
  static bool pass(int from, int to) {
    std::array<char, 65'536> bytes;
    while (true) {
      const auto size = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
      if (size < 0) return true;
      ::send(to, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
    }
  }

  env::Address server_;
  int listener_ = -1;
  int client_ = -1;
  int onward_ = -1;
  bool client_gone_ = false;
};

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
  /// From here on QUIC's packets come no further than to a relay, and TLS's bytes to another.
  void hold_both_ways() {
    env::UdpRelay::Options relayed;
    relayed.server = options_.server;
    relayed.listen = *env::parse_address("127.0.0.1:0");
    auto relay = env::UdpRelay::create(relayed, *network_, clock_);
    ASSERT_TRUE(relay.ok()) << relay.error().message;
    quic_way_ = std::move(*relay);
    options_.server = quic_way_->address();
    tls_way_.emplace(options_.tls_server);
    options_.tls_server = tls_way_->address();
    options_.handshake_timeout_ns = 60 * kSecondNs;
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
      if (quic_is_open_) quic_way_->poll();
      if (tls_way_) tls_way_->pass();
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
  /// What the server has of this one client, when all that is under way has come through.
  void expect_one_session(transport::TransportKind won) {
    const auto& gateway = *server_->gateways()[0];
    const u64 quic = won == transport::TransportKind::quic ? 1 : 0;
    EXPECT_TRUE(until([&] { return gateway.transport_counters().quic_connections == quic; }));
    // Long enough for a handshake that nobody has broken off.
    const TimeNs end = clock_.now() + 2 * kSecondNs;
    until([&] { return clock_.now() >= end; });
    EXPECT_EQ(gateway.transport_counters().quic_connections, quic);
    EXPECT_EQ(tls_counters().sessions.value(), 1 - static_cast<i64>(quic));
    EXPECT_EQ(gateway.gateway_counters().sessions.value(), 1);
    EXPECT_EQ(gateway.gateway_counters().sessions_opened.value(), 1U) << "the other way was not even opened";
    EXPECT_TRUE(until([&] { return group_->connections() == 1; }));
    EXPECT_TRUE(heard_.drops.empty());
    EXPECT_EQ(heard_.welcomes.size(), 1U);
  }
  const transport::TlsCounters& tls_counters() const { return *server_->gateways()[0]->tls_counters(); }

  TemporaryFolder data_;
  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::unique_ptr<env::DatagramSocket> hole_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<env::UdpRelay> quic_way_;
  std::optional<HeldTcp> tls_way_;
  bool quic_is_open_ = false;
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

TEST_F(NativeFallback, where_quic_wins_after_tls_was_begun_tls_is_closed) {
  start();
  hold_both_ways();
  open();
  ASSERT_TRUE(until([&] { return tls_way_->begun(); }));
  quic_is_open_ = true;
  plays();
  EXPECT_EQ(group_->fallbacks(), 0U);
  tls_way_->open();
  EXPECT_TRUE(until([&] { return tls_way_->client_gone(); }));
  expect_one_session(transport::TransportKind::quic);
  EXPECT_TRUE(until([&] { return tls_counters().accepted.value() == 1; })) << "its first bytes came through";
}

TEST_F(NativeFallback, where_tls_wins_and_quic_comes_through_later_quic_is_closed) {
  start();
  hold_both_ways();
  open();
  ASSERT_TRUE(until([&] { return tls_way_->begun(); }));
  tls_way_->open();
  plays();
  EXPECT_EQ(group_->fallbacks(), 1U);
  quic_is_open_ = true;
  EXPECT_TRUE(until([&] { return quic_way_->to_server().forwarded.value() > 0; })) << "its first packets";
  expect_one_session(transport::TransportKind::tls);
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

// Several gateway threads behind one UDP and one TCP port.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/token.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using ::testing::HasSubstr;
using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 60;
/// All on one of two threads: once in 2^23 times.
constexpr u32 kClients = 24;

class GatewayThreads : public ::testing::Test {
 protected:
  void start() {
    auto started = start_server(data_.path(), {{"test", "gateway.shards", "2"}});
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
    auto key = auth::TokenKey::load(transport::pki_paths(pki()).token_key);
    ASSERT_TRUE(key.ok()) << key.error().message;
    tokens_ = std::make_unique<auth::TokenKey>(std::move(*key));
  }
  const std::string& pki() const { return server_->report().pki_folder; }
  client::ClientGroupOptions over(transport::TransportKind kind) {
    client::ClientGroupOptions options;
    options.server = server_->report().tcp;
    options.transport = kind;
    const transport::PkiPaths paths = transport::pki_paths(pki());
    options.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
    options.token = [this]() -> Result<std::string> {
      auth::TokenClaims claims;
      claims.subject = "browser-" + std::to_string(++subjects_);
      claims.issued_at_s = clock_.wall_now() / kSecondNs;
      claims.expires_at_s = claims.issued_at_s + 600;
      return tokens_->issue(claims);
    };
    return options;
  }

  TemporaryFolder data_;
  env::SystemClock clock_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<auth::TokenKey> tokens_;
  int subjects_ = 0;
};

TEST_F(GatewayThreads, tls_and_websocket_clients_are_on_all_of_them_and_in_one_battle) {
  start();
  LiveClients tls(over(transport::TransportKind::tls), kClients);
  LiveClients web(over(transport::TransportKind::websocket), kClients);
  const bool shown = tls.run_until(
      [&] {
        web.run_for(0.002);
        return tls.all_playing() && web.all_playing() && tls.heard(0).frames > 10 && web.heard(0).frames > 10;
      },
      kPatienceS);
  ASSERT_TRUE(shown);
  for (u32 i = 0; i < kClients; ++i) {
    EXPECT_EQ(tls.heard(i).welcomes.at(0).battle, tls.heard(0).welcomes.at(0).battle) << i;
    EXPECT_EQ(web.heard(i).welcomes.at(0).battle, tls.heard(0).welcomes.at(0).battle) << i;
  }
  i64 over_tls = 0, over_websocket = 0, players = 0;
  for (const auto& gateway : server_->gateways()) {
    EXPECT_EQ(gateway->tcp_local(), server_->report().tcp);
    EXPECT_GT(gateway->tls_counters()->sessions.value(), 0);
    EXPECT_GT(gateway->websocket_counters()->sessions.value(), 0);
    over_tls += gateway->tls_counters()->sessions.value();
    over_websocket += gateway->websocket_counters()->sessions.value();
    players += gateway->gateway_counters().players.value();
  }
  EXPECT_EQ(over_tls, kClients);
  EXPECT_EQ(over_websocket, kClients);
  EXPECT_EQ(players, 2 * kClients);

  // All threads tell theirs.
  std::thread stopping([this] { server_->stop(10 * kSecondNs); });
  const auto all_dropped = [&] {
    web.run_for(0.002);
    for (u32 i = 0; i < kClients; ++i) {
      if (tls.heard(i).drops.empty() || web.heard(i).drops.empty()) return false;
    }
    return true;
  };
  const bool all_told = tls.run_until(all_dropped, kPatienceS);
  stopping.join();
  ASSERT_TRUE(all_told);
  for (u32 i = 0; i < kClients; ++i) {
    EXPECT_EQ(tls.heard(i).drop_codes.at(0), transport::CloseCode::server_stopping) << tls.heard(i).drops[0];
    EXPECT_EQ(web.heard(i).drop_codes.at(0), transport::CloseCode::server_stopping) << web.heard(i).drops[0];
  }
}

TEST_F(GatewayThreads, another_node_does_not_get_into_their_port) {
  start();
  const TemporaryFolder other;
  const std::string port = std::to_string(server_->report().quic.port);
  const auto second =
      start_server(other.path(), {{"test", "gateway.shards", "2"}, {"test", "listen.port", port}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + port + ": the port is in use"));
}

TEST_F(GatewayThreads, they_do_not_get_into_a_tcp_port_that_another_would_share) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const auto started =
      start_server(data_.path(), {{"test", "gateway.shards", "2"}, {"test", "listen.port", port}});
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, HasSubstr("127.0.0.1:" + port + "/tcp is in use"));
  ::close(fd);
}

}  // namespace
}  // namespace drumline

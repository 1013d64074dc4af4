// A player who comes back over a long way sees his battle a round trip before his seat is his again.
#include <gtest/gtest.h>

#include "env/udp_relay.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 60;
constexpr i64 kWayNs = 150 * kMillisecondNs;

class EarlyData : public ::testing::Test {
 protected:
  void start(bool early_data) {
    auto started =
        start_server(data_.path(), {{"test", "security.quic_early_data", early_data ? "true" : "false"}});
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
    ASSERT_NO_FATAL_FAILURE(open_way(*env::parse_address("127.0.0.1:0")));
    client::ClientOptions options;
    options.silence_ns = 600 * kMillisecondNs;
    clients_.emplace(relay_->address(), server_->report().pki_folder, 1, options);
    ASSERT_TRUE(until([&] { return clients_->all_playing() && clients_->heard(0).frames > 10; }));
    // The ticket comes a round trip after the handshake.
    run_for(1);
  }
  void open_way(const env::Address& listen) {
    env::UdpRelay::Options options;
    options.server = server_->report().quic;
    options.listen = listen;
    options.to_server.delay_ns = options.to_clients.delay_ns = kWayNs;
    auto made = env::UdpRelay::create(options, *network_, clock_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    relay_ = std::move(*made);
  }
  bool until(const std::function<bool()>& done) {
    return clients_->run_until(
        [&] {
          if (relay_) relay_->poll();
          return done();
        },
        kPatienceS);
  }
  void run_for(double seconds) {
    const TimeNs end = clock_.now() + static_cast<i64>(seconds * 1e9);
    until([&] { return clock_.now() >= end; });
  }
  /// The network is gone until the client has noticed.
  void lose_the_way() {
    const env::Address listen = relay_->address();
    relay_.reset();
    ASSERT_TRUE(until([&] { return !clients_->heard(0).drops.empty(); }));
    ASSERT_NO_FATAL_FAILURE(open_way(listen));
  }
  u64 early_sights() const { return server_->gateways()[0]->gateway_counters().early_sights.value(); }

  TemporaryFolder data_;
  env::SystemClock clock_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<env::UdpRelay> relay_;
  std::optional<LiveClients> clients_;
};

TEST_F(EarlyData, a_returning_player_sees_his_battle_before_his_seat_is_given_back) {
  start(true);
  lose_the_way();
  testing::Heard& heard = clients_->heard(0);
  ASSERT_TRUE(until([&] { return heard.early_frames > 0; }));
  EXPECT_EQ(heard.welcomes.size(), 1U) << "it is the sight alone";
  EXPECT_FALSE(clients_->client(0).playing());
  std::size_t seen = 0;
  clients_->client(0).world().for_each([&](const auto&) { ++seen; });
  EXPECT_GT(seen, 0U);
  EXPECT_EQ(early_sights(), 1U);
  ASSERT_TRUE(until([&] { return heard.welcomes.size() == 2; }));
  EXPECT_TRUE(heard.welcomes[1].resumed);
  EXPECT_FALSE(heard.welcomes[1].early);
  EXPECT_EQ(heard.welcomes[1].player, heard.welcomes[0].player);
  const u64 frames = heard.frames;
  EXPECT_TRUE(until([&] { return heard.frames > frames + 20; }));
  EXPECT_EQ(clients_->client(0).statistics().reconnects, 1U);
  EXPECT_EQ(clients_->client(0).statistics().frames_malformed, 0U);
}

TEST_F(EarlyData, where_it_is_switched_off_he_comes_back_all_the_same) {
  start(false);
  lose_the_way();
  testing::Heard& heard = clients_->heard(0);
  ASSERT_TRUE(until([&] { return heard.welcomes.size() == 2; }));
  EXPECT_TRUE(heard.welcomes[1].resumed);
  EXPECT_EQ(heard.early_frames, 0U);
  EXPECT_EQ(early_sights(), 0U);
}

}  // namespace
}  // namespace drumline

// Clients whose addresses change under them, as behind a NAT that has forgotten them, and a node with two
// gateway shards on one port.
#include <gtest/gtest.h>

#include "env/udp_relay.hpp"
#include "support/capabilities.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using testing::LiveClients;
using testing::start_server;
using testing::TemporaryFolder;

constexpr double kPatienceS = 30;
constexpr u32 kClients = 12;

/// What a crowd came through a change of addresses with.
struct Outcome {
  std::size_t drops = 0;
  std::vector<i64> sessions_before, sessions_after;  ///< by shard
};

std::vector<i64> sessions_by_shard(const server::Server& server) {
  std::vector<i64> sessions;
  for (const auto& gateway : server.gateways())
    sessions.push_back(gateway->gateway_counters().sessions.value());
  return sessions;
}

/// Joins, changes all addresses some times over, and plays on.
Outcome rebind_all(server::Server& server) {
  Outcome outcome;
  const env::SystemClock clock;
  const auto network = env::make_system_network();
  env::UdpRelay::Options options;
  options.server = server.report().quic;
  options.listen = *env::parse_address("127.0.0.1:0");
  auto relay = std::move(env::UdpRelay::create(options, *network, clock)).value();
  const env::UdpRelayThread relay_thread(*relay, clock);

  // A socket each: each is a flow of its own, and has an address of its own at the server.
  std::vector<std::unique_ptr<LiveClients>> clients;
  for (u32 i = 0; i < kClients; ++i)
    clients.push_back(std::make_unique<LiveClients>(relay->address(), server.report().pki_folder, 1));
  const auto run_until = [&](const std::function<bool()>& done, double seconds) {
    const TimeNs end = clock.now() + static_cast<TimeNs>(seconds * 1e9);
    while (!done() && clock.now() < end) {
      for (const auto& client : clients) client->run_for(0.001);
    }
    return done();
  };
  const auto frames = [&] {
    u64 least = UINT64_MAX;
    for (const auto& client : clients) least = std::min(least, client->heard(0).frames);
    return least;
  };
  const auto all_playing = [&] {
    for (const auto& client : clients) {
      if (!client->all_playing()) return false;
    }
    return true;
  };
  EXPECT_TRUE(run_until(all_playing, kPatienceS));
  outcome.sessions_before = sessions_by_shard(server);
  for (int round = 0; round < 3; ++round) {
    const u64 seen = frames();
    relay->rebind();
    // Frames come again once a client has spoken from its new address.
    run_until([&] { return frames() > seen + 30; }, 4);
  }
  for (const auto& client : clients) outcome.drops += client->heard(0).drops.size();
  outcome.sessions_after = sessions_by_shard(server);
  return outcome;
}

TEST(Rebinding, a_client_whose_address_changes_keeps_its_session_on_its_gateway_thread) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "gateway.shards", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  if (!(*server)->steers_packets()) GTEST_SKIP() << "the log says why the kernel does not steer packets";
  const Outcome outcome = rebind_all(**server);
  EXPECT_EQ(outcome.drops, 0U);
  EXPECT_EQ(outcome.sessions_after, outcome.sessions_before);
  EXPECT_EQ(outcome.sessions_before[0] + outcome.sessions_before[1], i64{kClients});
  u64 opened = 0;
  for (const auto& gateway : (*server)->gateways())
    opened += gateway->gateway_counters().sessions_opened.value();
  EXPECT_EQ(opened, kClients) << "nobody had to come anew";
}

TEST(Rebinding, without_the_capabilities_the_node_works_as_it_did) {
  const TemporaryFolder data;
  Result<std::unique_ptr<server::Server>> server = [&] {
    const testing::WithoutCapabilities without({CAP_BPF, CAP_SYS_ADMIN, CAP_NET_ADMIN});
    ::testing::internal::CaptureStderr();
    auto started = start_server(data.path(), {{"test", "gateway.shards", "2"}});
    const std::string log = ::testing::internal::GetCapturedStderr();
    const std::size_t told = log.find("give it CAP_BPF and CAP_NET_ADMIN");
    EXPECT_NE(told, std::string::npos) << log;
    EXPECT_EQ(log.find("CAP_BPF", told + 20), std::string::npos) << "said once: " << log;
    return started;
  }();
  ASSERT_TRUE(server.ok()) << server.error().message;
  EXPECT_FALSE((*server)->steers_packets());
  LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 8);
  EXPECT_TRUE(clients.run_until([&] { return clients.all_playing(); }, kPatienceS));
}

}  // namespace
}  // namespace drumline

// A flood of first packets from addresses that never answer, and honest clients among them. 10,000
// packets; 100,000 with DRUMLINE_CAMPAIGN=long. Prints what it saw.
#include <array>
#include <cstdlib>
#include <map>
#include <string>

#include "env/random.hpp"
#include "env/thread.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"
#include "transport/credentials/development_pki.hpp"
#include "transport/quic/quic_client.hpp"

namespace drumline::testing {
namespace {

using transport::QuicClients;
using transport::Session;

constexpr u32 kAddresses = 250;
constexpr u32 kRetryThreshold = 64;
constexpr i64 kBetweenPacketsNs = 250 * kMicrosecondNs;
constexpr i64 kBetweenHonestNs = 50 * kMillisecondNs;
constexpr i64 kPatienceNs = 10 * kSecondNs;

/// Keeps packets instead of sending them.
class Kept final : public env::PacketBatch {
 public:
  MutableBytes space() override { return room_; }
  void commit(const env::Address&, std::size_t size, u8, u64) override {
    packets.emplace_back(room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  void flush() override {}
  std::vector<std::vector<std::byte>> packets;

 private:
  std::array<std::byte, env::kMaxPacketBytes> room_{};
};

/// When honest sessions began and opened.
class Honest final : public transport::SessionHandler {
 public:
  explicit Honest(const env::Clock& clock) : clock_(clock) {}
  void began(Session& session) { began_[&session] = clock_.now(); }
  void on_open(Session& session) override {
    took_ns.push_back(clock_.now() - began_[&session]);
    session.close(transport::CloseCode::none, "");
  }
  void on_reliable(Session&, Bytes) override {}
  void on_datagram(Session&, Bytes) override {}
  void on_close(Session&, transport::CloseCode, std::string_view) override { ++closed; }
  std::vector<i64> took_ns;
  u32 closed = 0;

 private:
  const env::Clock& clock_;
  std::map<Session*, TimeNs> began_;
};

class Ignored final : public transport::SessionHandler {
  void on_open(Session&) override {}
  void on_reliable(Session&, Bytes) override {}
  void on_datagram(Session&, Bytes) override {}
  void on_close(Session&, transport::CloseCode, std::string_view) override {}
};

TEST(SpoofedInitials, are_answered_by_retry_alone_and_honest_clients_get_in) {
  const char* const campaign = std::getenv("DRUMLINE_CAMPAIGN");
  const u32 flood = campaign != nullptr && std::string_view(campaign) == "long" ? 100'000 : 10'000;
  TemporaryFolder folder;
  auto started =
      start_server(folder.path(), {{"test", "gateway.retry_threshold", std::to_string(kRetryThreshold)}});
  ASSERT_TRUE(started) << started.error().message;
  server::Server& server = **started;
  const env::Address target = server.report().quic;
  const transport::PkiPaths paths = transport::pki_paths(server.report().pki_folder);
  auto credentials =
      transport::TlsCredentials::load({paths.ca_certificate, paths.client_certificate, paths.client_key});
  ASSERT_TRUE(credentials);
  const QuicClients::ClientOptions client{"localhost", *credentials, 0};

  env::SystemClock clock;
  env::SystemRandom random;
  const auto network = env::make_system_network();
  Kept kept;
  Ignored ignored;
  {
    QuicClients made({}, random, ignored, kept);
    for (u32 i = 0; i < 1000; ++i) {
      ASSERT_TRUE(made.connect(target, target, client, clock.now()));
      made.flush(clock.now());
    }
  }
  // All of 127/8 is this machine: each socket is another address, and none says a second thing.
  std::vector<std::unique_ptr<env::DatagramSocket>> spoofers;
  for (u32 i = 0; i < kAddresses; ++i) {
    auto socket = network->bind(*env::parse_address("127.9.9." + std::to_string(i + 1) + ":0"), {});
    ASSERT_TRUE(socket) << socket.error().message;
    spoofers.push_back(std::move(*socket));
  }
  auto honest_socket = network->bind(*env::parse_address("127.0.0.1:0"), {});
  ASSERT_TRUE(honest_socket);
  Honest honest(clock);
  QuicClients clients({}, random, honest, (*honest_socket)->batch());

  u64 sent_bytes = 0, answered_bytes = 0;
  u64 most_half_open = 0;
  u32 sent = 0, begun = 0;
  const TimeNs start = clock.now();
  TimeNs next_honest = start, end = start + i64{flood} * kBetweenPacketsNs + kPatienceNs;
  while (clock.now() < end) {
    const TimeNs now = clock.now();
    // As many as are due by now, in steps that leave the kernel's queue room.
    for (u32 burst = 0; burst < 64 && sent < flood && start + i64{sent} * kBetweenPacketsNs <= now; ++burst) {
      const auto& packet = kept.packets[sent % kept.packets.size()];
      env::PacketBatch& batch = spoofers[sent % kAddresses]->batch();
      std::copy(packet.begin(), packet.end(), batch.space().begin());
      batch.commit(target, packet.size());
      batch.flush();
      sent_bytes += packet.size();
      ++sent;
    }
    for (const auto& socket : spoofers) {
      for (const auto& packet : socket->receive()) answered_bytes += packet.bytes.size();
    }
    if (sent < flood && now >= next_honest) {
      auto session = clients.connect(target, (*honest_socket)->local(), client, now);
      ASSERT_TRUE(session);
      honest.began(**session);
      ++begun;
      next_honest = now + kBetweenHonestNs;
    }
    const auto packets = (*honest_socket)->receive();
    if (!packets.empty()) clients.receive(packets, (*honest_socket)->local(), now);
    if (clients.deadline() <= now) clients.on_timer(now);
    clients.flush(now);
    (*honest_socket)->batch().flush();
    most_half_open = std::max(most_half_open, server.gateways().front()->transport_counters().quic_half_open);
    if (sent == flood && honest.took_ns.size() == begun && clients.connections() == 0) break;
    env::sleep_until(now + 200 * kMicrosecondNs);
  }
  const auto within_s = static_cast<u32>(
      std::count_if(honest.took_ns.begin(), honest.took_ns.end(), [](i64 ns) { return ns < kSecondNs; }));
  const auto& quic = server.gateways().front()->transport_counters().quic;
  std::printf(
      "%u spoofed first packets: answered with %.2f times their bytes, at most %llu handshakes under way; "
      "%zu of %u honest clients got in, %u within 1 s\n",
      sent, static_cast<double>(answered_bytes) / static_cast<double>(sent_bytes),
      static_cast<unsigned long long>(most_half_open), honest.took_ns.size(), begun, within_s);
  EXPECT_EQ(sent, flood);
  EXPECT_LE(answered_bytes, 3 * sent_bytes);
  EXPECT_LE(most_half_open, kRetryThreshold + begun);
  EXPECT_GT(quic.retries_sent, 0U);
  ASSERT_GT(begun, 20U);
  EXPECT_GE(honest.took_ns.size() * 100, u64{begun} * 99);
  server.stop(0);
}

}  // namespace
}  // namespace drumline::testing

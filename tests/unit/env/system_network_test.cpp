#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "env/network.hpp"

namespace drumline::env {
namespace {

void send_text(DatagramSocket& socket, const Address& to, std::string_view text, u8 ecn = 0) {
  const MutableBytes space = socket.batch().space();
  std::memcpy(space.data(), text.data(), text.size());
  socket.batch().commit(to, text.size(), ecn);
}

/// Whatever arrives until `count` packets are there or nothing comes for a second.
struct Received {
  Address from;
  std::string text;
  u8 ecn;
};
std::vector<Received> receive_all(DatagramSocket& socket, std::size_t count) {
  std::vector<Received> all;
  while (all.size() < count) {
    pollfd event{socket.descriptor(), POLLIN, 0};
    if (poll(&event, 1, 1000) <= 0) break;
    for (const ReceivedPacket& packet : socket.receive()) {
      all.push_back({packet.from, std::string(as_text(packet.bytes)), packet.ecn});
    }
  }
  return all;
}

class system_network : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<DatagramSocket> bound(const std::string& text, Network::BindOptions options = {}) {
    auto socket = network->bind(*parse_address(text), options);
    EXPECT_TRUE(socket) << (socket ? "" : socket.error().message);
    return socket ? std::move(*socket) : nullptr;
  }
  std::unique_ptr<Network> network = make_system_network();
};

TEST_P(system_network, packets_arrive_with_sender_bytes_and_ecn) {
  const auto one = bound(GetParam());
  const auto other = bound(GetParam());
  if (!one || !other) GTEST_SKIP() << "no such address family here";
  EXPECT_NE(one->local().port, 0);
  send_text(*one, other->local(), "hello", 2);
  send_text(*one, other->local(), "again");
  EXPECT_TRUE(other->receive().empty());
  one->batch().flush();
  const auto got = receive_all(*other, 2);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].from, one->local());
  EXPECT_EQ(got[0].text, "hello");
  EXPECT_EQ(got[0].ecn, 2);
  EXPECT_EQ(got[1].text, "again");
  EXPECT_EQ(got[1].ecn, 0);
  EXPECT_EQ(one->counters().packets_sent, 2U);
  EXPECT_EQ(one->counters().bytes_sent, 10U);
  EXPECT_EQ(one->counters().send_calls, 1U);
  EXPECT_EQ(other->counters().packets_received, 2U);
}

TEST_P(system_network, more_than_a_batch_goes_out_in_order) {
  const auto one = bound(GetParam());
  const auto other = bound(GetParam());
  if (!one || !other) GTEST_SKIP() << "no such address family here";
  for (int i = 0; i < 300; ++i) send_text(*one, other->local(), std::to_string(i));
  one->batch().flush();
  const auto got = receive_all(*other, 300);
  ASSERT_EQ(got.size(), 300U);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)].text, std::to_string(i));
  EXPECT_EQ(one->counters().send_calls, 2U);
}

TEST_P(system_network, packets_of_one_size_for_one_peer_leave_together_and_arrive_apart) {
  const auto one = bound(GetParam());
  const auto plain = bound(GetParam());
  const auto coalescing = bound(GetParam(), {.coalesce = true});
  if (!one || !plain || !coalescing) GTEST_SKIP() << "no such address family here";
  for (DatagramSocket* const to : {plain.get(), coalescing.get()}) {
    // Three flows take turns; those of flow 3 are longer, and marked.
    for (u64 i = 0; i < 60; ++i) {
      const u64 flow = 1 + i % 3;
      const std::string text =
          std::string(flow == 3 ? 1200 : 1100, static_cast<char>('a' + flow)) + static_cast<char>(' ' + i);
      const MutableBytes space = one->batch().space();
      std::memcpy(space.data(), text.data(), text.size());
      one->batch().commit(to->local(), text.size(), flow == 3 ? 2 : 0, flow);
    }
    one->batch().flush();
    const auto got = receive_all(*to, 60);
    ASSERT_EQ(got.size(), 60U);
    std::array<char, 4> last{};
    for (const Received& packet : got) {
      const auto flow = static_cast<std::size_t>(packet.text.front() - 'a');
      ASSERT_EQ(packet.text, std::string(flow == 3 ? 1200 : 1100, packet.text.front()) + packet.text.back());
      EXPECT_EQ(packet.ecn, flow == 3 ? 2 : 0);
      EXPECT_GT(packet.text.back(), last[flow]) << "of one flow in order";
      last[flow] = packet.text.back();
    }
  }
  EXPECT_EQ(one->counters().send_calls, 2U);
  EXPECT_EQ(one->counters().packets_sent, 120U);
  EXPECT_EQ(coalescing->counters().packets_received, 60U);
}

TEST_P(system_network, packets_for_peers_who_take_turns_still_leave_together) {
  const auto one = bound(GetParam());
  std::vector<std::unique_ptr<DatagramSocket>> peers;
  for (int i = 0; i < 12; ++i) peers.push_back(bound(GetParam()));
  if (!one || !peers.back()) GTEST_SKIP() << "no such address family here";
  for (u64 i = 0; i < 120; ++i) {
    const MutableBytes space = one->batch().space();
    std::memset(space.data(), static_cast<int>(i), 64);
    one->batch().commit(peers[i % 12]->local(), 64, 0, i);
  }
  one->batch().flush();
  for (const auto& peer : peers) EXPECT_EQ(receive_all(*peer, 10).size(), 10U);
  EXPECT_EQ(one->counters().packets_sent, 120U);
  // One for each peer; two whose ports fall together in the table part each other's now and then.
  EXPECT_LT(one->counters().messages_sent, 80U);
}

INSTANTIATE_TEST_SUITE_P(over, system_network, testing::Values("127.0.0.1:0", "[::1]:0"),
                         [](const auto& given) { return given.param[0] == '[' ? "ipv6" : "ipv4"; });

using one_system_network = system_network;

TEST_F(one_system_network, a_dual_socket_talks_to_both_families) {
  const auto dual = bound("[::]:0");
  const auto v4 = bound("127.0.0.1:0");
  if (!dual || !v4) GTEST_SKIP() << "no such address family here";
  Address to = *parse_address("127.0.0.1:0");
  to.port = dual->local().port;
  send_text(*v4, to, "ping", 1);
  v4->batch().flush();
  const auto got = receive_all(*dual, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].from, v4->local());
  EXPECT_EQ(got[0].ecn, 1);
  send_text(*dual, got[0].from, "pong", 2);
  dual->batch().flush();
  const auto back = receive_all(*v4, 1);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].text, "pong");
  EXPECT_EQ(back[0].ecn, 2);
}

TEST_F(one_system_network, one_batch_reaches_different_peers_and_skips_the_unreachable) {
  const auto one = bound("127.0.0.1:0");
  const auto a = bound("127.0.0.1:0");
  const auto b = bound("127.0.0.1:0");
  send_text(*one, a->local(), "a");
  send_text(*one, *parse_address("[::1]:9"), "an IPv6 peer from an IPv4 socket");
  send_text(*one, *parse_address("255.255.255.255:9"), "broadcast is not allowed");
  send_text(*one, b->local(), "b");
  one->batch().flush();
  EXPECT_EQ(receive_all(*a, 1).at(0).text, "a");
  EXPECT_EQ(receive_all(*b, 1).at(0).text, "b");
  EXPECT_EQ(one->counters().send_dropped, 2U);
  EXPECT_EQ(one->counters().packets_sent, 2U);
}

TEST_F(one_system_network, a_port_in_use_is_said_to_be) {
  const auto one = bound("127.0.0.1:0");
  const auto again = network->bind(one->local(), {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::unavailable);
  EXPECT_NE(again.error().message.find(one->local().to_string()), std::string::npos);
  EXPECT_NE(again.error().message.find("in use"), std::string::npos);
}

TEST_F(one_system_network, a_foreign_address_is_refused) {
  const auto socket = network->bind(*parse_address("192.0.2.1:0"), {});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::invalid_argument);
}

TEST_F(one_system_network, sockets_may_share_a_port_when_asked) {
  const auto one = bound("127.0.0.1:0", {.sharing = PortSharing::first});
  const auto other = network->bind(one->local(), {.sharing = PortSharing::further});
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)->local(), one->local());
}

TEST_F(one_system_network, who_is_first_on_a_port_finds_nobody_there_even_if_he_would_share) {
  const auto one = bound("127.0.0.1:0", {.sharing = PortSharing::first});
  const auto other = bound(one->local().to_string(), {.sharing = PortSharing::further});
  for (const PortSharing sharing : {PortSharing::none, PortSharing::first}) {
    const auto again = network->bind(one->local(), {.sharing = sharing});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::unavailable);
    EXPECT_NE(again.error().message.find("in use"), std::string::npos);
  }
}

TEST_F(one_system_network, a_shared_port_spreads_senders_over_its_sockets) {
  const auto one = bound("127.0.0.1:0", {.sharing = PortSharing::first});
  const auto other = bound(one->local().to_string(), {.sharing = PortSharing::further});
  constexpr std::size_t kSenders = 40;
  for (std::size_t i = 0; i < kSenders; ++i) {
    const auto sender = bound("127.0.0.1:0");
    std::memcpy(sender->batch().space().data(), "x", 1);
    sender->batch().commit(one->local(), 1);
    sender->batch().flush();
  }
  const std::size_t at_one = receive_all(*one, 1).size();
  const std::size_t at_other = receive_all(*other, 1).size();
  EXPECT_GT(at_one, 0U);
  EXPECT_GT(at_other, 0U);
}

TEST_F(one_system_network, an_oversized_packet_is_dropped) {
  const auto receiver = bound("127.0.0.1:0");
  const int raw = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(receiver->local().port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::vector<std::byte> big(kMaxPacketBytes + 1);
  ASSERT_GT(sendto(raw, big.data(), big.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  ASSERT_GT(sendto(raw, "ok", 2, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  close(raw);
  const auto got = receive_all(*receiver, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].text, "ok");
}

}  // namespace
}  // namespace drumline::env

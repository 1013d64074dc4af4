#include "env/simulated_network.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline::env {
namespace {

class simulated_network : public testing::Test {
 protected:
  std::unique_ptr<DatagramSocket> bound(const std::string& text, Network::BindOptions options = {}) {
    return std::move(network.bind(*parse_address(text), options)).value();
  }
  static void send_text(DatagramSocket& socket, const Address& to, std::string_view text, u8 ecn = 0) {
    const MutableBytes space = socket.batch().space();
    std::memcpy(space.data(), text.data(), text.size());
    socket.batch().commit(to, text.size(), ecn);
  }
  static std::vector<std::string> waiting(DatagramSocket& socket) {
    std::vector<std::string> texts;
    for (auto packets = socket.receive(); !packets.empty(); packets = socket.receive()) {
      for (const ReceivedPacket& packet : packets) texts.emplace_back(as_text(packet.bytes));
    }
    return texts;
  }
  /// Sends 0 .. count - 1, a millisecond apart, and returns what arrived, in order.
  std::vector<int> stream(int count) {
    std::vector<int> arrived;
    const auto collect = [&] {
      for (const std::string& text : waiting(*b)) arrived.push_back(std::stoi(text));
    };
    for (int i = 0; i < count; ++i) {
      send_text(*a, b->local(), std::to_string(i));
      a->batch().flush();
      clock.advance(kMillisecondNs);
      collect();
    }
    clock.advance(kSecondNs);
    collect();
    return arrived;
  }

  SimulatedClock clock;
  SimulatedNetwork network{clock, 77};
  std::unique_ptr<DatagramSocket> a = bound("10.0.0.1:1000");
  std::unique_ptr<DatagramSocket> b = bound("10.0.0.2:2000");
};

TEST_F(simulated_network, a_packet_arrives_when_the_clock_says_so) {
  network.set_conditions({.delay_ns = 20 * kMillisecondNs});
  send_text(*a, b->local(), "hello", 1);
  EXPECT_EQ(network.next_arrival(), std::nullopt);
  a->batch().flush();
  EXPECT_EQ(network.next_arrival(), 20 * kMillisecondNs);
  EXPECT_TRUE(b->receive().empty());
  clock.advance(20 * kMillisecondNs);
  const auto packets = b->receive();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].from, a->local());
  EXPECT_EQ(as_text(packets[0].bytes), "hello");
  EXPECT_EQ(packets[0].ecn, 1);
  EXPECT_EQ(network.next_arrival(), std::nullopt);
  EXPECT_EQ(b->descriptor(), -1);
}

TEST_F(simulated_network, jitter_alone_keeps_the_order) {
  network.set_conditions({.delay_ns = 5 * kMillisecondNs, .jitter_ns = 50 * kMillisecondNs});
  const auto arrived = stream(300);
  EXPECT_EQ(arrived.size(), 300U);
  EXPECT_TRUE(std::is_sorted(arrived.begin(), arrived.end()));
}

TEST_F(simulated_network, loss_duplication_and_reordering_come_at_their_rates) {
  network.set_conditions({.loss = 0.2, .duplication = 0.1, .reordering = 0.1, .delay_ns = kMillisecondNs});
  const auto arrived = stream(4000);
  const std::set<int> distinct(arrived.begin(), arrived.end());
  EXPECT_NEAR(static_cast<double>(distinct.size()), 3200, 160);
  EXPECT_NEAR(static_cast<double>(arrived.size()), 3520, 200);
  EXPECT_FALSE(std::is_sorted(arrived.begin(), arrived.end()));
  EXPECT_EQ(network.totals().sent, 4000U);
  EXPECT_EQ(network.totals().delivered, arrived.size());
  EXPECT_EQ(network.totals().lost + distinct.size(), 4000U);
}

TEST_F(simulated_network, the_same_seed_gives_the_same_run) {
  const auto run = [](u64 seed) {
    SimulatedClock clock;
    SimulatedNetwork network(clock, seed);
    network.set_conditions(
        {.loss = 0.3, .duplication = 0.1, .reordering = 0.2, .jitter_ns = 9 * kMillisecondNs});
    const auto from = std::move(network.bind(*parse_address("10.0.0.1:1"), {})).value();
    const auto to = std::move(network.bind(*parse_address("10.0.0.2:2"), {})).value();
    for (int i = 0; i < 200; ++i) send_text(*from, to->local(), std::to_string(i));
    from->batch().flush();
    clock.advance(kSecondNs);
    return waiting(*to);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST_F(simulated_network, a_cut_link_carries_nothing_until_it_is_healed) {
  network.cut(a->local(), b->local());
  EXPECT_TRUE(stream(5).empty());
  network.heal(a->local(), b->local());
  EXPECT_EQ(stream(5).size(), 5U);
}

TEST_F(simulated_network, one_direction_may_be_worse_than_the_other) {
  network.set_conditions(a->local(), b->local(), {.loss = 1});
  send_text(*a, b->local(), "lost");
  send_text(*b, a->local(), "arrives");
  a->batch().flush();
  b->batch().flush();
  EXPECT_TRUE(waiting(*b).empty());
  EXPECT_EQ(waiting(*a), std::vector<std::string>{"arrives"});
}

TEST_F(simulated_network, a_narrow_link_delays_and_then_drops) {
  network.set_conditions({.bytes_per_second = 100'000, .queue_ns = 50 * kMillisecondNs});
  const std::string kilobyte(1000, 'x');
  for (int i = 0; i < 20; ++i) send_text(*a, b->local(), kilobyte);
  a->batch().flush();
  EXPECT_EQ(network.next_arrival(), 10 * kMillisecondNs);
  clock.advance(kSecondNs);
  EXPECT_EQ(waiting(*b).size(), 6U);
  EXPECT_EQ(network.totals().lost, 14U);
}

TEST_F(simulated_network, a_full_receive_buffer_drops) {
  const auto small = bound("10.0.0.3:3000", {.receive_buffer_bytes = 10});
  for (int i = 0; i < 5; ++i) send_text(*a, small->local(), "1234");
  a->batch().flush();
  EXPECT_EQ(waiting(*small).size(), 2U);
  EXPECT_EQ(network.totals().overflowed, 3U);
}

TEST_F(simulated_network, ports_are_given_kept_and_freed) {
  const auto any = bound("10.0.0.1:0");
  EXPECT_NE(any->local().port, 0);
  EXPECT_EQ(network.bind(a->local(), {}).error().code, ErrorCode::unavailable);
  const Address address = a->local();
  a.reset();
  EXPECT_TRUE(network.bind(address, {}));
  send_text(*b, address, "nobody home");
  b->batch().flush();
  EXPECT_TRUE(b->receive().empty());
  EXPECT_EQ(network.totals().unreachable, 1U);
}

TEST_F(simulated_network, shared_ports_spread_senders_and_keep_each_with_one_socket) {
  const auto one = bound("10.0.0.9:9", {.sharing = PortSharing::first});
  EXPECT_FALSE(network.bind(one->local(), {.sharing = PortSharing::first}));
  const auto other = bound("10.0.0.9:9", {.sharing = PortSharing::further});
  std::size_t at_one = 0;
  for (int i = 0; i < 40; ++i) {
    const auto sender = bound("10.0.1.1:" + std::to_string(5000 + i));
    for (int packet = 0; packet < 3; ++packet) send_text(*sender, one->local(), "x");
    sender->batch().flush();
    const std::size_t got = waiting(*one).size();
    EXPECT_TRUE(got == 0 || got == 3);
    EXPECT_EQ(got + waiting(*other).size(), 3U);
    at_one += got;
  }
  EXPECT_GT(at_one, 15U);
  EXPECT_LT(at_one, 105U);
}

TEST_F(simulated_network, a_rebound_peer_is_seen_at_its_new_address_only) {
  const Address home = a->local();
  const Address abroad = *parse_address("10.9.9.9:4242");
  network.rebind(home, abroad);
  send_text(*a, b->local(), "moved");
  a->batch().flush();
  const auto packets = b->receive();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].from, abroad);
  send_text(*b, abroad, "found you");
  send_text(*b, home, "not here");
  b->batch().flush();
  EXPECT_EQ(waiting(*a), std::vector<std::string>{"found you"});
  network.rebind(abroad, home);
  send_text(*b, home, "welcome back");
  b->batch().flush();
  EXPECT_EQ(waiting(*a), std::vector<std::string>{"welcome back"});
}

TEST_F(simulated_network, congestion_marks_only_packets_that_can_carry_it) {
  network.set_conditions({.ecn_marking = 1});
  send_text(*a, b->local(), "capable", 2);
  send_text(*a, b->local(), "not");
  a->batch().flush();
  const auto packets = b->receive();
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].ecn, 3);
  EXPECT_EQ(packets[1].ecn, 0);
}

}  // namespace
}  // namespace drumline::env

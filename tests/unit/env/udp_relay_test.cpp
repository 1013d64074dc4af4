#include "env/udp_relay.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "env/simulated_network.hpp"

namespace drumline::env {
namespace {

/// A relay in a simulated network: time passes when the test says so.
class udp_relay : public testing::Test {
 protected:
  void relay_with(const LinkConditions& both, u32 max_waiting_packets = 4096, u32 max_flows = 8,
                  u64 seed = 9) {
    UdpRelay::Options options;
    options.server = server->local();
    options.listen = *parse_address("127.0.0.1:0");
    options.to_server = options.to_clients = both;
    options.seed = seed;
    options.max_flows = max_flows;
    options.max_waiting_packets = max_waiting_packets;
    relay = std::move(UdpRelay::create(options, network, clock)).value();
  }
  std::unique_ptr<DatagramSocket> bound(const std::string& text) {
    return std::move(network.bind(*parse_address(text), {})).value();
  }
  static void send_text(DatagramSocket& socket, const Address& to, std::string_view text) {
    std::memcpy(socket.batch().space().data(), text.data(), text.size());
    socket.batch().commit(to, text.size());
    socket.batch().flush();
  }
  struct Heard {
    Address from;
    std::string text;
  };
  static std::vector<Heard> heard(DatagramSocket& socket) {
    std::vector<Heard> all;
    for (auto packets = socket.receive(); !packets.empty(); packets = socket.receive()) {
      for (const ReceivedPacket& packet : packets)
        all.push_back({packet.from, std::string(as_text(packet.bytes))});
    }
    return all;
  }
  void pass(i64 time_ns) {
    relay->poll();
    for (; time_ns > 0; time_ns -= kMillisecondNs) {
      clock.advance(kMillisecondNs);
      relay->poll();
    }
  }
  /// Which of `count` packets, a millisecond apart, come through from a to the server.
  std::vector<int> stream(int count) {
    std::vector<int> arrived;
    for (int i = 0; i < count; ++i) {
      send_text(*a, relay->address(), std::to_string(i));
      pass(kMillisecondNs);
      for (const Heard& packet : heard(*server)) arrived.push_back(std::stoi(packet.text));
    }
    pass(kSecondNs);
    for (const Heard& packet : heard(*server)) arrived.push_back(std::stoi(packet.text));
    return arrived;
  }

  SimulatedClock clock;
  SimulatedNetwork network{clock, 1};
  std::unique_ptr<DatagramSocket> server = bound("127.0.0.1:7777");
  std::unique_ptr<DatagramSocket> a = bound("127.0.0.1:1000");
  std::unique_ptr<DatagramSocket> b = bound("127.0.0.1:2000");
  std::unique_ptr<UdpRelay> relay;
};

TEST_F(udp_relay, a_packet_takes_half_a_round_trip_each_way) {
  relay_with(*parse_path_conditions("50ms"));
  send_text(*a, relay->address(), "there");
  pass(24 * kMillisecondNs);
  EXPECT_TRUE(heard(*server).empty());
  EXPECT_EQ(relay->deadline(), 25 * kMillisecondNs);
  pass(kMillisecondNs);
  const auto there = heard(*server);
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there[0].text, "there");
  EXPECT_EQ(relay->deadline(), INT64_MAX);

  send_text(*server, there[0].from, "back");
  pass(24 * kMillisecondNs);
  EXPECT_TRUE(heard(*a).empty());
  pass(kMillisecondNs);
  const auto back = heard(*a);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].text, "back");
  EXPECT_EQ(back[0].from, relay->address());
}

TEST_F(udp_relay, the_server_tells_clients_apart_and_an_answer_reaches_the_one_it_is_for) {
  relay_with({});
  send_text(*a, relay->address(), "from a");
  send_text(*b, relay->address(), "from b");
  pass(kMillisecondNs);
  const auto asked = heard(*server);
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].from, asked[1].from);
  for (const Heard& question : asked) send_text(*server, question.from, "to " + question.text.substr(5));
  pass(kMillisecondNs);
  const auto at_a = heard(*a), at_b = heard(*b);
  ASSERT_EQ(at_a.size(), 1U);
  ASSERT_EQ(at_b.size(), 1U);
  EXPECT_EQ(at_a[0].text, "to a");
  EXPECT_EQ(at_b[0].text, "to b");
  EXPECT_EQ(relay->flows(), 2U);
}

TEST_F(udp_relay, only_the_server_reaches_a_client) {
  relay_with({});
  send_text(*a, relay->address(), "hello");
  pass(kMillisecondNs);
  const Address flow = heard(*server).at(0).from;
  send_text(*b, flow, "I am no server");
  pass(kMillisecondNs);
  EXPECT_TRUE(heard(*a).empty());
  EXPECT_EQ(relay->to_clients().refused.value(), 1U);
}

TEST_F(udp_relay, loss_is_as_configured_counted_and_what_comes_is_in_order) {
  relay_with(*parse_path_conditions("20ms,10%,jitter=9ms"));
  const auto arrived = stream(3000);
  EXPECT_NEAR(static_cast<double>(arrived.size()), 2700, 90);
  EXPECT_TRUE(std::is_sorted(arrived.begin(), arrived.end()));
  const UdpRelay::Counters& counters = relay->to_server();
  EXPECT_EQ(counters.received.value(), 3000U);
  EXPECT_EQ(counters.lost.value() + arrived.size(), 3000U);
  EXPECT_EQ(counters.forwarded.value(), arrived.size());
  EXPECT_GT(counters.received_bytes.value(), counters.forwarded_bytes.value());
  EXPECT_EQ(relay->to_clients().received.value(), 0U);
}

TEST_F(udp_relay, a_flows_fate_follows_from_the_seed_whatever_the_others_do) {
  const auto lost_of_a = [&](u64 seed, bool others) {
    relay_with({.loss = 0.3}, 4096, 8, seed);
    std::vector<int> arrived;
    for (int i = 0; i < 200; ++i) {
      send_text(*a, relay->address(), std::to_string(i));
      if (others && i > 0) send_text(*b, relay->address(), "-1");
      pass(kMillisecondNs);
      for (const Heard& packet : heard(*server)) {
        if (packet.text != "-1") arrived.push_back(std::stoi(packet.text));
      }
    }
    return arrived;
  };
  const auto alone = lost_of_a(9, false);
  EXPECT_EQ(alone, lost_of_a(9, true));
  EXPECT_NE(alone, lost_of_a(10, false));
}

TEST_F(udp_relay, flows_do_not_lose_the_same_packets) {
  relay_with({.loss = 0.5});
  std::vector<bool> of_a(400), of_b(400);
  for (int i = 0; i < 400; ++i) {
    send_text(*a, relay->address(), "a");
    send_text(*b, relay->address(), "b");
    pass(kMillisecondNs);
    for (const Heard& packet : heard(*server))
      (packet.text == "a" ? of_a : of_b)[static_cast<std::size_t>(i)] = true;
  }
  for (std::size_t shift = 0; shift < 8; ++shift) {
    int same = 0;
    for (std::size_t i = shift; i < 400; ++i) same += of_a[i] == of_b[i - shift];
    EXPECT_NEAR(same, 200, 60) << shift;
  }
}

TEST_F(udp_relay, what_waits_is_bounded_for_each_flow) {
  relay_with(*parse_path_conditions("100ms"), 10);
  for (int i = 0; i < 25; ++i) send_text(*a, relay->address(), std::to_string(i));
  send_text(*b, relay->address(), "b");
  pass(60 * kMillisecondNs);
  const auto arrived = heard(*server);
  ASSERT_EQ(arrived.size(), 11U);
  EXPECT_EQ(arrived[0].text, "0");
  EXPECT_EQ(arrived[9].text, "9");
  EXPECT_EQ(arrived[10].text, "b");
  EXPECT_EQ(relay->to_server().overflowed.value(), 15U);
  send_text(*a, relay->address(), "again");
  pass(60 * kMillisecondNs);
  EXPECT_EQ(heard(*server).size(), 1U);
}

TEST_F(udp_relay, flows_are_bounded) {
  relay_with({}, 4096, 1);
  send_text(*a, relay->address(), "a");
  send_text(*b, relay->address(), "b");
  pass(kMillisecondNs);
  EXPECT_EQ(heard(*server).size(), 1U);
  EXPECT_EQ(relay->flows(), 1U);
  EXPECT_EQ(relay->to_server().refused.value(), 1U);
}

TEST_F(udp_relay, a_rebound_flow_comes_from_another_port_and_is_answered_there) {
  relay_with({});
  send_text(*a, relay->address(), "before");
  pass(kMillisecondNs);
  const auto before = heard(*server);
  ASSERT_EQ(before.size(), 1U);
  relay->rebind();
  send_text(*a, relay->address(), "after");
  pass(kMillisecondNs);
  const auto after = heard(*server);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_NE(after[0].from, before[0].from);
  send_text(*server, before[0].from, "too late");
  send_text(*server, after[0].from, "answer");
  pass(kMillisecondNs);
  const auto answers = heard(*a);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].text, "answer");
}

TEST_F(udp_relay, stays_on_this_machine) {
  UdpRelay::Options options;
  options.server = *parse_address("10.0.0.1:7777");
  options.listen = *parse_address("127.0.0.1:0");
  const auto out = UdpRelay::create(options, network, clock);
  ASSERT_FALSE(out.ok());
  EXPECT_NE(out.error().message.find("10.0.0.1:7777"), std::string::npos);
  options.server = server->local();
  options.listen = *parse_address("0.0.0.0:0");
  EXPECT_FALSE(UdpRelay::create(options, network, clock).ok());
}

TEST(udp_relay_thread, relays_between_real_sockets_until_it_goes) {
  const SystemClock clock;
  const auto network = make_system_network();
  const Address any = *parse_address("127.0.0.1:0");
  auto server = std::move(network->bind(any, {})).value();
  auto client = std::move(network->bind(any, {})).value();
  UdpRelay::Options options;
  options.server = server->local();
  options.listen = any;
  options.to_server = options.to_clients = *parse_path_conditions("10ms");
  auto relay = std::move(UdpRelay::create(options, *network, clock)).value();
  const UdpRelayThread thread(*relay, clock);

  const TimeNs begun = clock.now();
  client->batch().space()[0] = std::byte{42};
  client->batch().commit(relay->address(), 1);
  client->batch().flush();
  const TimeNs patience = begun + 20 * kSecondNs;
  bool answered = false;
  while (!answered && clock.now() < patience) {
    for (const ReceivedPacket& packet : server->receive()) {
      server->batch().space()[0] = packet.bytes[0];
      server->batch().commit(packet.from, 1);
    }
    server->batch().flush();
    for (const ReceivedPacket& packet : client->receive()) answered = packet.bytes[0] == std::byte{42};
  }
  EXPECT_TRUE(answered);
  EXPECT_GE(clock.now() - begun, 10 * kMillisecondNs);
}

}  // namespace
}  // namespace drumline::env

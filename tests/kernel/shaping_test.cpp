// Programs at a veth's end, and a stranger at the other.
#include "ebpf/shaping.hpp"

#include <map>
#include <memory>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>

#include "env/clock.hpp"
#include "env/network.hpp"
#include "env/random.hpp"
#include "kernel/ebpf_permitted.hpp"
#include "kernel/quic_packets.hpp"
#include "support/capabilities.hpp"
#include "support/two_hosts.hpp"

namespace drumline::ebpf {
namespace {

using drumline::testing::long_header;
using drumline::testing::LongHeader;
using drumline::testing::Packet;
using drumline::testing::RawSender;
using drumline::testing::short_header;
using drumline::testing::TwoHosts;

constexpr u16 kPort = 7777;
constexpr u16 kOtherPort = 7778;

std::string address(const std::string& host, u16 port) {
  return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + std::to_string(port);
}

using Counts = std::map<std::string, u64>;

class Shaped : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!hosts.why_not().empty()) GTEST_SKIP() << hosts.why_not();
    if (const auto why = drumline::testing::why_no_ebpf(); !why.empty()) GTEST_SKIP() << why;
    stranger = hosts.on_peer([] { return std::make_unique<RawSender>(); });
    options.interfaces = {"node0"};
    options.pin_folder = "/sys/fs/bpf/drumline-test";
    options.settings.port = kPort;
    options.settings.shards = 2;
    options.settings.versions[0] = 1;
    options.settings.versions[1] = 0x6b3343cf;
    options.settings.answer_unknown_versions = 1;
    server = bound("::", kPort);
    other = bound("::", kOtherPort);
  }

  std::unique_ptr<env::DatagramSocket> bound(const std::string& host, u16 port) {
    return std::move(network->bind(*env::parse_address(address(host, port)), {})).value();
  }
  void shape() {
    auto started = Shaping::start(options);
    ASSERT_TRUE(started.ok()) << started.error().message;
    shaping = std::move(*started);
  }
  /// From a source to the node's port.
  void send(const std::string& from, const Packet& packet, int times = 1, RawSender::Form form = {}) {
    const std::string to = from.find(':') == std::string::npos ? TwoHosts::kNode4 : TwoHosts::kNode6;
    for (int i = 0; i < times; ++i) stranger->send(from, to, kPort, packet, form);
  }
  /// How many packets a socket has got, by address; a veth hands them over as they are sent.
  static std::map<std::string, int> received(env::DatagramSocket& socket) {
    std::map<std::string, int> sources;
    pollfd event{socket.descriptor(), POLLIN, 0};
    while (::poll(&event, 1, 200) > 0) {
      for (const env::ReceivedPacket& packet : socket.receive()) {
        const std::string from = packet.from.to_string();
        ++sources[from.substr(0, from.rfind(':'))];
      }
    }
    return sources;
  }
  u64 count(shaping_verdict verdict) const { return (*shaping->maps().counts())[verdict].packets; }
  Counts all_counts() const {
    Counts counts;
    const auto read = *shaping->maps().counts();
    for (u32 i = 0; i < SHAPING_VERDICTS; ++i) {
      const auto verdict = static_cast<shaping_verdict>(i);
      if (read[i].packets != 0 && !is_outgoing(verdict))
        counts[std::string(verdict_name(verdict))] = read[i].packets;
    }
    return counts;
  }

  TwoHosts hosts;
  const env::SystemClock clock;
  const std::unique_ptr<env::Network> network = env::make_system_network();
  std::unique_ptr<RawSender> stranger;
  std::unique_ptr<env::DatagramSocket> server, other;
  ShapingOptions options;
  std::unique_ptr<Shaping> shaping;
};

TEST_F(Shaped, what_can_be_quic_for_us_passes) {
  shape();
  send(TwoHosts::kPeer4, short_header(0));
  send(TwoHosts::kPeer4, short_header(1, 29));
  send(TwoHosts::kPeer4, long_header({.kind = 0}));
  send(TwoHosts::kPeer4, long_header({.kind = 0, .id_bytes = 20, .source_id_bytes = 0}));
  send(TwoHosts::kPeer4, long_header({.kind = 1, .bytes = 100}));
  send(TwoHosts::kPeer4, long_header({.kind = 2, .first_id_byte = 1, .bytes = 100}));
  // Version 2 counts kinds from 1: an Initial, and a Handshake.
  send(TwoHosts::kPeer4, long_header({.kind = 1, .version = 0x6b3343cf}));
  send(TwoHosts::kPeer4, long_header({.kind = 3, .version = 0x6b3343cf, .first_id_byte = 0, .bytes = 100}));
  // A version that is not known here, to be answered.
  send(TwoHosts::kPeer4, long_header({.version = 0x1a2a3a4a, .id_bytes = 3, .source_id_bytes = 30}));
  send(TwoHosts::kPeer6, short_header(0), 2);
  EXPECT_EQ(received(*server), (std::map<std::string, int>{{TwoHosts::kPeer4, 9}, {"[fd09::2]", 2}}));
  EXPECT_EQ(all_counts(), (Counts{{"passed", 11}}));
}

TEST_F(Shaped, what_cannot_be_is_dropped_and_counted_whatever_source_it_claims) {
  shape();
  send("203.0.113.5", short_header(0, 28));                                         // short
  send("203.0.113.6", long_header({.bytes = 1199}));                                // short
  send("203.0.113.6", long_header({.kind = 2, .first_id_byte = 0, .bytes = 30}));   // short
  send("203.0.113.6", long_header({.version = 0x1a2a3a4a, .bytes = 1199}));         // short
  send(TwoHosts::kPeer4, Packet{});                                                 // short
  send(TwoHosts::kPeer4, Packet{0xC0});                                             // short
  send("203.0.113.7", long_header({.version = 0}));                                 // malformed
  send("203.0.113.7", long_header({.kind = 3}));                                    // malformed: a Retry
  send("203.0.113.7", long_header({.id_bytes = 7}));                                // malformed
  send("203.0.113.7", long_header({.id_bytes = 21}));                               // malformed
  send("203.0.113.7", long_header({.source_id_bytes = 21}));                        // malformed
  send("203.0.113.7", short_header(0), 1, {.udp_length_error = 1});                 // malformed
  send("203.0.113.7", short_header(0), 1, {.udp_length_error = -65});               // malformed
  send("203.0.113.8", short_header(2));                                             // astray
  send("203.0.113.8", long_header({.kind = 2, .first_id_byte = 2, .bytes = 100}));  // astray
  send("203.0.113.8", long_header({.kind = 2, .id_bytes = 9, .first_id_byte = 0, .bytes = 100}));  // astray
  send("203.0.113.9", short_header(0), 1, {.more_fragments = true});                               // fragment
  send("2001:db8::7", short_header(9), 2);                                                         // astray
  EXPECT_EQ(received(*server), (std::map<std::string, int>{}));
  EXPECT_EQ(all_counts(), (Counts{{"short", 6}, {"malformed", 7}, {"astray", 5}, {"fragment", 1}}));
  EXPECT_EQ((*shaping->maps().counts())[SHAPING_FRAGMENT].bytes, 20U + 8 + 60);

  auto settings = *shaping->maps().settings();
  settings.answer_unknown_versions = 0;
  ASSERT_TRUE(shaping->maps().change_settings(settings).ok());
  send(TwoHosts::kPeer4, long_header({.version = 0x1a2a3a4a}));
  EXPECT_EQ(count(SHAPING_VERSION), 1U);
}

TEST_F(Shaped, what_stands_before_udp_hides_nothing) {
  shape();
  const auto expect = [&](const Counts& counts, int arrived) {
    EXPECT_EQ(all_counts(), counts);
    EXPECT_EQ(received(*server)["[fd09::2]"], arrived);
  };
  // Tags of VLANs that the node is not in: what passes ends in its stack.
  send(TwoHosts::kPeer4, short_header(9), 1, {.vlan_tags = 1});
  send(TwoHosts::kPeer6, short_header(9), 1, {.vlan_tags = 2});
  expect({{"astray", 2}}, 0);
  send(TwoHosts::kPeer4, short_header(0), 1, {.vlan_tags = 2});
  expect({{"astray", 2}, {"passed", 1}}, 0);
  // Options in IPv6, which the stack takes.
  send(TwoHosts::kPeer6, short_header(0), 1, {.extensions = {IPPROTO_DSTOPTS}});
  send(TwoHosts::kPeer6, short_header(0), 1, {.extensions = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS}});
  expect({{"astray", 2}, {"passed", 3}}, 2);
  send(TwoHosts::kPeer6, short_header(9), 1, {.extensions = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS}});
  expect({{"astray", 3}, {"passed", 3}}, 0);
  // Fragments: the first is dropped, and further ones, which have no ports, are nothing without it.
  send(TwoHosts::kPeer6, short_header(0), 1, {.extensions = {IPPROTO_FRAGMENT}});
  send(TwoHosts::kPeer6, short_header(0), 1, {.extensions = {IPPROTO_FRAGMENT}, .further_fragment = true});
  expect({{"astray", 3}, {"passed", 3}, {"fragment", 1}}, 0);
}

TEST_F(Shaped, random_bytes_hardly_get_through) {
  shape();
  env::SeededRandom random(7);
  constexpr int kPackets = 2000;
  for (int i = 0; i < kPackets; ++i) {
    Packet garbage(random.next_u64() % 1400);
    random.fill(std::as_writable_bytes(std::span(garbage)));
    send("203.0.113." + std::to_string(i % 250), garbage);
  }
  // Two of 256 first id bytes of short headers are ours, and unknown versions are answered.
  EXPECT_LT(count(SHAPING_PASSED), u64{kPackets} / 7);
  auto settings = *shaping->maps().settings();
  settings.answer_unknown_versions = 0;
  ASSERT_TRUE(shaping->maps().change_settings(settings).ok());
  const u64 before = count(SHAPING_PASSED);
  for (int i = 0; i < kPackets; ++i) {
    Packet garbage(random.next_u64() % 1400);
    random.fill(std::as_writable_bytes(std::span(garbage)));
    send("203.0.113." + std::to_string(i % 250), garbage);
  }
  EXPECT_LT(count(SHAPING_PASSED) - before, u64{kPackets} / 50);
}

TEST_F(Shaped, other_ports_are_none_of_its_business) {
  shape();
  for (int i = 0; i < 5; ++i) stranger->send(TwoHosts::kPeer4, TwoHosts::kNode4, kOtherPort, {1, 2, 3});
  EXPECT_EQ(received(*other), (std::map<std::string, int>{{TwoHosts::kPeer4, 5}}));
  EXPECT_EQ(all_counts(), Counts{});
}

TEST_F(Shaped, a_flood_from_one_source_is_held_to_its_rate_and_another_source_is_untouched) {
  options.settings.packets_per_second = 50;
  options.settings.packets_burst = 100;
  shape();
  const TimeNs begun = clock.now();
  for (int i = 0; i < 200; ++i) {
    send("10.9.0.66", short_header(0), 10);
    if (i % 4 == 0) send("10.9.0.77", short_header(1));
  }
  const double seconds = static_cast<double>(clock.now() - begun) / 1e9;
  auto sources = received(*server);
  EXPECT_GE(sources["10.9.0.66"], 100);
  EXPECT_LE(sources["10.9.0.66"], 101 + static_cast<int>(50 * seconds));
  EXPECT_EQ(sources["10.9.0.77"], 50);
  EXPECT_EQ(count(SHAPING_LIMITED), 2000U - static_cast<u64>(sources["10.9.0.66"]));
}

TEST_F(Shaped, bytes_have_a_rate_of_their_own_and_an_ipv6_site_has_one_for_all_of_it) {
  options.settings.bytes_per_second = 1000;
  options.settings.bytes_burst = 10 * (40 + 8 + 952);
  shape();
  const TimeNs begun = clock.now();
  for (int i = 0; i < 50; ++i) send("fd09::" + std::to_string(100 + i), short_header(0, 952));
  const int more = static_cast<int>(static_cast<double>(clock.now() - begun) / 1e9) + 1;
  int all = 0;
  for (const auto& [source, packets] : received(*server)) all += packets;
  EXPECT_GE(all, 10);
  EXPECT_LE(all, 10 + more);
}

TEST_F(Shaped, a_bucket_fills_again) {
  options.settings.packets_per_second = 200;
  options.settings.packets_burst = 5;
  shape();
  send(TwoHosts::kPeer4, short_header(0), 500);
  EXPECT_LT(received(*server)[TwoHosts::kPeer4], 500);
  // received() waits longer than the bucket takes.
  send(TwoHosts::kPeer4, short_header(0), 5);
  EXPECT_EQ(received(*server)[TwoHosts::kPeer4], 5);
}

TEST_F(Shaped, the_longest_prefix_decides_who_is_blocked_and_who_is_allowed) {
  options.settings.packets_per_second = 1;
  options.settings.packets_burst = 1;
  options.rules = {{*env::parse_address_prefix("10.9.0.64/26"), SHAPING_RULE_BLOCK},
                   {*env::parse_address_prefix("10.9.0.70/32"), SHAPING_RULE_ALLOW},
                   {*env::parse_address_prefix("fd09::/64"), SHAPING_RULE_BLOCK},
                   {*env::parse_address_prefix("0.0.0.0/0"), SHAPING_RULE_ALLOW}};
  shape();
  send("10.9.0.66", short_header(0), 5);
  send("10.9.0.70", short_header(0), 5);
  send("10.9.0.5", short_header(0), 5);
  send("10.9.0.5", short_header(0, 5));
  send("fd09::5", short_header(0), 3);
  EXPECT_EQ(received(*server), (std::map<std::string, int>{{"10.9.0.70", 5}, {"10.9.0.5", 5}}));
  EXPECT_EQ(all_counts(), (Counts{{"blocked", 8}, {"allowed", 10}, {"short", 1}}))
      << "form is looked at always";
}

TEST_F(Shaped, rates_and_rules_are_changed_while_it_runs) {
  options.settings.packets_per_second = 1;
  options.settings.packets_burst = 1;
  shape();
  send("10.9.0.66", short_header(0), 20);
  EXPECT_LE(received(*server)["10.9.0.66"], 3);
  // As another process does it.
  auto maps = ShapingMaps::open(options.pin_folder);
  ASSERT_TRUE(maps.ok()) << maps.error().message;
  auto settings = *maps->settings();
  settings.packets_per_second = 1'000'000;
  settings.packets_burst = 1000;
  ASSERT_TRUE(maps->change_settings(settings).ok());
  send("10.9.0.66", short_header(0), 20);
  // The first may still find the debt of before, which it then clears.
  EXPECT_GE(received(*server)["10.9.0.66"], 19);

  const auto prefix = *env::parse_address_prefix("10.9.0.66");
  ASSERT_TRUE(maps->set_rule({prefix, SHAPING_RULE_BLOCK}).ok());
  ASSERT_EQ(maps->rules()->size(), 1U);
  EXPECT_EQ((*maps->rules())[0].prefix, prefix);
  send("10.9.0.66", short_header(0), 20);
  EXPECT_EQ(received(*server)["10.9.0.66"], 0);
  ASSERT_TRUE(maps->forget_rule(prefix).ok());
  EXPECT_EQ(maps->forget_rule(prefix).error().code, ErrorCode::not_found);
  EXPECT_TRUE(maps->rules()->empty());
  send("10.9.0.66", short_header(0), 20);
  EXPECT_EQ(received(*server)["10.9.0.66"], 20);
}

TEST_F(Shaped, what_leaves_is_held_to_each_clients_rate) {
  options.settings.client_bytes_per_second = 1000;
  options.settings.client_bytes_burst = 10 * (20 + 8 + 972);
  shape();
  auto far = hosts.on_peer([&] { return bound(TwoHosts::kPeer4, 5000); });
  auto near = hosts.on_peer([&] { return bound(TwoHosts::kPeer4, 5001); });
  const TimeNs begun = clock.now();
  const auto put = [&](env::DatagramSocket& from, env::DatagramSocket& to) {
    from.batch().space();
    from.batch().commit(to.local(), 972);
    from.batch().flush();
  };
  for (int i = 0; i < 50; ++i) put(*server, *far);
  for (int i = 0; i < 5; ++i) put(*server, *near);
  // Who is not our server is not held to anything.
  for (int i = 0; i < 30; ++i) put(*other, *near);
  const int more = static_cast<int>(static_cast<double>(clock.now() - begun) / 1e9) + 1;
  int there = 0;
  for (const auto& [source, packets] : received(*far)) there += packets;
  EXPECT_GE(there, 10);
  EXPECT_LE(there, 10 + more);
  EXPECT_EQ(received(*near)[TwoHosts::kNode4], 35);
  EXPECT_EQ(count(SHAPING_POLICED), 50U - static_cast<u64>(there));
  EXPECT_EQ(count(SHAPING_SENT), 5U + static_cast<u64>(there));
}

TEST_F(Shaped, both_modes_drop_and_the_end_of_it_leaves_nothing) {
  for (const XdpMode mode : {XdpMode::generic, XdpMode::native, XdpMode::automatic}) {
    options.mode = mode;
    shape();
    EXPECT_EQ(shaping->attached()[0], mode == XdpMode::generic ? "node0 (generic)" : "node0 (native)");
    send("203.0.113.5", short_header(0, 5), 3);
    EXPECT_EQ(count(SHAPING_SHORT), 3U);
    EXPECT_TRUE(drumline::testing::run_command("ip link show dev node0 | grep -q xdp"));
    EXPECT_TRUE(drumline::testing::run_command("tc filter show dev node0 egress | grep -q police"));
    shaping.reset();
    EXPECT_FALSE(drumline::testing::run_command("ip link show dev node0 | grep -q xdp"));
    EXPECT_FALSE(drumline::testing::run_command("tc filter show dev node0 egress | grep -q police"));
    EXPECT_FALSE(drumline::testing::run_command("test -e " + options.pin_folder));
    EXPECT_EQ(ShapingMaps::open(options.pin_folder).error().code, ErrorCode::not_found);
  }
}

TEST_F(Shaped, two_capabilities_are_enough_and_without_them_it_says_so) {
  std::vector<int> rest;
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (capability != CAP_BPF && capability != CAP_NET_ADMIN) rest.push_back(capability);
  }
  {
    const drumline::testing::WithoutCapabilities without(rest);
    shape();
    shaping.reset();
  }
  const drumline::testing::WithoutCapabilities without({CAP_BPF, CAP_SYS_ADMIN});
  const auto started = Shaping::start(options);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::permission);
  EXPECT_NE(started.error().message.find("give it CAP_BPF and CAP_NET_ADMIN"), std::string::npos)
      << started.error().message;
  EXPECT_FALSE(drumline::testing::run_command("test -e " + options.pin_folder));
}

TEST_F(Shaped, what_is_in_the_way_is_named) {
  const auto refusal = [&] {
    const auto started = Shaping::start(options);
    return started ? std::string("it started") : started.error().message;
  };
  options.interfaces = {"node0", "eth77"};
  EXPECT_NE(refusal().find("\"eth77\", and this machine has no such network interface"), std::string::npos);
  options.interfaces = {"node0"};
  options.pin_folder = "/tmp/drumline-test";
  EXPECT_NE(refusal().find("mount -t bpf bpf /tmp"), std::string::npos) << refusal();
  options.pin_folder = "/sys/fs/bpf/drumline-test";
  shape();
  EXPECT_NE(refusal().find("another node that runs has its maps in /sys/fs/bpf/drumline-test"),
            std::string::npos);
  options.pin_folder = "/sys/fs/bpf/drumline-other";
  EXPECT_NE(refusal().find("node0 has an XDP program of somebody else"), std::string::npos) << refusal();
  EXPECT_FALSE(drumline::testing::run_command("test -e /sys/fs/bpf/drumline-other"));
  send("203.0.113.5", short_header(0, 5));
  EXPECT_EQ(count(SHAPING_SHORT), 1U) << "the one that runs is not disturbed";
  EXPECT_TRUE(drumline::testing::run_command("tc filter show dev node0 egress | grep -q police"));
}

}  // namespace
}  // namespace drumline::ebpf

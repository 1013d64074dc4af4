#include "ebpf/steering.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "env/network.hpp"
#include "support/capabilities.hpp"
#include "transport/quic/connection_id.hpp"

namespace drumline::ebpf {
namespace {

constexpr std::size_t kShards = 3;

/// Sockets that share a port, and packets to it from many addresses.
class Steering : public ::testing::Test {
 protected:
  void SetUp() override {
    env::Address address = *env::parse_address("127.0.0.1:0");
    for (std::size_t i = 0; i < kShards; ++i) {
      env::Network::BindOptions options;
      options.sharing = i == 0 ? env::PortSharing::first : env::PortSharing::further;
      shards.push_back(std::move(network->bind(address, options)).value());
      address = shards.front()->local();
      descriptors.push_back(shards.back()->descriptor());
    }
  }
  Result<void> steer() { return steer_by_connection_id(descriptors); }

  /// From a port of its own.
  void send(const std::vector<u8>& packet) {
    auto client = std::move(network->bind(*env::parse_address("127.0.0.1:0"), {})).value();
    std::memcpy(client->batch().space().data(), packet.data(), packet.size());
    client->batch().commit(shards.front()->local(), packet.size());
    client->batch().flush();
  }
  /// How many packets each shard has got, of `count` sent.
  std::vector<std::size_t> received(std::size_t count) {
    std::vector<std::size_t> each(kShards);
    std::size_t all = 0;
    while (all < count) {
      std::vector<pollfd> waits;
      for (const int descriptor : descriptors) waits.push_back({descriptor, POLLIN, 0});
      if (::poll(waits.data(), waits.size(), 2000) <= 0) break;
      for (std::size_t i = 0; i < kShards; ++i) {
        const std::size_t now = shards[i]->receive().size();
        each[i] += now;
        all += now;
      }
    }
    EXPECT_EQ(all, count);
    return each;
  }
  std::vector<u8> our_id(u8 shard) {
    ngtcp2_cid id;
    transport::make_connection_id(id, shard, random);
    return {id.data, id.data + id.datalen};
  }
  static std::vector<u8> short_header(const std::vector<u8>& id) {
    std::vector<u8> packet(60, 0xAB);
    packet[0] = 0x40;
    std::copy(id.begin(), id.end(), packet.begin() + 1);
    return packet;
  }
  static std::vector<u8> long_header(const std::vector<u8>& id) {
    std::vector<u8> packet(1200, 0xAB);
    const std::array<u8, 6> head{0xC0, 0, 0, 0, 1, static_cast<u8>(id.size())};
    std::copy(id.begin(), id.end(), std::copy(head.begin(), head.end(), packet.begin()));
    return packet;
  }

  std::unique_ptr<env::Network> network = env::make_system_network();
  env::SystemRandom random;
  std::vector<std::unique_ptr<env::DatagramSocket>> shards;
  std::vector<int> descriptors;
};

// Anything but a kernel that does not permit it is a fault of ours.
#define STEER_OR_SKIP()                                          \
  if (const auto steered = steer(); !steered) {                  \
    ASSERT_TRUE(steered.error().code == ErrorCode::permission || \
                steered.error().code == ErrorCode::unavailable)  \
        << steered.error().message;                              \
    GTEST_SKIP() << steered.error().message;                     \
  }

TEST_F(Steering, a_packet_for_an_id_of_ours_goes_to_its_shard_from_whatever_address) {
  STEER_OR_SKIP();
  for (u8 shard = 0; shard < kShards; ++shard) {
    const auto id = our_id(shard);
    for (int i = 0; i < 20; ++i) {
      send(short_header(id));
      send(long_header(id));
    }
    const auto each = received(40);
    EXPECT_EQ(each[shard], 40U) << "shard " << int{shard};
  }
}

TEST_F(Steering, the_ids_that_clients_invent_are_spread_over_all_shards) {
  STEER_OR_SKIP();
  // As long as no id of ours, or naming a shard that there is not.
  const std::vector<u8> longer(18, 1);
  const auto nowhere = our_id(200);
  for (int i = 0; i < 100; ++i) {
    send(long_header(longer));
    send(long_header(nowhere));
    send(short_header(nowhere));
  }
  const auto each = received(300);
  EXPECT_GT(*std::min_element(each.begin(), each.end()), 30U) << "by the kernel's hash";
}

TEST_F(Steering, what_is_no_quic_at_all_still_arrives) {
  STEER_OR_SKIP();
  send({0x40});
  send({0xC0, 0, 0, 0, 1, 8});
  received(2);
}

TEST_F(Steering, without_the_capabilities_it_says_what_to_do_and_changes_nothing) {
  {
    const drumline::testing::WithoutCapabilities without({CAP_BPF, CAP_SYS_ADMIN, CAP_NET_ADMIN});
    const auto steered = steer();
    ASSERT_FALSE(steered.ok());
    EXPECT_EQ(steered.error().code, ErrorCode::permission);
    EXPECT_NE(steered.error().message.find("CAP_BPF and CAP_NET_ADMIN"), std::string::npos)
        << steered.error().message;
  }
  const auto id = our_id(1);
  for (int i = 0; i < 90; ++i) send(short_header(id));
  const auto each = received(90);
  EXPECT_GT(*std::min_element(each.begin(), each.end()), 5U) << "the address alone decides";
}

}  // namespace
}  // namespace drumline::ebpf

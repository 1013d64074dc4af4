// A bad network on a good machine: stands between UDP clients and a server and lets their
// packets through late, or not at all. For tests and benchmarks, over loopback.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "base/counter.hpp"
#include "env/clock.hpp"
#include "env/link.hpp"
#include "env/network.hpp"
#include "env/poller.hpp"

namespace drumline::env {

/// Each client address is a flow: it gets a socket of its own towards the server, so that
/// the server tells clients apart and an answer finds the one it is for. The fate of a
/// flow's nth packet in a direction follows from the seed, the flow's number (from 0, as
/// they first come) and n, whatever the other flows do; of what LinkConditions has, only
/// the rate looks at the clock as well.
///
/// One thread; counters may be read from any. The network and the clock outlive it. With
/// simulated ones it is a node of a simulated network.
class UdpRelay {
 public:
  struct Options {
    Address server;  ///< both on loopback: invalid_argument otherwise
    Address listen;  ///< port 0 takes a free one
    LinkConditions to_server;
    LinkConditions to_clients;
    u64 seed = 1;
    /// What comes from further addresses is dropped.
    u32 max_flows = 1024;
    /// On their way at once, for each flow and direction; more are dropped.
    u32 max_waiting_packets = 4096;
  };
  /// Of one direction. received = forwarded + lost + overflowed + waiting, less what was doubled.
  struct Counters {
    Counter received, received_bytes;
    Counter forwarded, forwarded_bytes;
    Counter lost;        ///< by the conditions
    Counter overflowed;  ///< too many on their way
    Counter refused;     ///< of a flow too many, or from somebody who is not the server
  };

  /// Errors are those of Network::bind and make_poller.
  static Result<std::unique_ptr<UdpRelay>> create(const Options& options, Network& network,
                                                  const Clock& clock);

  /// Where clients connect to instead of the server.
  Address address() const { return listener_->local(); }

  /// At the next round each flow goes on from another port, as behind a NAT that has forgotten it;
  /// what is on its way to the old one is lost. Any thread.
  void rebind() { rebind_.store(true); }

  /// One round: takes what has come, lets through what is due.
  void poll();
  /// When the next packet is due; INT64_MAX when none is on its way.
  TimeNs deadline() const { return on_the_way_.empty() ? INT64_MAX : on_the_way_.top().arrival; }
  /// Sleeps until a packet comes, one is due, or `until`.
  void wait(TimeNs until);

  std::size_t flows() const { return flows_.size(); }
  const Counters& to_server() const { return to_server_; }
  const Counters& to_clients() const { return to_clients_; }

 private:
  enum class Way : u8 { to_server, to_client };
  struct Direction {
    explicit Direction(u64 seed) : random(seed) {}
    Link link;
    SeededRandom random;
    u32 waiting = 0;
  };
  struct Flow {
    Address client;
    std::unique_ptr<DatagramSocket> socket;  ///< towards the server
    Direction to_server, to_client;
  };
  struct Waiting {
    TimeNs arrival = 0;
    u64 number = 0;  ///< two that are due at one time leave as they came
    std::size_t flow = 0;
    Way way = Way::to_server;
    u8 ecn = 0;
    std::vector<std::byte> bytes;
    bool operator>(const Waiting& other) const {
      return std::pair(arrival, number) > std::pair(other.arrival, other.number);
    }
  };

  UdpRelay(const Options& options, Network& network, const Clock& clock);

  void receive_from_clients();
  void receive_from_server(std::size_t flow);
  /// Nothing when there is no room for one more.
  Flow* flow_of(const Address& client, std::size_t& index);
  void rebind_flows();
  void take(std::size_t flow, Way way, const ReceivedPacket& packet);
  void forward(const Waiting& packet);

  const Options options_;
  Network& network_;
  const Clock& clock_;
  SeededRandom seeds_;              ///< of the flows' directions
  std::unique_ptr<Poller> poller_;  ///< none in a simulated network
  std::unique_ptr<DatagramSocket> listener_;
  std::vector<Flow> flows_;
  std::map<Address, std::size_t> flow_numbers_;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> on_the_way_;
  u64 next_number_ = 0;
  std::atomic<bool> rebind_{false};
  Counters to_server_, to_clients_;
};

/// Runs a relay on a thread of its own, until this goes. The relay outlives it.
class UdpRelayThread {
 public:
  explicit UdpRelayThread(UdpRelay& relay, const Clock& clock);
  ~UdpRelayThread();
  UdpRelayThread(const UdpRelayThread&) = delete;
  UdpRelayThread& operator=(const UdpRelayThread&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace drumline::env

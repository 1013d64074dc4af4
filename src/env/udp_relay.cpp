#include "env/udp_relay.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "env/thread.hpp"

namespace drumline::env {
namespace {

// Receive calls in a row on one socket before the others get their turn.
constexpr int kReceiveCallsInARow = 16;
// How long the thread sleeps at most before it looks whether it is to end.
constexpr i64 kStopLookNs = 20 * kMillisecondNs;
constexpr i64 kTimerSlackNs = 1;
// The poller's token of the socket that clients reach; a flow's is its number.
constexpr u64 kListener = UINT64_MAX;

Result<void> check_loopback(const Address& address, const char* what) {
  if (address.is_loopback()) return {};
  return Error{ErrorCode::invalid_argument, std::string("the relay's ") + what + " address " +
                                                address.to_string() +
                                                " is not on this machine; use 127.0.0.1 or [::1]"};
}

}  // namespace

UdpRelay::UdpRelay(const Options& options, Network& network, const Clock& clock)
    : options_(options), network_(network), clock_(clock), seeds_(options.seed) {}

Result<std::unique_ptr<UdpRelay>> UdpRelay::create(const Options& options, Network& network,
                                                   const Clock& clock) {
  if (auto good = check_loopback(options.server, "server"); !good) return std::move(good).error();
  if (auto good = check_loopback(options.listen, "listening"); !good) return std::move(good).error();
  std::unique_ptr<UdpRelay> relay(new UdpRelay(options, network, clock));
  auto listener = network.bind(options.listen, {});
  if (!listener) return std::move(listener).error().within("a relay's socket");
  relay->listener_ = std::move(*listener);
  if (const int descriptor = relay->listener_->descriptor(); descriptor >= 0) {
    // The listener, each flow, and one more while a flow gets another port.
    auto poller = make_poller(default_poller_kind(), options.max_flows + 2);
    if (!poller) return std::move(poller).error().within("a relay");
    relay->poller_ = std::move(*poller);
    if (auto watched = relay->poller_->watch(descriptor, Interest::read, kListener); !watched)
      return std::move(watched).error();
  }
  return relay;
}

UdpRelay::Flow* UdpRelay::flow_of(const Address& client, std::size_t& index) {
  if (const auto known = flow_numbers_.find(client); known != flow_numbers_.end()) {
    index = known->second;
    return &flows_[index];
  }
  if (flows_.size() >= options_.max_flows) return nullptr;
  Address any = options_.server;
  any.port = 0;
  auto socket = network_.bind(any, {});
  if (!socket) return nullptr;
  index = flows_.size();
  if (poller_ && !poller_->watch((*socket)->descriptor(), Interest::read, index)) return nullptr;
  flow_numbers_.emplace(client, index);
  const u64 up = seeds_.next_u64();
  return &flows_.emplace_back(Flow{client, std::move(*socket), Direction(up), Direction(seeds_.next_u64())});
}

void UdpRelay::take(std::size_t flow, Way way, const ReceivedPacket& packet) {
  const bool up = way == Way::to_server;
  Counters& counters = up ? to_server_ : to_clients_;
  Direction& direction = up ? flows_[flow].to_server : flows_[flow].to_client;
  counters.received.add();
  counters.received_bytes.add(packet.bytes.size());
  const Link::Passage passage =
      direction.link.send(up ? options_.to_server : options_.to_clients, packet.bytes.size(), packet.ecn,
                          clock_.now(), direction.random);
  if (passage.copies == 0) counters.lost.add();
  for (u32 copy = 0; copy < passage.copies; ++copy) {
    if (direction.waiting == options_.max_waiting_packets) {
      counters.overflowed.add();
      continue;
    }
    ++direction.waiting;
    on_the_way_.push({passage.arrivals[copy], next_number_++, flow, way, passage.ecn,
                      std::vector<std::byte>(packet.bytes.begin(), packet.bytes.end())});
  }
}

void UdpRelay::forward(const Waiting& packet) {
  const bool up = packet.way == Way::to_server;
  Flow& flow = flows_[packet.flow];
  Counters& counters = up ? to_server_ : to_clients_;
  --(up ? flow.to_server : flow.to_client).waiting;
  PacketBatch& batch = up ? flow.socket->batch() : listener_->batch();
  std::memcpy(batch.space().data(), packet.bytes.data(), packet.bytes.size());
  batch.commit(up ? options_.server : flow.client, packet.bytes.size(), packet.ecn, packet.flow);
  counters.forwarded.add();
  counters.forwarded_bytes.add(packet.bytes.size());
}

void UdpRelay::rebind_flows() {
  Address any = options_.server;
  any.port = 0;
  for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
    // Bound before the old one goes, so that it cannot be the same port.
    auto socket = network_.bind(any, {});
    if (!socket) continue;
    if (poller_) {
      if (!poller_->watch((*socket)->descriptor(), Interest::read, flow)) continue;
      poller_->unwatch(flows_[flow].socket->descriptor());
    }
    flows_[flow].socket = std::move(*socket);
  }
}

void UdpRelay::receive_from_clients() {
  for (int i = 0; i < kReceiveCallsInARow; ++i) {
    const auto packets = listener_->receive();
    if (packets.empty()) break;
    for (const ReceivedPacket& packet : packets) {
      std::size_t flow = 0;
      if (flow_of(packet.from, flow) != nullptr) {
        take(flow, Way::to_server, packet);
      } else {
        to_server_.refused.add();
      }
    }
  }
}

void UdpRelay::receive_from_server(std::size_t flow) {
  for (int i = 0; i < kReceiveCallsInARow; ++i) {
    const auto packets = flows_[flow].socket->receive();
    if (packets.empty()) break;
    for (const ReceivedPacket& packet : packets) {
      if (packet.from == options_.server) {
        take(flow, Way::to_client, packet);
      } else {
        to_clients_.refused.add();
      }
    }
  }
}

void UdpRelay::poll() {
  if (rebind_.exchange(false)) rebind_flows();
  if (poller_) {
    for (const Ready& ready : poller_->wait(0)) {
      if (ready.token == kListener) {
        receive_from_clients();
      } else {
        receive_from_server(ready.token);
      }
    }
  } else {
    receive_from_clients();
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) receive_from_server(flow);
  }
  const TimeNs now = clock_.now();
  while (!on_the_way_.empty() && on_the_way_.top().arrival <= now) {
    forward(on_the_way_.top());
    on_the_way_.pop();
  }
  listener_->batch().flush();
  for (const Flow& flow : flows_) flow.socket->batch().flush();
}

void UdpRelay::wait(TimeNs until) {
  const TimeNs wake = std::min(until, deadline());
  if (poller_ && wake > clock_.now()) poller_->wait(wake);
}

UdpRelayThread::UdpRelayThread(UdpRelay& relay, const Clock& clock)
    : thread_([this, &relay, &clock] {
        set_thread_name("relay");
        set_timer_slack(kTimerSlackNs);
        while (!stop_.load(std::memory_order_relaxed)) {
          relay.poll();
          relay.wait(clock.now() + kStopLookNs);
        }
      }) {}

UdpRelayThread::~UdpRelayThread() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace drumline::env

#include "env/simulated_network.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "env/random.hpp"

namespace drumline::env {

namespace {

constexpr std::size_t kBatch = 64;

struct Packet {
  Address from;
  std::vector<std::byte> bytes;
  u8 ecn = 0;
};

}  // namespace

// Shared: a socket may outlive the network that made it.
struct SimulatedNetwork::State {
  using Ends = std::pair<Address, Address>;

  State(const Clock& given_clock, u64 seed) : clock(given_clock), random(seed) {}

  const Clock& clock;
  SeededRandom random;
  Conditions conditions;
  std::map<Ends, Conditions> link_conditions;
  std::map<Ends, Link> links;
  std::set<Ends> cuts;
  std::map<Address, Address> outside_of;  // a rebound socket's address as others see it
  std::map<Address, Address> inside_of;
  std::multimap<Address, Socket*> sockets;
  u16 next_port = 49'152;
  Totals totals;
  // Two packets due at one time arrive in the order in which they were sent.
  std::map<std::pair<TimeNs, u64>, std::pair<Address, Packet>> on_the_way;
  u64 next_number = 0;

  void send(const Address& socket, const Address& to, Bytes bytes, u8 ecn);
  void deliver_due();
  Socket* receiver(const Packet& packet, const Address& to) const;
};

class SimulatedNetwork::Socket final : public DatagramSocket, private PacketBatch {
 public:
  Socket(std::shared_ptr<State> state, const Address& local, const BindOptions& options)
      : state_(std::move(state)),
        local_(local),
        sharing_(options.sharing),
        room_bytes_(static_cast<std::size_t>(std::max(options.receive_buffer_bytes, 0))) {
    state_->sockets.emplace(local_, this);
  }
  ~Socket() override {
    auto [first, last] = state_->sockets.equal_range(local_);
    state_->sockets.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == this; }));
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Address local() const override { return local_; }
  PacketBatch& batch() override { return *this; }
  int descriptor() const override { return -1; }
  const SocketCounters& counters() const override { return counters_; }
  PortSharing sharing() const { return sharing_; }

  std::span<const ReceivedPacket> receive() override {
    state_->deliver_due();
    ++counters_.receive_calls;
    given_.clear();
    views_.clear();
    while (!waiting_.empty() && given_.size() < kBatch) {
      waiting_bytes_ -= waiting_.front().bytes.size();
      given_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    for (const Packet& packet : given_) {
      ++counters_.packets_received;
      counters_.bytes_received += packet.bytes.size();
      views_.push_back({packet.from, packet.bytes, packet.ecn});
    }
    return views_;
  }

  /// False when the buffer is full.
  bool take(Packet packet) {
    if (waiting_bytes_ + packet.bytes.size() > room_bytes_) return false;
    waiting_bytes_ += packet.bytes.size();
    waiting_.push_back(std::move(packet));
    return true;
  }

 private:
  MutableBytes space() override {
    if (collected_.size() == kBatch) flush();
    return room_;
  }
  void commit(const Address& to, std::size_t size, u8 ecn, u64 /*flow*/) override {
    DRUM_ASSERT(size <= kMaxPacketBytes);
    collected_.emplace_back(
        to, Packet{local_, {room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(size)}, ecn});
  }
  void flush() override {
    if (collected_.empty()) return;
    ++counters_.send_calls;
    for (const auto& [to, packet] : collected_) {
      ++counters_.packets_sent;
      counters_.bytes_sent += packet.bytes.size();
      state_->send(local_, to, packet.bytes, packet.ecn);
    }
    collected_.clear();
  }

  const std::shared_ptr<State> state_;
  const Address local_;
  const PortSharing sharing_;
  const std::size_t room_bytes_;
  SocketCounters counters_;
  std::size_t waiting_bytes_ = 0;
  std::deque<Packet> waiting_;
  std::vector<Packet> given_;
  std::vector<ReceivedPacket> views_;
  std::array<std::byte, kMaxPacketBytes> room_{};
  std::vector<std::pair<Address, Packet>> collected_;
};

void SimulatedNetwork::State::send(const Address& socket, const Address& to, Bytes bytes, u8 ecn) {
  ++totals.sent;
  const auto outside = outside_of.find(socket);
  const Address from = outside == outside_of.end() ? socket : outside->second;
  const Ends ends{from, to};
  const auto special = link_conditions.find(ends);
  const Conditions& here = special == link_conditions.end() ? conditions : special->second;
  Link::Passage passage;
  if (!cuts.contains(ends)) passage = links[ends].send(here, bytes.size(), ecn, clock.now(), random);
  if (passage.copies == 0) ++totals.lost;
  if (passage.copies == 2) ++totals.duplicated;
  for (u32 copy = 0; copy < passage.copies; ++copy) {
    on_the_way.emplace(std::pair{passage.arrivals[copy], next_number++},
                       std::pair{to, Packet{from, {bytes.begin(), bytes.end()}, passage.ecn}});
  }
}

SimulatedNetwork::Socket* SimulatedNetwork::State::receiver(const Packet& packet, const Address& to) const {
  // Whoever moved is no longer where he was.
  if (outside_of.contains(to)) return nullptr;
  const auto inside = inside_of.find(to);
  const auto [first, last] = sockets.equal_range(inside == inside_of.end() ? to : inside->second);
  const auto count = static_cast<u64>(std::distance(first, last));
  if (count == 0) return nullptr;
  u64 hash = packet.from.port;
  for (const u8 byte : packet.from.ip) hash = (hash ^ byte) * 0x100'0000'01B3ULL;  // FNV-1a
  return std::next(first, static_cast<std::ptrdiff_t>((hash >> 32) % count))->second;
}

void SimulatedNetwork::State::deliver_due() {
  const TimeNs now = clock.now();
  while (!on_the_way.empty() && on_the_way.begin()->first.first <= now) {
    auto [to, packet] = std::move(on_the_way.begin()->second);
    on_the_way.erase(on_the_way.begin());
    Socket* const socket = receiver(packet, to);
    const u64 bytes = packet.bytes.size();
    if (socket == nullptr) {
      ++totals.unreachable;
    } else if (socket->take(std::move(packet))) {
      ++totals.delivered;
      totals.largest = std::max(totals.largest, bytes);
    } else {
      ++totals.overflowed;
    }
  }
}

SimulatedNetwork::SimulatedNetwork(const Clock& clock, u64 seed)
    : state_(std::make_shared<State>(clock, seed)) {}
SimulatedNetwork::~SimulatedNetwork() = default;

Result<std::unique_ptr<DatagramSocket>> SimulatedNetwork::bind(const Address& local,
                                                               const BindOptions& options) {
  Address address = local;
  if (address.port == 0) {
    do {
      if (state_->next_port == 0)
        return Error{ErrorCode::unavailable, "the simulated network has no free port left"};
      address.port = state_->next_port++;
    } while (state_->sockets.contains(address));
  }
  const auto [first, last] = state_->sockets.equal_range(address);
  for (auto it = first; it != last; ++it) {
    if (options.sharing != PortSharing::further || it->second->sharing() == PortSharing::none) {
      return Error{ErrorCode::unavailable, "cannot bind UDP " + address.to_string() + ": the port is in use"};
    }
  }
  return std::unique_ptr<DatagramSocket>(std::make_unique<Socket>(state_, address, options));
}

void SimulatedNetwork::set_conditions(const Conditions& conditions) {
  state_->conditions = conditions;
}

void SimulatedNetwork::set_conditions(const Address& from, const Address& to, const Conditions& conditions) {
  state_->link_conditions[{from, to}] = conditions;
}

void SimulatedNetwork::cut(const Address& one, const Address& other) {
  state_->cuts.insert({one, other});
  state_->cuts.insert({other, one});
}

void SimulatedNetwork::heal(const Address& one, const Address& other) {
  state_->cuts.erase({one, other});
  state_->cuts.erase({other, one});
}

void SimulatedNetwork::rebind(const Address& from, const Address& to) {
  // `from` may itself be an address that an earlier rebind gave.
  const auto known = state_->inside_of.find(from);
  const Address inside = known == state_->inside_of.end() ? from : known->second;
  if (known != state_->inside_of.end()) state_->inside_of.erase(known);
  if (inside == to) {  // back home
    state_->outside_of.erase(inside);
    return;
  }
  state_->outside_of[inside] = to;
  state_->inside_of[to] = inside;
}

std::optional<TimeNs> SimulatedNetwork::next_arrival() const {
  if (state_->on_the_way.empty()) return std::nullopt;
  return state_->on_the_way.begin()->first.first;
}

const SimulatedNetwork::Totals& SimulatedNetwork::totals() const {
  return state_->totals;
}

}  // namespace drumline::env

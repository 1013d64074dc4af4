// A network in one process: packets that are lost, late, doubled and out of
// order, the same ones for the same seed.
#pragma once

#include <memory>
#include <optional>

#include "env/clock.hpp"
#include "env/link.hpp"
#include "env/network.hpp"

namespace drumline::env {

/// Sockets of one simulated network reach each other by their addresses. A
/// packet arrives when the clock says so: receive() gives what is due. Nothing
/// happens by itself, so a test moves the clock to next_arrival() and asks the
/// sockets again. One thread.
class SimulatedNetwork final : public Network {
 public:
  using Conditions = LinkConditions;
  struct Totals {
    u64 sent = 0;
    u64 delivered = 0;
    u64 lost = 0;  ///< by `loss`, a cut or a full link
    u64 duplicated = 0;
    u64 unreachable = 0;  ///< nobody is bound there
    u64 overflowed = 0;   ///< the receiver's buffer was full
    u64 largest = 0;      ///< of those delivered, bytes of payload
  };

  /// `clock` outlives the network and its sockets; the sockets may outlive the network.
  SimulatedNetwork(const Clock& clock, u64 seed);
  ~SimulatedNetwork() override;

  /// receive_buffer_bytes bounds what waits at a socket, as it does for a real
  /// one; on a shared port packets are spread by a hash of the sender.
  Result<std::unique_ptr<DatagramSocket>> bind(const Address& local, const BindOptions& options) override;

  /// For all packets sent from now on.
  void set_conditions(const Conditions& conditions);
  /// For one direction between two addresses, instead of the general ones.
  void set_conditions(const Address& from, const Address& to, const Conditions& conditions);
  /// Nothing passes between the two, either way, until heal().
  void cut(const Address& one, const Address& other);
  void heal(const Address& one, const Address& other);
  /// From now on packets that carry `from` as their source come from `to`, and
  /// packets for `to` reach whom `from` was: a NAT that gave a peer a new address.
  void rebind(const Address& from, const Address& to);

  /// When the next packet arrives anywhere; none when none is on its way.
  std::optional<TimeNs> next_arrival() const;
  const Totals& totals() const;

 private:
  class Socket;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace drumline::env

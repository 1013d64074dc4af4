// Datagrams, borrowed from the world: UDP sockets here, a simulated network in
// tests. Batched both ways: one system call moves up to a batch of packets.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::env {

/// An IP address and port. IPv4 is held as an IPv4-mapped IPv6 address.
struct Address {
  std::array<u8, 16> ip{};
  u16 port = 0;

  friend auto operator<=>(const Address&, const Address&) = default;
  bool is_v4() const;
  bool is_loopback() const;
  /// "127.0.0.1:7777", "[::1]:7777".
  std::string to_string() const;
};

/// Parses "127.0.0.1:7777", "[::1]:7777", "localhost:7777" (numeric otherwise: no
/// name look-ups on the server's path).
Result<Address> parse_address(const std::string& text);

/// Largest UDP payload that we receive or send, bytes.
inline constexpr std::size_t kMaxPacketBytes = 1500;

/// One received packet, valid until the next receive() on the same socket.
struct ReceivedPacket {
  Address from;
  Bytes bytes;
  u8 ecn = 0;  ///< the two ECN bits (RFC 3168)
};

/// Collects packets for one system call. The caller fills `space()` and commits.
/// All memory is allocated at construction. One thread.
class PacketBatch {
 public:
  virtual ~PacketBatch() = default;
  /// kMaxPacketBytes of room for the next packet. When the batch is full it is
  /// sent first, so this always succeeds.
  virtual MutableBytes space() = 0;
  /// The room just handed out holds a packet of `size` bytes for `to`. Packets of
  /// one flow that are committed in a row stay in order.
  virtual void commit(const Address& to, std::size_t size, u8 ecn = 0, u64 flow = 0) = 0;
  /// Sends what is collected. A packet that the kernel does not take (full
  /// buffer, unreachable peer) is dropped and counted: datagrams may be lost.
  virtual void flush() = 0;
};

struct SocketCounters {
  u64 packets_received = 0;
  u64 bytes_received = 0;
  u64 packets_sent = 0;
  u64 messages_sent = 0;  ///< to the kernel: packets, or trains of them
  u64 bytes_sent = 0;
  u64 send_dropped = 0;
  u64 send_calls = 0;
  u64 receive_calls = 0;
};

/// A bound UDP socket, non-blocking. One thread.
class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  virtual Address local() const = 0;
  /// Up to one batch (64, or 2,048 when coalesced) of waiting packets; empty when none waits.
  virtual std::span<const ReceivedPacket> receive() = 0;
  virtual PacketBatch& batch() = 0;
  /// For the event loop; -1 for a simulated socket.
  virtual int descriptor() const = 0;
  virtual const SocketCounters& counters() const = 0;
};

/// Whether several sockets have a port together (SO_REUSEPORT), as those of gateway threads do; the
/// kernel then spreads who comes over them. Nobody gets into a port that another process has.
enum class PortSharing : u8 {
  none,
  first,   ///< the port must be free; those that come as `further` may join
  further  ///< joins the port that another socket of this process was bound to as `first`
};

class Network {
 public:
  virtual ~Network() = default;
  struct BindOptions {
    PortSharing sharing = PortSharing::none;
    /// Much comes from few peers: the kernel may hand over a peer's packets joined,
    /// which costs less a packet and a megabyte of memory.
    bool coalesce = false;
    int receive_buffer_bytes = 4 << 20;
    int send_buffer_bytes = 4 << 20;
  };
  /// Port 0 takes a free one. A port in use is ErrorCode::unavailable and says so.
  virtual Result<std::unique_ptr<DatagramSocket>> bind(const Address& local, const BindOptions& options) = 0;
};

/// UDP sockets with recvmmsg and sendmmsg. Packets of one size that a batch holds
/// for one peer go out together.
std::unique_ptr<Network> make_system_network();

}  // namespace drumline::env

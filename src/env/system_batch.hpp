// Packets on their way into the kernel: one sendmmsg for a batch, and one message
// for all packets of a batch that go to one peer and are of one size (UDP
// segmentation offload, udp(7) UDP_SEGMENT): the kernel then takes its path once.
#pragma once

#include <array>

#include <sys/socket.h>

#include "env/network.hpp"

namespace drumline::env {

class SystemBatch final : public PacketBatch {
 public:
  /// `descriptor`: a UDP socket of `family` that outlives the batch, as does `counters`.
  SystemBatch(int descriptor, int family, SocketCounters& counters);

  MutableBytes space() override;
  void commit(const Address& to, std::size_t size, u8 ecn, u64 flow) override;
  void flush() override;

 private:
  static constexpr std::size_t kPackets = 256;
  static constexpr std::size_t kOpenTrains = 512;

  /// Packets that go out as one message.
  struct Train {
    Address to;
    u32 packets = 0;
    u32 packet_bytes = 0;
    u8 ecn = 0;
  };
  /// Room for two control messages with one number each: ECN bits and segment size.
  struct alignas(cmsghdr) Control {
    std::array<std::byte, 2 * CMSG_SPACE(sizeof(int))> bytes;
  };

  std::size_t train_for(const Address& to, u32 bytes, u8 ecn, u64 flow);
  void send_trains(std::size_t trains);
  void send_one_by_one(std::size_t train);
  void set_control(msghdr& header, Control& space, const Train& train) const;

  const int descriptor_;
  const int family_;
  SocketCounters& counters_;
  bool segmentation_ = true;  ///< the kernel takes trains on this socket
  std::size_t packet_count_ = 0;
  std::size_t train_count_ = 0;
  u64 last_flow_ = 0;
  std::size_t last_train_ = 0;
  std::array<Train, kPackets> trains_;
  /// The train that a packet may join, by a hash of peer and size; of another one, or of a
  /// batch before, it does not fit.
  std::array<u16, kOpenTrains> open_trains_{};
  std::array<u32, kPackets> train_of_{};  // by packet
  std::array<u32, kPackets> packet_bytes_{};
  std::array<mmsghdr, kPackets> messages_{};  // by train
  std::array<iovec, kPackets> parts_{};       // the packets in the order of the trains
  std::array<sockaddr_storage, kPackets> peers_{};
  std::array<Control, kPackets> controls_{};
  std::array<std::array<std::byte, kMaxPacketBytes>, kPackets> packets_;
};

}  // namespace drumline::env

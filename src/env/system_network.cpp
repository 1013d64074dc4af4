#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/kernel_address.hpp"
#include "env/network.hpp"
#include "env/phase_clock.hpp"
#include "env/system_batch.hpp"

namespace drumline::env {

namespace {

/// Messages that one call receives: single packets, or trains of them (udp(7), UDP_GRO).
constexpr std::size_t kSingles = 64;
constexpr std::size_t kTrains = 16;
constexpr std::size_t kTrainBytes = 65'535;
constexpr std::size_t kTrainPackets = 128;
/// Room for two control messages of one int each: ECN bits, segment size.
constexpr std::size_t kControlBytes = 2 * CMSG_SPACE(sizeof(int));

/// What the kernel says of a message beside its bytes.
struct Remarks {
  u8 ecn = 0;
  std::size_t segment_bytes = 0;  ///< 0: it is one packet
};

Remarks remarks_of(msghdr& header) {
  Remarks remarks;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    const bool v4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS;
    const bool v6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS;
    // One byte for IPv4, an int for IPv6; little-endian, so the first byte holds it either way.
    if (v4 || v6) remarks.ecn = static_cast<u8>(*CMSG_DATA(control) & 3);
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      int bytes = 0;
      std::memcpy(&bytes, CMSG_DATA(control), sizeof bytes);
      remarks.segment_bytes = static_cast<std::size_t>(std::max(bytes, 0));
    }
  }
  return remarks;
}

class SystemSocket final : public DatagramSocket {
 public:
  SystemSocket(int descriptor, int family, const Address& local, bool coalesced)
      : descriptor_(descriptor),
        local_(local),
        batch_(descriptor, family, counters_),
        room_bytes_(coalesced ? kTrainBytes : kMaxPacketBytes),
        messages_(coalesced ? kTrains : kSingles),
        received_(coalesced ? kTrains * kTrainPackets : kSingles),
        parts_(messages_.size()),
        peers_(messages_.size()),
        controls_(messages_.size()),
        buffers_(std::make_unique_for_overwrite<std::byte[]>(messages_.size() * room_bytes_)) {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      parts_[i] = {buffers_.get() + i * room_bytes_, room_bytes_};
      msghdr& header = messages_[i].msg_hdr;
      header.msg_iov = &parts_[i];
      header.msg_iovlen = 1;
      header.msg_name = &peers_[i];
      header.msg_control = &controls_[i];
    }
  }
  ~SystemSocket() override { ::close(descriptor_); }
  SystemSocket(const SystemSocket&) = delete;
  SystemSocket& operator=(const SystemSocket&) = delete;

  Address local() const override { return local_; }

  std::span<const ReceivedPacket> receive() override {
    for (mmsghdr& message : messages_) {
      message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      message.msg_hdr.msg_controllen = kControlBytes;
    }
    const PhaseScope phase(Phase::kernel_receive);
    int count = 0;
    do {
      count = ::recvmmsg(descriptor_, messages_.data(), static_cast<unsigned>(messages_.size()), MSG_DONTWAIT,
                         nullptr);
      ++counters_.receive_calls;
    } while (count < 0 && errno == EINTR);
    kept_ = 0;
    for (int i = 0; i < count; ++i) take(static_cast<std::size_t>(i));
    return {received_.data(), kept_};
  }

  PacketBatch& batch() override { return batch_; }
  int descriptor() const override { return descriptor_; }
  const SocketCounters& counters() const override { return counters_; }

 private:
  struct alignas(cmsghdr) Control {
    std::array<std::byte, kControlBytes> bytes;
  };

  void take(std::size_t i) {
    mmsghdr& message = messages_[i];
    counters_.bytes_received += message.msg_len;
    const Remarks remarks = remarks_of(message.msg_hdr);
    const std::size_t packet_bytes = remarks.segment_bytes != 0 ? remarks.segment_bytes : message.msg_len;
    const Address from = from_kernel(peers_[i]);
    Bytes left(buffers_.get() + i * room_bytes_, message.msg_len);
    do {
      const Bytes packet = left.first(std::min(packet_bytes, left.size()));
      left = left.subspan(packet.size());
      ++counters_.packets_received;
      // Longer than any packet that a peer of ours sends: what is left of it is of no use.
      const bool cut = left.empty() && (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
      if (cut || packet.size() > kMaxPacketBytes || kept_ == received_.size()) continue;
      received_[kept_++] = {from, packet, remarks.ecn};
    } while (!left.empty());
  }

  const int descriptor_;
  const Address local_;
  SocketCounters counters_;
  SystemBatch batch_;
  const std::size_t room_bytes_;  // of a message
  std::size_t kept_ = 0;
  std::vector<mmsghdr> messages_;
  std::vector<ReceivedPacket> received_;
  std::vector<iovec> parts_;
  std::vector<sockaddr_storage> peers_;
  std::vector<Control> controls_;
  std::unique_ptr<std::byte[]> buffers_;
};

void set_option(int descriptor, int level, int name, int value) {
  // What these set helps and is not needed: a kernel that refuses is lived with.
  static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof value));
}

/// The forced form is not held to net.core.?mem_max, and needs CAP_NET_ADMIN.
void set_buffer(int descriptor, int forced, int plain, int bytes) {
  if (::setsockopt(descriptor, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    set_option(descriptor, SOL_SOCKET, plain, bytes);
  }
}

class SystemNetwork final : public Network {
 public:
  Result<std::unique_ptr<DatagramSocket>> bind(const Address& local, const BindOptions& options) override {
    const auto failed = [&](const char* doing, int number) {
      const ErrorCode code = number == EADDRINUSE || number == EMFILE || number == ENFILE
                                 ? ErrorCode::unavailable
                             : number == EACCES || number == EPERM               ? ErrorCode::permission
                             : number == EADDRNOTAVAIL || number == EAFNOSUPPORT ? ErrorCode::invalid_argument
                                                                                 : ErrorCode::io;
      std::string why = std::error_code(number, std::system_category()).message();
      if (number == EADDRINUSE) why = "the port is in use by another socket; choose another or end its owner";
      if (number == EADDRNOTAVAIL) why = "this machine has no such address";
      return Error{code, std::string("cannot ") + doing + " UDP " + local.to_string() + ": " + why};
    };

    const int family = local.is_v4() ? AF_INET : AF_INET6;
    const int descriptor = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return failed("open", errno);
    const auto refused = [&](const char* doing) {
      const int number = errno;
      ::close(descriptor);
      return failed(doing, number);
    };

    const auto share = [&] {
      const int on = 1;
      return ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
    };
    if (options.sharing == PortSharing::further && !share()) return refused("share");
    set_buffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer_bytes);
    set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer_bytes);
    // QUIC forbids fragments (RFC 9000, 14); "probe" sets DF and does not let a
    // forged ICMP message shrink what we send.
    set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    set_option(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
    if (options.coalesce) set_option(descriptor, SOL_UDP, UDP_GRO, 1);
    if (family == AF_INET6) {
      set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
      set_option(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    }

    sockaddr_storage address{};
    socklen_t length = to_kernel(local, family, address);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length) != 0) return refused("bind");
    // Only now, so that the port was nobody's: not even of another node of this user, who could share it.
    if (options.sharing == PortSharing::first && !share()) return refused("share");
    length = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      return refused("bind");
    return std::unique_ptr<DatagramSocket>(
        std::make_unique<SystemSocket>(descriptor, family, from_kernel(address), options.coalesce));
  }
};

}  // namespace

std::unique_ptr<Network> make_system_network() {
  return std::make_unique<SystemNetwork>();
}

}  // namespace drumline::env

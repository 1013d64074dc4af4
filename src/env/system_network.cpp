#include <cerrno>
#include <cstring>
#include <system_error>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/network.hpp"

namespace drumline::env {

namespace {

constexpr std::size_t kBatch = 64;
/// How long a flush waits, once, for room in a full send buffer.
constexpr timespec kSendPatience{0, 100'000};
/// Room for one control message with one int: the ECN bits.
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int));

/// `address` as the kernel wants it for a socket of this family; 0 when it cannot be reached from one.
socklen_t to_kernel(const Address& address, int family, sockaddr_storage& out) {
  if (family == AF_INET) {
    if (!address.is_v4()) return 0;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.data() + 12, 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  std::memcpy(&v6.sin6_addr, address.ip.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

Address from_kernel(const sockaddr_storage& from) {
  Address address;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    address.ip[10] = address.ip[11] = 0xFF;
    std::memcpy(address.ip.data() + 12, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    std::memcpy(address.ip.data(), &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
  }
  return address;
}

u8 ecn_of(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    const bool v4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS;
    const bool v6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS;
    // One byte for IPv4, an int for IPv6; little-endian, so the first byte holds it either way.
    if (v4 || v6) return static_cast<u8>(*CMSG_DATA(control) & 3);
  }
  return 0;
}

/// Where a packet goes out: sendmmsg over memory laid out once.
class SystemBatch final : public PacketBatch {
 public:
  SystemBatch(int descriptor, int family, SocketCounters& counters)
      : descriptor_(descriptor), family_(family), counters_(counters) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i].iov_base = packets_[i].data();
      msghdr& header = messages_[i].msg_hdr;
      header.msg_iov = &parts_[i];
      header.msg_iovlen = 1;
      header.msg_name = &peers_[i];
    }
  }

  MutableBytes space() override {
    if (count_ == kBatch) flush();
    return packets_[count_];
  }

  void commit(const Address& to, std::size_t size, u8 ecn) override {
    DRUM_ASSERT(count_ < kBatch && size <= kMaxPacketBytes);
    msghdr& header = messages_[count_].msg_hdr;
    header.msg_namelen = to_kernel(to, family_, peers_[count_]);
    if (header.msg_namelen == 0) {  // an IPv6 peer from an IPv4 socket
      ++counters_.send_dropped;
      return;
    }
    parts_[count_].iov_len = size;
    set_ecn(header, controls_[count_], to, ecn);
    ++count_;
  }

  void flush() override {
    bool waited = false;
    std::size_t sent = 0;
    while (sent < count_) {
      const int done =
          ::sendmmsg(descriptor_, messages_.data() + sent, static_cast<unsigned>(count_ - sent), 0);
      ++counters_.send_calls;
      if (done > 0) {
        for (int i = 0; i < done; ++i) counters_.bytes_sent += parts_[sent++].iov_len;
        counters_.packets_sent += static_cast<u64>(done);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) {
        if (!waited) {
          waited = true;
          pollfd room{descriptor_, POLLOUT, 0};
          ::ppoll(&room, 1, &kSendPatience, nullptr);
          continue;
        }
        counters_.send_dropped += count_ - sent;
        break;
      }
      // The first of them is one that this kernel will not send (unreachable,
      // forbidden, too big for the path): the others may be fine.
      ++counters_.send_dropped;
      ++sent;
    }
    count_ = 0;
  }

 private:
  struct alignas(cmsghdr) Control {
    std::array<std::byte, kControlBytes> bytes;
  };

  void set_ecn(msghdr& header, Control& space, const Address& to, u8 ecn) const {
    if ((ecn & 3) == 0) {
      header.msg_control = nullptr;
      header.msg_controllen = 0;
      return;
    }
    header.msg_control = &space;
    header.msg_controllen = sizeof space.bytes;
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    const bool v4 = to.is_v4();
    control->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    control->cmsg_type = v4 ? IP_TOS : IPV6_TCLASS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    const int bits = ecn & 3;
    std::memcpy(CMSG_DATA(control), &bits, sizeof bits);
  }

  const int descriptor_;
  const int family_;
  SocketCounters& counters_;
  std::size_t count_ = 0;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> parts_{};
  std::array<sockaddr_storage, kBatch> peers_{};
  std::array<Control, kBatch> controls_{};
  std::array<std::array<std::byte, kMaxPacketBytes>, kBatch> packets_;
};

class SystemSocket final : public DatagramSocket {
 public:
  SystemSocket(int descriptor, int family, const Address& local)
      : descriptor_(descriptor), local_(local), batch_(descriptor, family, counters_) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {buffers_[i].data(), kMaxPacketBytes};
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
    int count = 0;
    do {
      count = ::recvmmsg(descriptor_, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      ++counters_.receive_calls;
    } while (count < 0 && errno == EINTR);
    std::size_t kept = 0;
    for (int i = 0; i < count; ++i) {
      mmsghdr& message = messages_[static_cast<std::size_t>(i)];
      ++counters_.packets_received;
      counters_.bytes_received += message.msg_len;
      // Longer than any packet that a peer of ours sends: what is left of it is of no use.
      if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) continue;
      received_[kept++] = {from_kernel(peers_[static_cast<std::size_t>(i)]),
                           Bytes(buffers_[static_cast<std::size_t>(i)]).first(message.msg_len),
                           ecn_of(message.msg_hdr)};
    }
    return {received_.data(), kept};
  }

  PacketBatch& batch() override { return batch_; }
  int descriptor() const override { return descriptor_; }
  const SocketCounters& counters() const override { return counters_; }

 private:
  struct alignas(cmsghdr) Control {
    std::array<std::byte, kControlBytes> bytes;
  };

  const int descriptor_;
  const Address local_;
  SocketCounters counters_;
  SystemBatch batch_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> parts_{};
  std::array<sockaddr_storage, kBatch> peers_{};
  std::array<Control, kBatch> controls_{};
  std::array<std::array<std::byte, kMaxPacketBytes>, kBatch> buffers_;
  std::array<ReceivedPacket, kBatch> received_;
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

    if (options.reuse_port) {
      const int on = 1;
      if (::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return refused("share");
    }
    set_buffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer_bytes);
    set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer_bytes);
    // QUIC forbids fragments (RFC 9000, 14); "probe" sets DF and does not let a
    // forged ICMP message shrink what we send.
    set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    set_option(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
    if (family == AF_INET6) {
      set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
      set_option(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    }

    sockaddr_storage address{};
    socklen_t length = to_kernel(local, family, address);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length) != 0) return refused("bind");
    length = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      return refused("bind");
    return std::unique_ptr<DatagramSocket>(
        std::make_unique<SystemSocket>(descriptor, family, from_kernel(address)));
  }
};

}  // namespace

std::unique_ptr<Network> make_system_network() {
  return std::make_unique<SystemNetwork>();
}

}  // namespace drumline::env

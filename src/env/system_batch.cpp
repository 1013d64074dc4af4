#include "env/system_batch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#include "base/assert.hpp"
#include "env/kernel_address.hpp"
#include "env/phase_clock.hpp"

namespace drumline::env {

namespace {

/// How long a flush waits, once, for room in a full send buffer.
constexpr timespec kSendPatience{0, 100'000};
/// The kernel's limits on one message: segments (UDP_MAX_SEGMENTS, 64 before Linux
/// 6.9) and bytes (what an IPv4 length field holds, less headers).
constexpr u32 kTrainPackets = 64;
constexpr u32 kTrainBytes = 65'000;

template <class T>
void put(cmsghdr& control, int level, int type, T value) {
  control.cmsg_level = level;
  control.cmsg_type = type;
  control.cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(&control), &value, sizeof value);
}

}  // namespace

SystemBatch::SystemBatch(int descriptor, int family, SocketCounters& counters)
    : descriptor_(descriptor), family_(family), counters_(counters) {}

MutableBytes SystemBatch::space() {
  if (packet_count_ == kPackets) flush();
  return packets_[packet_count_];
}

void SystemBatch::commit(const Address& to, std::size_t size, u8 ecn, u64 flow) {
  DRUM_ASSERT(packet_count_ < kPackets && size > 0 && size <= kMaxPacketBytes);
  const auto bytes = static_cast<u32>(size);
  const std::size_t train = train_for(to, bytes, ecn, flow);
  last_flow_ = flow;
  last_train_ = train;
  ++trains_[train].packets;
  train_of_[packet_count_] = static_cast<u32>(train);
  packet_bytes_[packet_count_] = bytes;
  ++packet_count_;
}

std::size_t SystemBatch::train_for(const Address& to, u32 bytes, u8 ecn, u64 flow) {
  u16& open = open_trains_[(to.port ^ (bytes * 0x9E3779B1U >> 16)) % kOpenTrains];
  const bool in_order = packet_count_ == 0 || flow != last_flow_ || open >= last_train_;
  if (segmentation_ && open < train_count_ && in_order) {
    const Train& train = trains_[open];
    if (train.packet_bytes == bytes && train.ecn == ecn && train.to == to && train.packets < kTrainPackets &&
        (train.packets + 1) * bytes <= kTrainBytes) {
      return open;
    }
  }
  open = static_cast<u16>(train_count_);
  trains_[train_count_] = {to, 0, bytes, ecn};
  return train_count_++;
}

void SystemBatch::flush() {
  if (packet_count_ == 0) return;
  // Each train's packets in a row; within one, in the order in which they were committed.
  std::array<u32, kPackets> next;
  u32 first = 0;
  for (std::size_t i = 0; i < train_count_; ++i) {
    next[i] = first;
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_name = &peers_[i];
    header.msg_namelen = to_kernel(trains_[i].to, family_, peers_[i]);
    header.msg_iov = &parts_[first];
    header.msg_iovlen = trains_[i].packets;
    set_control(header, controls_[i], trains_[i]);
    first += trains_[i].packets;
  }
  for (std::size_t i = 0; i < packet_count_; ++i) {
    parts_[next[train_of_[i]]++] = {packets_[i].data(), packet_bytes_[i]};
  }
  const std::size_t trains = train_count_;
  packet_count_ = train_count_ = 0;
  send_trains(trains);
}

void SystemBatch::send_trains(std::size_t trains) {
  const PhaseScope phase(Phase::kernel_send);
  bool waited = false;
  std::size_t sent = 0;
  const auto skip = [&] {
    counters_.send_dropped += trains_[sent].packets;
    ++sent;
  };
  while (sent < trains) {
    if (messages_[sent].msg_hdr.msg_namelen == 0) {  // an IPv6 peer from an IPv4 socket
      skip();
      continue;
    }
    const int done =
        ::sendmmsg(descriptor_, messages_.data() + sent, static_cast<unsigned>(trains - sent), 0);
    ++counters_.send_calls;
    if (done > 0) {
      for (int i = 0; i < done; ++i, ++sent) {
        ++counters_.messages_sent;
        counters_.packets_sent += trains_[sent].packets;
        counters_.bytes_sent += u64{trains_[sent].packets} * trains_[sent].packet_bytes;
      }
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) {
      if (waited) {
        while (sent < trains) skip();
        return;
      }
      waited = true;
      pollfd room{descriptor_, POLLOUT, 0};
      ::ppoll(&room, 1, &kSendPatience, nullptr);
    } else if (trains_[sent].packets > 1) {
      // EIO: the device cannot checksum segments. EINVAL, EMSGSIZE: it does not
      // segment, or its packets are smaller. One by one they may still go.
      if (errno == EIO || errno == EINVAL) segmentation_ = false;
      send_one_by_one(sent++);
    } else {
      // One that this kernel will not send (unreachable, forbidden, too big for
      // the path): the others may be fine.
      skip();
    }
  }
}

void SystemBatch::send_one_by_one(std::size_t train) {
  msghdr header = messages_[train].msg_hdr;
  const iovec* const parts = header.msg_iov;
  Train single = trains_[train];
  single.packets = 1;
  Control control;
  set_control(header, control, single);
  header.msg_iovlen = 1;
  for (u32 i = 0; i < trains_[train].packets; ++i) {
    iovec part = parts[i];
    header.msg_iov = &part;
    ++counters_.send_calls;
    if (::sendmsg(descriptor_, &header, 0) < 0) {
      ++counters_.send_dropped;
      continue;
    }
    ++counters_.messages_sent;
    ++counters_.packets_sent;
    counters_.bytes_sent += part.iov_len;
  }
}

void SystemBatch::set_control(msghdr& header, Control& space, const Train& train) const {
  const bool marked = (train.ecn & 3) != 0;
  const bool segmented = train.packets > 1;
  header.msg_control = nullptr;
  header.msg_controllen = 0;
  if (!marked && !segmented) return;
  header.msg_control = &space;
  header.msg_controllen = (marked ? CMSG_SPACE(sizeof(int)) : 0) + (segmented ? CMSG_SPACE(sizeof(u16)) : 0);
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  if (marked) {
    const bool v4 = train.to.is_v4();
    put(*control, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, int{train.ecn & 3});
    if (segmented) {
      control = reinterpret_cast<cmsghdr*>(space.bytes.data() + CMSG_SPACE(sizeof(int)));
    }
  }
  if (segmented) put(*control, SOL_UDP, UDP_SEGMENT, static_cast<u16>(train.packet_bytes));
}

}  // namespace drumline::env

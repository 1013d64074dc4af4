#include "bench/raw_uring.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>

#include "bench/quic_ends.hpp"
#include "env/kernel_address.hpp"
#include "env/network.hpp"

namespace drumline::bench {
namespace {

/// As many in flight as a batch of sendmmsg holds.
constexpr u32 kInFlight = 512;

struct Ring {
  ~Ring() {
    if (open) io_uring_queue_exit(&ring);
  }
  io_uring ring{};
  bool open = false;
};

Error failed(const char* what, int number) {
  return {ErrorCode::unavailable, std::string("io_uring: ") + what + ": " +
                                      std::error_code(-number, std::system_category()).message()};
}

}  // namespace

Result<double> measure_uring_send(UringSend how, std::size_t packet_bytes, u32 sockets, u64 packets) {
  const auto network = env::make_system_network();
  const auto loopback = env::parse_address("127.0.0.1:0");
  if (!loopback) return loopback.error();
  auto sender = network->bind(*loopback, {});
  if (!sender) return std::move(sender).error();
  std::vector<std::unique_ptr<env::DatagramSocket>> receivers;
  std::vector<sockaddr_storage> peers(sockets);
  for (u32 i = 0; i < sockets; ++i) {
    auto receiver = network->bind(*loopback, {});
    if (!receiver) return std::move(receiver).error();
    env::to_kernel((*receiver)->local(), AF_INET, peers[i]);
    receivers.push_back(std::move(*receiver));
  }

  Ring uring;
  if (const int rc = io_uring_queue_init(kInFlight * 2, &uring.ring, IORING_SETUP_SINGLE_ISSUER); rc < 0)
    return failed("no ring", rc);
  uring.open = true;
  const int descriptor = (*sender)->descriptor();
  if (const int rc = io_uring_register_files(&uring.ring, &descriptor, 1); rc < 0)
    return failed("the socket cannot be registered", rc);
  std::vector<std::byte> bytes(kInFlight * packet_bytes, std::byte{0x5a});
  iovec whole{bytes.data(), bytes.size()};
  if (how == UringSend::zero_copy) {
    if (const int rc = io_uring_register_buffers(&uring.ring, &whole, 1); rc < 0)
      return failed("the buffers cannot be registered", rc);
  }

  std::atomic<bool> done{false};
  std::thread drain([&] {
    std::vector<pollfd> waiting;
    for (const auto& receiver : receivers) waiting.push_back({receiver->descriptor(), POLLIN, 0});
    while (!done.load()) {
      if (::poll(waiting.data(), waiting.size(), 5) <= 0) continue;
      for (std::size_t i = 0; i < waiting.size(); ++i) {
        if ((waiting[i].revents & POLLIN) != 0) receivers[i]->receive();
      }
    }
  });
  int error = 0;
  const double before = thread_cpu_seconds();
  u64 sent = 0;
  while (sent < packets && error == 0) {
    for (u32 i = 0; i < kInFlight; ++i) {
      io_uring_sqe* const entry = io_uring_get_sqe(&uring.ring);
      std::byte* const packet = bytes.data() + i * packet_bytes;
      std::memset(packet, static_cast<int>(i & 0xFF), packet_bytes);
      const sockaddr_storage& to = peers[i % sockets];
      if (how == UringSend::zero_copy)
        io_uring_prep_send_zc_fixed(entry, 0, packet, packet_bytes, 0, 0, 0);
      else
        io_uring_prep_send(entry, 0, packet, packet_bytes, 0);
      io_uring_prep_send_set_addr(entry, reinterpret_cast<const sockaddr*>(&to), sizeof(sockaddr_in));
      entry->flags |= IOSQE_FIXED_FILE;
    }
    io_uring_submit_and_wait(&uring.ring, kInFlight);
    // Zero copy tells twice of each: that it was sent, and that its buffer is free.
    u32 open = kInFlight;
    while (open > 0) {
      io_uring_cqe* end = nullptr;
      if (const int rc = io_uring_wait_cqe(&uring.ring, &end); rc < 0) {
        error = rc;
        break;
      }
      if (end->res < 0 && end->res != -EAGAIN && (end->flags & IORING_CQE_F_NOTIF) == 0) error = end->res;
      if ((end->flags & IORING_CQE_F_MORE) == 0) --open;
      io_uring_cqe_seen(&uring.ring, end);
    }
    sent += kInFlight;
  }
  const double used = thread_cpu_seconds() - before;
  done.store(true);
  drain.join();
  if (error != 0) return failed("a send failed", error);
  return used * 1e6 / static_cast<double>(sent);
}

}  // namespace drumline::bench

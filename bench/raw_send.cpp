#include "bench/raw_send.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <poll.h>
#include <time.h>

#include "env/clock.hpp"
#include "env/network.hpp"
#include "env/thread.hpp"

namespace drumline::bench {
namespace {

i64 thread_cpu_ns() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return i64{at.tv_sec} * kSecondNs + at.tv_nsec;
}

}  // namespace

Result<RawSend> measure_raw_send(std::size_t packet_bytes, u32 sockets, double packets_per_s,
                                 double seconds) {
  const auto network = env::make_system_network();
  const auto loopback = env::parse_address("127.0.0.1:0");
  if (!loopback) return loopback.error();
  auto sender = network->bind(*loopback, {});
  if (!sender) return std::move(sender).error();
  std::vector<std::unique_ptr<env::DatagramSocket>> receivers;
  for (u32 i = 0; i < sockets; ++i) {
    auto receiver = network->bind(*loopback, {});
    if (!receiver) return std::move(receiver).error();
    receivers.push_back(std::move(*receiver));
  }

  std::atomic<bool> done{false};
  u64 received = 0;
  i64 receiver_cpu_ns = 0;
  std::thread drain([&] {
    std::vector<pollfd> waiting;
    for (const auto& receiver : receivers) waiting.push_back({receiver->descriptor(), POLLIN, 0});
    const i64 before = thread_cpu_ns();
    while (!done.load()) {
      if (::poll(waiting.data(), waiting.size(), 5) <= 0) continue;
      for (std::size_t i = 0; i < waiting.size(); ++i) {
        if ((waiting[i].revents & POLLIN) != 0) received += receivers[i]->receive().size();
      }
    }
    receiver_cpu_ns = thread_cpu_ns() - before;
  });

  // Bursts as a tick makes them: one round to all, every 16 ms.
  const env::SystemClock clock;
  const auto burst = static_cast<u64>(packets_per_s * static_cast<double>(kTickNs) / 1e9);
  const TimeNs end = clock.now() + static_cast<TimeNs>(seconds * 1e9);
  RawSend raw;
  const i64 before = thread_cpu_ns();
  for (TimeNs next = clock.now(); next < end; next += kTickNs) {
    env::sleep_until(next);
    env::PacketBatch& batch = (*sender)->batch();
    for (u64 i = 0; i < burst; ++i) {
      const MutableBytes space = batch.space();
      std::memset(space.data(), static_cast<int>(i & 0xFF), std::min(packet_bytes, space.size()));
      batch.commit(receivers[i % receivers.size()]->local(), packet_bytes);
    }
    batch.flush();
    raw.packets += burst;
  }
  const i64 sender_cpu_ns = thread_cpu_ns() - before;
  done.store(true);
  drain.join();
  raw.sender_us =
      static_cast<double>(sender_cpu_ns) / 1000 / static_cast<double>(std::max<u64>(raw.packets, 1));
  raw.receiver_us =
      static_cast<double>(receiver_cpu_ns) / 1000 / static_cast<double>(std::max<u64>(received, 1));
  return raw;
}

}  // namespace drumline::bench

// wire/command: what a gateway shard does with one command, from the datagram's
// bytes to the battle's ring: frame, CRC-16, FlatBuffers verifier, decode in
// place, the checks that need no world, enqueue. The ring is emptied outside the
// measured time; the bytes lie at odd places, as they do in a decrypted packet.
//
// wire/crc16: the frame checksum over 1,100 B payloads; its rival is memcpy of
// the same bytes.
#include <chrono>
#include <cstring>
#include <vector>

#include "base/crc.hpp"
#include "base/histogram.hpp"
#include "base/spsc_ring.hpp"
#include "bench/bench.hpp"
#include "wire/command.hpp"
#include "wire/frame.hpp"

namespace drumline::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

i64 now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch()).count();
}

constexpr std::size_t kClients = 1024;
constexpr std::size_t kBatch = 256;
constexpr std::size_t kRingSlots = 1024;

/// What a session must remember for the checks at the gateway.
struct Seat {
  EntityId entity;
  u32 highest_sequence = 0;
  u32 acks_seen = 0;
};

struct Traffic {
  std::vector<std::byte> memory;
  std::vector<Bytes> datagrams;
  std::vector<Seat> seats;
};

/// One datagram a client: a move with its aim, every fourth with acknowledgements.
Traffic make_traffic() {
  Traffic traffic;
  constexpr std::size_t kStride = 301;  // odd, so that every alignment occurs
  traffic.memory.resize(kClients * kStride);
  const std::vector<u32> acks = {1U << 8 | 3, 2U << 8 | 7, 900U << 8 | 1};
  for (std::size_t i = 0; i < kClients; ++i) {
    world::Command command;
    command.sequence = static_cast<u32>(1'000 + i);
    command.action = world::Action::move;
    command.entity = make_entity_id(0, 1, static_cast<u32>(i));
    command.x = static_cast<i32>(i * 29 % 32'767);
    command.y = -static_cast<i32>(i * 31 % 32'767);
    command.timestamp_ms = 1'790'000'000'000U + i;
    const MutableBytes space = MutableBytes(traffic.memory).subspan(i * kStride, kStride);
    const std::size_t size = wire::encode_command(
        command, i % 4 == 0 ? std::span<const u32>(acks) : std::span<const u32>(), space);
    DRUM_ASSERT(size != 0);
    traffic.datagrams.emplace_back(space.first(size));
    traffic.seats.push_back({.entity = command.entity});
  }
  return traffic;
}

bool admissible(const Seat& seat, const world::Command& command) {
  constexpr i32 kMost = 32'767;
  return command.entity == seat.entity && command.sequence > seat.highest_sequence && command.x >= -kMost &&
         command.x <= kMost && command.y >= -kMost && command.y <= kMost;
}

Figure measure_command(double seconds, bool& all_accepted) {
  Traffic traffic = make_traffic();
  SpscRing<world::Command> ring(kRingSlots);
  wire::CommandAcks acks;
  Histogram histogram;
  u64 commands = 0;
  u64 enqueued = 0;
  i64 spent_ns = 0;
  const i64 end = now_ns() + static_cast<i64>(seconds * 1e9);
  while (now_ns() < end) {
    for (std::size_t first = 0; first < kClients; first += kBatch) {
      const i64 started = now_ns();
      for (std::size_t i = first; i < first + kBatch; ++i) {
        wire::for_each_frame(traffic.datagrams[i], wire::kMaxCommandPayloadBytes,
                             wire::kMaxCommandsPerDatagram, [&](Bytes payload) {
                               world::Command* const slot = ring.try_reserve();
                               if (slot == nullptr) return;
                               if (wire::decode_command(payload, *slot, acks) != wire::DecodeStatus::ok)
                                 return;
                               Seat& seat = traffic.seats[i];
                               seat.acks_seen += acks.count;
                               if (!admissible(seat, *slot)) return;
                               seat.highest_sequence = slot->sequence;
                               ring.commit();
                             });
      }
      const i64 took = now_ns() - started;
      spent_ns += took;
      histogram.record(static_cast<u64>(took) / kBatch);
      commands += kBatch;
      enqueued += ring.consume(kRingSlots, [](const world::Command&) {});
    }
    // The same bytes come again as if new.
    for (Seat& seat : traffic.seats) seat.highest_sequence = 0;
  }
  all_accepted = enqueued == commands;
  Figure figure{.name = "wire/command",
                .value = static_cast<double>(spent_ns) / static_cast<double>(commands),
                .unit = "ns"};
  figure.p50 = static_cast<double>(histogram.percentile(50));
  figure.p99 = static_cast<double>(histogram.percentile(99));
  figure.p999 = static_cast<double>(histogram.percentile(99.9));
  figure.n = commands;
  return figure;
}

/// GB/s of `work` over a 1,100 B payload, the median of short runs.
template <class Work>
double gigabytes_per_second(double seconds, Work work) {
  constexpr std::size_t kBytes = 1'100;
  constexpr std::size_t kRounds = 2'000;
  std::vector<std::byte> from(kBytes);
  std::vector<std::byte> to(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) from[i] = static_cast<std::byte>(i * 7);
  Histogram rates;  // MB/s
  const i64 end = now_ns() + static_cast<i64>(seconds * 1e9);
  do {
    const i64 started = now_ns();
    for (std::size_t i = 0; i < kRounds; ++i) work(from, to);
    const i64 took = now_ns() - started;
    rates.record(kBytes * kRounds * 1'000 / static_cast<u64>(took > 0 ? took : 1));
  } while (now_ns() < end);
  return static_cast<double>(rates.percentile(50)) / 1'000.0;
}

}  // namespace

Result<void> run_wire(const Options& options, const Report& report) {
  bool all_accepted = false;
  report(measure_command(options.seconds, all_accepted));
  if (!all_accepted)
    return Error{ErrorCode::internal, "wire/command: the codec refused commands of its own making"};

  Figure crc{.name = "wire/crc16", .unit = "GB/s"};
  crc.value =
      gigabytes_per_second(options.seconds / 2, [](std::vector<std::byte>& from, std::vector<std::byte>& to) {
        const u16 sum = crc16_ibm(from);
        std::memcpy(to.data(), &sum, sizeof sum);
        asm volatile("" : : "r"(to.data()) : "memory");
      });
  crc.rival =
      Figure::Rival{.name = "memcpy",
                    .value = gigabytes_per_second(
                        options.seconds / 2, [](std::vector<std::byte>& from, std::vector<std::byte>& to) {
                          std::memcpy(to.data(), from.data(), from.size());
                          asm volatile("" : : "r"(to.data()) : "memory");
                        })};
  report(crc);
  return {};
}

}  // namespace drumline::bench

// One direction of a network path: what becomes of each packet that is sent on it. The
// decisions alone, out of given randomness; who holds packets until they arrive is
// SimulatedNetwork, or UdpRelay between real sockets.
#pragma once

#include <array>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"
#include "env/random.hpp"

namespace drumline::env {

struct LinkConditions {
  double loss = 0;  ///< 0 .. 1: share of packets that never arrive
  /// Above 1: losses come in runs of this many packets in the mean (Gilbert, "Capacity of
  /// a Burst-Noise Channel", 1960), which can be a share of burst / (burst + 1) at most;
  /// otherwise each packet is lost by itself.
  double loss_burst_packets = 1;
  double duplication = 0;         ///< 0 .. 1: share that arrive twice
  double reordering = 0;          ///< 0 .. 1: share held back for `reorder_delay_ns`, overtaken by later ones
  std::size_t largest_bytes = 0;  ///< larger UDP payloads never arrive; 0: all do
  double ecn_marking = 0;         ///< 0 .. 1: share of ECN-capable packets marked "congestion experienced"
  i64 delay_ns = 0;               ///< one way
  i64 jitter_ns = 0;              ///< up to that much more, without reordering
  i64 reorder_delay_ns = 5 * kMillisecondNs;
  /// What it carries, bytes a second; 0: any amount.
  u64 bytes_per_second = 0;
  /// Packets that would wait longer than this for the link are dropped.
  i64 queue_ns = 100 * kMillisecondNs;

  friend bool operator==(const LinkConditions&, const LinkConditions&) = default;
};

/// Both directions of a path as people say it: parts with commas between them, in any
/// order, each once at most. "50ms" is the round trip, half of it each way; "2%" is lost
/// each way; "jitter=5ms" is added at most, each way; "burst=4" is how many packets a
/// loss takes in the mean. Anything else is invalid_argument and says what is possible.
Result<LinkConditions> parse_path_conditions(std::string_view text);

/// What was sent before bears on what comes: jitter keeps the order, a burst goes on, a
/// full link makes wait.
class Link {
 public:
  /// None, one or two copies arrive.
  struct Passage {
    u32 copies = 0;
    std::array<TimeNs, 2> arrivals{};
    u8 ecn = 0;
  };

  /// A packet is sent at `now`, which never falls. What is not conditioned draws nothing
  /// from `random`, so the same seed gives the same fates.
  Passage send(const LinkConditions& conditions, std::size_t bytes, u8 ecn, TimeNs now, Random& random);

 private:
  bool loses(const LinkConditions& conditions, Random& random);

  TimeNs last_arrival_ = 0;
  TimeNs free_at_ = 0;
  bool in_burst_ = false;
};

}  // namespace drumline::env

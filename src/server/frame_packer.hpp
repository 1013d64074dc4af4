// Battle frames on their way into the frame ring: as many of a tick as fit lie behind
// each other in one frame of the ring, behind one envelope. With thousands of battles
// the ring's slots then count ticks, not battles.
#pragma once

#include <cstring>

#include "base/broadcast_ring.hpp"
#include "env/clock.hpp"

namespace drumline::server {

/// What stands before the battle frames. Each of those lies on a multiple of 8 bytes
/// and says how long it is.
struct FrameEnvelope {
  u64 journal_sequence = 0;  ///< they may be shown once this write is durable
  TimeNs published_at = 0;   ///< monotonic
};
static_assert(sizeof(FrameEnvelope) % 8 == 0);

/// One battle thread's.
class FramePacker {
 public:
  /// Small battle frames share a frame of the ring up to this size, if the ring allows.
  static constexpr std::size_t kPackBytes = 64 << 10;

  FramePacker(BroadcastRing& ring, const env::Clock& clock) : ring_(ring), clock_(clock) {}

  /// The next frames depend on this journal write.
  void begin(u64 journal_sequence);
  /// Room for a battle frame of at most `bytes`, which with the envelope are no more than
  /// the ring's largest frame.
  MutableBytes room(std::size_t bytes);
  /// The first `size` bytes of the room are a frame; 0: there is none.
  void commit(std::size_t size);
  /// What is packed can be read from here on.
  void flush();

 private:
  BroadcastRing& ring_;
  const env::Clock& clock_;
  u64 journal_sequence_ = 0;
  MutableBytes pack_;  ///< empty: none is begun
  std::size_t used_ = 0;
};

/// Calls visit(frame) for each battle frame behind an envelope; false when the bytes are no such frames.
template <class Visit>
bool for_each_packed(Bytes frames, Visit visit) {
  while (!frames.empty()) {
    u32 size = 0;
    if (frames.size() < 8) return false;
    std::memcpy(&size, frames.data() + 4, sizeof size);
    if (size < 8 || size % 8 != 0 || size > frames.size()) return false;
    visit(frames.first(size));
    frames = frames.subspan(size);
  }
  return true;
}

}  // namespace drumline::server

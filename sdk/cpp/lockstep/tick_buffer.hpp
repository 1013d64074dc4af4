// The ticks that a client was sent and has not stepped yet: they come more than once,
// in any order and with gaps, and leave one after another.
#pragma once

#include <optional>
#include <vector>

#include "base/types.hpp"

namespace drumline::lockstep {

/// Memory is kept from tick to tick. One thread.
class TickBuffer {
 public:
  /// More ticks than these ahead of the next one are not kept, nor more bytes in all.
  /// They are sent again, as long as they are not acknowledged.
  static constexpr std::size_t kTicks = 512;
  static constexpr std::size_t kMaxBytes = 4 << 20;

  TickBuffer() : entries_(kTicks) {}

  /// `next` is the first tick that is wanted. Until it is said the newest are kept.
  void begin(Tick next);

  /// Keeps a copy, unless the tick is there already or is not wanted.
  void put(Tick tick, Bytes payload);

  /// The payload of the next tick, if it is there; good until the next put().
  std::optional<Bytes> front() const;
  /// Done with it: the one after it is next.
  void pop();

 private:
  struct Entry {
    Tick tick = 0;  ///< 0: none
    std::vector<std::byte> payload;
  };

  Entry& entry(Tick tick) { return entries_[tick % kTicks]; }
  void release(Entry& entry);

  std::vector<Entry> entries_;
  Tick next_ = 0;  ///< 0: not known yet
  std::size_t bytes_ = 0;
};

}  // namespace drumline::lockstep

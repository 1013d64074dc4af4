// The newest ticks of a battle whose ticks are relayed: their hashes and accepted
// inputs, for clients in lockstep.
#pragma once

#include <array>
#include <vector>

#include "base/types.hpp"

namespace drumline::gateway {

/// One thread. Memory is kept from tick to tick.
class TickLog {
 public:
  static constexpr std::size_t kTicks = 512;

  /// The next tick; a gap forgets all that was before.
  void add(Tick tick, u64 state_hash, Bytes payload);

  bool empty() const { return newest_ == 0; }
  Tick newest() const { return newest_; }
  bool has(Tick tick) const { return tick != 0 && tick <= newest_ && tick >= oldest_; }
  Bytes payload(Tick tick) const { return entries_[tick % kTicks].payload; }
  u64 state_hash(Tick tick) const { return entries_[tick % kTicks].state_hash; }
  /// The tick with these low 32 bits that is nearest to the newest.
  Tick whole(u32 low) const {
    return newest_ + static_cast<Tick>(i64{static_cast<i32>(low - static_cast<u32>(newest_))});
  }

 private:
  struct Entry {
    u64 state_hash = 0;
    std::vector<std::byte> payload;
  };
  std::vector<Entry> entries_;  // made with the first tick
  Tick newest_ = 0;
  Tick oldest_ = 0;
};

}  // namespace drumline::gateway

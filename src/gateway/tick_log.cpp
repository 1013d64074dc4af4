#include "gateway/tick_log.hpp"

#include <algorithm>

namespace drumline::gateway {

void TickLog::add(Tick tick, u64 state_hash, Bytes payload) {
  if (entries_.empty()) entries_.resize(kTicks);
  if (newest_ == 0 || tick != newest_ + 1) oldest_ = tick;
  newest_ = tick;
  oldest_ = std::max(oldest_, newest_ < kTicks ? Tick{1} : newest_ - kTicks + 1);
  Entry& entry = entries_[tick % kTicks];
  entry.state_hash = state_hash;
  entry.payload.assign(payload.begin(), payload.end());
}

}  // namespace drumline::gateway

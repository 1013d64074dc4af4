#include "lockstep/tick_buffer.hpp"

namespace drumline::lockstep {

void TickBuffer::release(Entry& entry) {
  bytes_ -= entry.payload.size();
  entry.payload.clear();
  entry.tick = 0;
}

void TickBuffer::begin(Tick next) {
  next_ = next;
  for (Entry& entry : entries_) {
    if (entry.tick < next || entry.tick - next >= kTicks) release(entry);
  }
}

void TickBuffer::put(Tick tick, Bytes payload) {
  if (tick < next_ || (next_ != 0 && tick - next_ >= kTicks)) return;
  Entry& kept = entry(tick);
  if (kept.tick >= tick) return;
  release(kept);
  if (payload.size() > kMaxBytes - bytes_) return;
  kept.tick = tick;
  kept.payload.assign(payload.begin(), payload.end());
  bytes_ += payload.size();
}

std::optional<Bytes> TickBuffer::front() const {
  const Entry& first = entries_[next_ % kTicks];
  if (next_ == 0 || first.tick != next_) return std::nullopt;
  return Bytes(first.payload);
}

void TickBuffer::pop() {
  release(entry(next_));
  ++next_;
}

}  // namespace drumline::lockstep

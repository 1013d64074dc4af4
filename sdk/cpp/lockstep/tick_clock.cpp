#include "lockstep/tick_clock.hpp"

#include <algorithm>

namespace drumline::lockstep {

void TickClock::note(Tick newest, TimeNs now) {
  const TimeNs sample = now - static_cast<i64>(newest) * kTickNs;
  if (!running()) {
    least_ = sample;
    window_end_ = now + kWindowNs;
  } else if (now >= window_end_) {
    before_ = now < window_end_ + kWindowNs ? std::optional(least_) : std::nullopt;
    least_ = sample;
    window_end_ = now + kWindowNs;
  }
  least_ = std::min(least_, sample);
  base_ns_ = before_ ? std::min(*before_, least_) : least_;
}

Tick TickClock::tick_at(TimeNs now) const {
  return static_cast<Tick>(std::max<i64>(0, (now - *base_ns_) / kTickNs));
}

TimeNs TickClock::time_of(Tick tick) const {
  return *base_ns_ + static_cast<i64>(tick) * kTickNs;
}

}  // namespace drumline::lockstep

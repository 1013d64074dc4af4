#include "prediction/playback_clock.hpp"

#include <algorithm>
#include <cstdlib>

namespace drumline::prediction {

i64 PlaybackClock::delay_ns() const {
  return std::clamp(interval_ns_ + 4 * variation_ns_, options_.min_delay_ns, options_.max_delay_ns);
}

void PlaybackClock::note(Tick tick, TimeNs now) {
  const i64 lateness = now - static_cast<i64>(tick) * kTickNs;
  if (!running_) {
    running_ = true;
    newest_ = tick;
    lateness_ns_ = lateness;
    variation_ns_ = kTickNs / 2;
    interval_ns_ = 2 * kTickNs;
    return;
  }
  if (tick <= newest_) return;
  // A lost state makes one long interval: what must be bridged, so it counts.
  const i64 interval = std::min(static_cast<i64>(tick - newest_) * kTickNs, options_.max_delay_ns);
  newest_ = tick;
  interval_ns_ += (interval - interval_ns_) / 8;
  variation_ns_ += (std::abs(lateness - lateness_ns_) - variation_ns_) / 4;
  lateness_ns_ += (lateness - lateness_ns_) / 8;
}

TimeNs PlaybackClock::advance(TimeNs now) {
  if (!running_) return 0;
  const TimeNs wanted = std::max<TimeNs>(0, now - lateness_ns_ - delay_ns());
  if (!started_ || wanted - shown_ns_ > options_.jump_ns) {
    started_ = true;
    shown_ns_ = std::max(shown_ns_, wanted);
  } else {
    const i64 passed = std::max<i64>(0, now - last_now_);
    shown_ns_ += std::clamp(wanted - shown_ns_, passed - passed / 10, passed + passed / 10);
  }
  last_now_ = now;
  return shown_ns_;
}

}  // namespace drumline::prediction

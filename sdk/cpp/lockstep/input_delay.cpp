#include "lockstep/input_delay.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace drumline::lockstep {
namespace {

// Of five that are spread evenly the two least lie a sixth of the whole spread apart in
// the mean; so this is half of it. Where four of the five have waited for something lost
// it says too much, so that it may not more than double at once.
constexpr i64 kSpread = 3;
// A late command is mostly answered by a tick or two; more falls in a row than these say
// that the way got shorter.
constexpr u32 kFallsInARow = 2;

}  // namespace

InputDelay::InputDelay(const InputDelayOptions& options)
    : options_(options),
      ticks_(std::clamp(options.start_ticks, options.min_ticks, options.max_ticks)),
      calm_ns_(options.calm_ns) {
  DRUM_ASSERT(options.min_ticks <= options.max_ticks);
}

// One tick more than the way takes, as the server's next tick is the first that a
// command can be in time for.
u32 InputDelay::floor_ticks() const {
  if (round_trip_ns_ == 0) return options_.min_ticks;
  const i64 way_ns = round_trip_ns_ + variation_ns_;
  return static_cast<u32>((way_ns + kTickNs - 1) / kTickNs) + 1 + options_.target_margin_ticks;
}

// Also begins to wait for calm anew.
void InputDelay::set(i64 ticks, TimeNs now) {
  const u32 wanted =
      static_cast<u32>(std::clamp<i64>(ticks, i64{options_.min_ticks}, i64{options_.max_ticks}));
  calm_since_ = now;
  least_.reset();
  if (wanted == ticks_) return;
  ticks_ = wanted;
  ++changes_;
  settled_at_ = now + round_trip_ns_ + 4 * variation_ns_ + kTickNs;
  calm_since_ = settled_at_;
}

void InputDelay::on_round_trip(i64 sample_ns, TimeNs now) {
  recent_[heard_++ % recent_.size()] = std::clamp<i64>(sample_ns, 1, 10 * kSecondNs);
  std::array<i64, kRecent> sorted = recent_;
  const std::size_t count = std::min<u64>(heard_, kRecent);
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  const i64 least = sorted[0];
  if (heard_ == 1) {
    variation_ns_ = std::min(least / 2, kTickNs);
  } else if (count > 2) {
    const i64 spread_ns = std::min(kSpread * (sorted[1] - least), 2 * variation_ns_ + kTickNs);
    // The five overlap from sample to sample, so that one more says little.
    variation_ns_ += (spread_ns - variation_ns_) / (heard_ > kRecent ? 16 : 4);
  }
  if (heard_ > kRecent) {
    round_trip_ns_ += (least - round_trip_ns_) / 8;
    // A tick below is within what the smoothing wavers; the margin tells whether it matters.
    if (ticks_ + 1 < floor_ticks()) set(floor_ticks(), now);
    return;
  }
  // So few say little, and the first perhaps nothing: they are followed both ways, whatever
  // came late so far.
  round_trip_ns_ = least;
  calm_ns_ = options_.calm_ns;
  rose_ = late_before_ = false;
  falls_ = 0;
  set(floor_ticks(), now);
}

void InputDelay::on_margin(int margin_ticks, TimeNs now) {
  if (now < settled_at_) return;
  const int target = static_cast<int>(options_.target_margin_ticks);
  if (margin_ticks < target) {
    const int lacking = late_before_ ? target - margin_ticks : 1;
    late_before_ = true;
    if (!std::exchange(rose_, true)) calm_ns_ = std::min(2 * calm_ns_, options_.most_calm_ns);
    falls_ = 0;
    set(i64{ticks_} + lacking, now);
    return;
  }
  late_before_ = false;
  least_ = std::min(least_.value_or(margin_ticks), margin_ticks);
  if (now - calm_since_ < calm_ns_) return;
  const bool spare = *least_ >= target + static_cast<int>(options_.spare_ticks);
  if (spare && ticks_ > floor_ticks()) {
    rose_ = false;
    if (++falls_ > kFallsInARow) calm_ns_ = std::max(calm_ns_ / 2, options_.calm_ns);
    set(i64{ticks_} - 1, now);
  } else {
    set(ticks_, now);
  }
}

}  // namespace drumline::lockstep

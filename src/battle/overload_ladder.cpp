#include "battle/overload_ladder.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::battle {
namespace {

/// Ticks in percent of their normal length. Each step gives up a fifth to a third of the rest,
/// so that none is much more than what is needed.
constexpr u32 kPaces[] = {125, 150, 200, 300, 400, 600, 800, world::kMaxPacePercent};
constexpr i64 kMaxPatienceNs = 60 * kSecondNs;

/// A quarter late is not chance, and not the disk either, which is late once in a while.
bool overloaded(const Punctuality& of) {
  return of.late != 0 && of.late * 4 >= of.count;
}
// A late one now and then is nothing; but most have to be well within the bound, or what is given
// back would be missed at once.
bool calm(const Punctuality& of) {
  return of.late * 10 <= of.count && of.near * 2 <= of.count;
}

std::string late_share(const char* what, const Punctuality& of, i64 bound_ns, const char* after) {
  return std::to_string(of.late * 100 / of.count) + " % of " + what + " later than " +
         std::to_string(bound_ns / kMillisecondNs) + " ms after " + after;
}

}  // namespace

const char* rung_name(Rung rung) {
  switch (rung) {
    case Rung::normal:
      return "normal";
    case Rung::lower_tiers:
      return "far cells less often";
    case Rung::smaller_interest:
      return "smaller interest";
    case Rung::no_joins:
      return "no new players";
    case Rung::dilation:
      return "time dilated";
  }
  return "?";
}

OverloadLadder::OverloadLadder(const OverloadSettings& settings)
    : settings_(settings), patience_ns_(settings.descend_after_ns) {
  add_step({});
  for (const Rung rung : {Rung::lower_tiers, Rung::smaller_interest, Rung::no_joins}) {
    if (settings_.allowed[static_cast<u32>(rung)]) add_step({rung, world::kNormalPacePercent});
  }
  if (!settings_.allowed[static_cast<u32>(Rung::dilation)]) return;
  for (const u32 pace : kPaces) {
    if (pace < settings_.max_pace_percent) add_step({Rung::dilation, pace});
  }
  if (settings_.max_pace_percent > world::kNormalPacePercent)
    add_step({Rung::dilation, std::min(settings_.max_pace_percent, world::kMaxPacePercent)});
}

void OverloadLadder::add_step(Step step) {
  DRUM_ASSERT(step_count_ < kMaxSteps);
  steps_[step_count_++] = step;
}

bool OverloadLadder::look(const LoadSample& sample, TimeNs now) {
  const bool over = sample.time_lost || overloaded(sample.ticks) || overloaded(sample.frames);
  if (!over) overloaded_since_ = 0;
  if (over) {
    calm_since_ = 0;
    if (overloaded_since_ == 0) overloaded_since_ = now;
    // Time that was lost cannot be waited for.
    const bool due = sample.time_lost || now - overloaded_since_ >= settings_.climb_after_ns;
    if (!due || place_ + 1 == step_count_) return false;
    climb(sample, now);
    return true;
  }
  // Without a single tick something is stuck, which is no calm.
  if (sample.ticks.count == 0 || !calm(sample.ticks) || !calm(sample.frames)) {
    calm_since_ = 0;
    return false;
  }
  if (calm_since_ == 0) calm_since_ = now;
  if (place_ == 0 || now - calm_since_ < patience_ns_) return false;
  descend(now);
  return true;
}

void OverloadLadder::climb(const LoadSample& sample, TimeNs now) {
  if (sample.time_lost)
    reason_ = "a battle thread fell so far behind that its schedule was moved";
  else if (overloaded(sample.ticks))
    reason_ = late_share("ticks began", sample.ticks, settings_.lateness_bound_ns, "their time");
  else
    reason_ = late_share("frames left", sample.frames, settings_.delivery_bound_ns, "their tick");
  // What was given back was still needed: next time it takes longer. A load that just fits
  // would otherwise be felt as a change every few seconds.
  // However many steps this climb has, it answers one step down.
  if (descended_at_ != 0) {
    const bool too_early = now - descended_at_ < 2 * patience_ns_;
    patience_ns_ = too_early ? std::min(2 * patience_ns_, kMaxPatienceNs) : settings_.descend_after_ns;
    descended_at_ = 0;
  }
  ++place_;
  // The next step is to show first what it does.
  overloaded_since_ = now;
}

void OverloadLadder::descend(TimeNs now) {
  --place_;
  descended_at_ = now;
  calm_since_ = now;
  if (place_ == 0) reason_.clear();
}

}  // namespace drumline::battle

// Hides a correction: what is shown slides from where it was to where it belongs.
#pragma once

#include "base/types.hpp"
#include "world/fixed_math.hpp"

namespace drumline::prediction {

struct CorrectionOptions {
  i64 blend_ns = 100 * kMillisecondNs;  ///< how long a correction takes to be shown, > 0 (asserted)
  /// A correction longer than this is shown at once: a respawn, not an error.
  world::Fixed teleport = world::Fixed::from_int(4);
};

class Correction {
 public:
  explicit Correction(const CorrectionOptions& options);

  /// What is predicted went from `was` to `is` at `now` without having moved.
  void add(world::Vector was, world::Vector is, TimeNs now);
  /// To be added to what is predicted. Continuous in time but for teleports, at most
  /// `teleport` long, and falls to zero within `blend_ns` of the last correction.
  world::Vector offset(TimeNs now) const;

  u64 corrections() const { return corrections_; }
  u64 teleports() const { return teleports_; }
  /// The longest that was not a teleport.
  world::Fixed longest() const { return longest_; }

 private:
  CorrectionOptions options_;
  world::Vector from_;
  TimeNs since_ = 0;
  u64 corrections_ = 0;
  u64 teleports_ = 0;
  world::Fixed longest_;
};

}  // namespace drumline::prediction

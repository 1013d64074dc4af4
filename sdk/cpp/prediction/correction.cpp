#include "prediction/correction.hpp"

#include "base/assert.hpp"

namespace drumline::prediction {

using world::Fixed;
using world::Vector;

Correction::Correction(const CorrectionOptions& options) : options_(options) {
  DRUM_ASSERT(options.blend_ns > 0);
}

Vector Correction::offset(TimeNs now) const {
  const i64 left_ns = since_ + options_.blend_ns - now;
  if (left_ns <= 0) return {};
  const auto share = [&](Fixed whole) { return Fixed::from_raw(whole.raw * left_ns / options_.blend_ns); };
  return {share(from_.x), share(from_.y)};
}

void Correction::add(Vector was, Vector is, TimeNs now) {
  if (was == is) return;
  ++corrections_;
  const Vector from = offset(now) + (was - is);
  since_ = now;
  // Also when many small ones have added up to it.
  if (world::length(from) > options_.teleport) {
    ++teleports_;
    from_ = {};
    return;
  }
  longest_ = max(longest_, world::length(was - is));
  from_ = from;
}

}  // namespace drumline::prediction

// From the units in which designers write to those of the simulation: milliseconds to
// ticks, milliunits to fixed point.
#pragma once

#include "base/types.hpp"

namespace drumline::rules_document {

/// Whole ticks, rounded up.
constexpr u32 ticks_of_ms(i64 ms) {
  return static_cast<u32>((ms * 1'000'000 + kTickNs - 1) / kTickNs);
}

/// Fixed-point raw value of a length.
constexpr i64 raw_of_milliunits(i64 milliunits) {
  return milliunits * 65536 / 1000;
}

/// Fixed-point raw length that a speed covers in one tick.
constexpr i64 raw_per_tick(i64 milliunits_per_s) {
  return milliunits_per_s * 65536 * 16 / 1'000'000;
}

/// What an acceleration adds to such a speed in one tick.
constexpr i64 raw_per_tick2(i64 milliunits_per_s2) {
  return milliunits_per_s2 * 65536 * 16 * 16 / 1'000'000'000;
}

}  // namespace drumline::rules_document

// Square root, angles and vectors in integers. Angles are binary: u16, 65536 is
// a full turn, 0 points along +x and 16384 along +y.
#pragma once

#include "base/types.hpp"
#include "world/fixed.hpp"

namespace drumline::world {

using Angle = u16;

/// The largest integer whose square is not above `value`.
u32 isqrt(u64 value);
u64 isqrt(u128 value);

/// Rounded down; 0 for a negative value. Exact: below the true root by less than 1/65536.
Fixed sqrt(Fixed value);

/// Within 1/65536 of the true value.
Fixed sin(Angle angle);
Fixed cos(Angle angle);

/// Direction of (x, y), within 1 of the true angle; 0 for (0, 0).
Angle atan2(Fixed y, Fixed x);

struct Vector {
  Fixed x, y;
  friend constexpr Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y}; }
  friend constexpr Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y}; }
  friend constexpr Vector operator*(Vector a, Fixed factor) { return {a.x * factor, a.y * factor}; }
  friend constexpr bool operator==(Vector, Vector) = default;
};

/// x² + y² of the raw values: compares distances without a root. Components
/// beyond ±2^30 raw (16,384 units) are taken as that, so it cannot overflow.
constexpr u64 raw_length_squared(Vector v) {
  constexpr i64 limit = i64{1} << 30;
  const i64 x = v.x.raw > limit ? limit : (v.x.raw < -limit ? -limit : v.x.raw);
  const i64 y = v.y.raw > limit ? limit : (v.y.raw < -limit ? -limit : v.y.raw);
  return static_cast<u64>(x * x) + static_cast<u64>(y * y);
}

/// Rounded down; INT64_MAX raw when the true length does not fit.
Fixed length(Vector v);

/// v at length 1, each component within 2/65536 of the true one; (0, 0) stays.
Vector normalised(Vector v);

/// The unit vector of an angle, each component within 1/65536.
inline Vector direction_of(Angle angle) {
  return {cos(angle), sin(angle)};
}

}  // namespace drumline::world

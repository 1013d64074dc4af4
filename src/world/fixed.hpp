// Fixed-point numbers: 64 bits, 16 of them fractional. The same result on every
// machine, compiler and optimisation level, as nothing here is left undefined:
// sums, differences, products and quotients wrap modulo 2^64 when they overflow.
#pragma once

#include <compare>

#include "base/types.hpp"

namespace drumline::world {

__extension__ using i128 = __int128;
__extension__ using u128 = unsigned __int128;

struct Fixed {
  i64 raw = 0;  ///< the value × 65536

  static constexpr int kFractionBits = 16;
  static constexpr i64 kOneRaw = i64{1} << kFractionBits;

  static constexpr Fixed from_raw(i64 raw) { return Fixed{raw}; }
  static constexpr Fixed from_int(i64 value) {
    return Fixed{static_cast<i64>(static_cast<u64>(value) << kFractionBits)};
  }
  /// numerator / denominator, rounded towards zero; see operator/ for denominator 0.
  static constexpr Fixed from_ratio(i64 numerator, i64 denominator) {
    return quotient(numerator, denominator);
  }

  /// The largest integer that is not above the value.
  constexpr i64 to_int() const { return raw >> kFractionBits; }

  constexpr Fixed operator-() const { return Fixed{static_cast<i64>(u64{0} - static_cast<u64>(raw))}; }
  friend constexpr Fixed operator+(Fixed a, Fixed b) {
    return Fixed{static_cast<i64>(static_cast<u64>(a.raw) + static_cast<u64>(b.raw))};
  }
  friend constexpr Fixed operator-(Fixed a, Fixed b) {
    return Fixed{static_cast<i64>(static_cast<u64>(a.raw) - static_cast<u64>(b.raw))};
  }
  /// Exact product of the raw values, rounded down (towards minus infinity).
  friend constexpr Fixed operator*(Fixed a, Fixed b) {
    return Fixed{static_cast<i64>((i128{a.raw} * i128{b.raw}) >> kFractionBits)};
  }
  /// Rounded towards zero. By zero: the largest or smallest value, by the
  /// dividend's sign; 0 / 0 is 0.
  friend constexpr Fixed operator/(Fixed a, Fixed b) { return quotient(a.raw, b.raw); }

  constexpr Fixed& operator+=(Fixed other) { return *this = *this + other; }
  constexpr Fixed& operator-=(Fixed other) { return *this = *this - other; }
  constexpr Fixed& operator*=(Fixed other) { return *this = *this * other; }
  constexpr Fixed& operator/=(Fixed other) { return *this = *this / other; }

  friend constexpr auto operator<=>(Fixed, Fixed) = default;

 private:
  static constexpr Fixed quotient(i64 numerator, i64 denominator) {
    if (denominator == 0) {
      if (numerator == 0) return Fixed{0};
      return Fixed{numerator > 0 ? INT64_MAX : INT64_MIN};
    }
    return Fixed{static_cast<i64>(i128{numerator} * kOneRaw / denominator)};
  }
};

static_assert(sizeof(Fixed) == 8);

constexpr Fixed abs(Fixed a) {
  return a.raw < 0 ? -a : a;
}
constexpr Fixed min(Fixed a, Fixed b) {
  return b < a ? b : a;
}
constexpr Fixed max(Fixed a, Fixed b) {
  return a < b ? b : a;
}
/// low when value is below it, high when above; low <= high.
constexpr Fixed clamp(Fixed value, Fixed low, Fixed high) {
  return max(low, min(value, high));
}

}  // namespace drumline::world

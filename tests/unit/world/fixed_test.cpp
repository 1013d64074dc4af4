#include "world/fixed.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::world {
namespace {

TEST(fixed, integers_and_ratios_convert) {
  EXPECT_EQ(Fixed::from_int(-3).raw, -3 * 65536);
  EXPECT_EQ(Fixed::from_ratio(1, 2).raw, 32768);
  EXPECT_EQ(Fixed::from_ratio(-1, 3).raw, -21845);
  EXPECT_EQ(Fixed::from_ratio(7, 2).to_int(), 3);
  EXPECT_EQ(Fixed::from_ratio(-7, 2).to_int(), -4) << "rounds down, not towards zero";
}

TEST(fixed, products_and_quotients_agree_with_doubles) {
  Rng rng(7);
  for (int i = 0; i < 100'000; ++i) {
    const auto a = Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> (20 + rng.below(u64{40})));
    const auto b = Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> (20 + rng.below(u64{40})));
    const long double product = static_cast<long double>(a.raw) * static_cast<long double>(b.raw) / 65536.0L;
    // Up to 2^47 the double's product is exact, beyond that its last bit is not ours to match.
    if (std::abs(product) < 0x1p47L) {
      EXPECT_EQ((a * b).raw, static_cast<i64>(std::floor(product))) << a.raw << " * " << b.raw;
    } else if (std::abs(product) < 9.0e18L) {
      EXPECT_NEAR(static_cast<double>((a * b).raw - product), 0.0, 2.0) << a.raw << " * " << b.raw;
    }
    if (b.raw == 0) continue;
    const long double quotient = static_cast<long double>(a.raw) * 65536.0L / static_cast<long double>(b.raw);
    if (std::abs(quotient) < 9.0e18L) {
      EXPECT_NEAR(static_cast<double>((a / b).raw - quotient), 0.0, 1.0) << a.raw << " / " << b.raw;
    }
  }
}

TEST(fixed, overflow_wraps_and_division_by_zero_saturates) {
  const auto largest = Fixed::from_raw(INT64_MAX);
  const auto smallest = Fixed::from_raw(INT64_MIN);
  const auto ulp = Fixed::from_raw(1);
  EXPECT_EQ(largest + ulp, smallest);
  EXPECT_EQ(smallest - ulp, largest);
  EXPECT_EQ(-smallest, smallest);
  EXPECT_EQ((largest * largest).raw, static_cast<i64>((i128{INT64_MAX} * INT64_MAX) >> 16));
  EXPECT_EQ(Fixed::from_int(1) / Fixed{}, largest);
  EXPECT_EQ(Fixed::from_int(-1) / Fixed{}, smallest);
  EXPECT_EQ(Fixed{} / Fixed{}, Fixed{});
  EXPECT_EQ((smallest / Fixed::from_raw(-1)).raw, 0) << "2^63 * 2^16 modulo 2^64";
}

TEST(fixed, orders_and_clamps) {
  const Fixed one = Fixed::from_int(1);
  const Fixed two = Fixed::from_int(2);
  EXPECT_LT(-two, -one);
  EXPECT_EQ(clamp(Fixed::from_int(5), one, two), two);
  EXPECT_EQ(clamp(Fixed::from_int(-5), one, two), one);
  EXPECT_EQ(abs(-two), two);
}

}  // namespace
}  // namespace drumline::world

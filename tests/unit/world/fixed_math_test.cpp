#include "world/fixed_math.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "world/rng.hpp"

namespace drumline::world {
namespace {

double value(Fixed fixed) {
  return static_cast<double>(fixed.raw) / 65536.0;
}
double radians(Angle angle) {
  return angle * std::numbers::pi / 32768.0;
}

TEST(fixed_math, integer_roots_are_exact) {
  const auto check = [](u64 n) {
    const u128 root = isqrt(n);
    EXPECT_LE(root * root, n);
    EXPECT_GT((root + 1) * (root + 1), n);
  };
  for (u64 n = 0; n < 70'000; ++n) check(n);
  Rng rng(3);
  for (int i = 0; i < 200'000; ++i) check(rng.next_u64() >> rng.below(u64{64}));
  for (u64 r = 0xFFFF'FF00; r <= 0xFFFF'FFFF; ++r) {
    check(r * r);
    check(r * r - 1);
  }
  check(~u64{0});
}

TEST(fixed_math, wide_integer_roots_are_exact) {
  Rng rng(4);
  for (int i = 0; i < 20'000; ++i) {
    const u64 root = rng.next_u64() >> rng.below(u64{32});
    const u128 square = u128{root} * root;
    EXPECT_EQ(isqrt(square), root);
    if (root != 0) {
      EXPECT_EQ(isqrt(square - 1), root - 1);
    }
  }
  EXPECT_EQ(isqrt(~u128{0}), ~u64{0});
}

TEST(fixed_math, square_root_is_rounded_down) {
  Rng rng(5);
  for (int i = 0; i < 50'000; ++i) {
    const auto x = Fixed::from_raw(static_cast<i64>(rng.next_u64() >> (1 + rng.below(u64{60}))));
    const long double exact = std::sqrt(static_cast<long double>(x.raw) * 65536.0L);
    EXPECT_NEAR(static_cast<double>(sqrt(x).raw - exact), -0.5, 0.51) << x.raw;
  }
  EXPECT_EQ(sqrt(Fixed::from_int(-4)), Fixed{});
  EXPECT_EQ(sqrt(Fixed::from_int(49)), Fixed::from_int(7));
}

TEST(fixed_math, sine_and_cosine_are_within_one_unit_at_every_angle) {
  double worst = 0;
  for (u32 i = 0; i < 65536; ++i) {
    const auto angle = static_cast<Angle>(i);
    worst = std::max(worst, std::abs(value(sin(angle)) - std::sin(radians(angle))));
    worst = std::max(worst, std::abs(value(cos(angle)) - std::cos(radians(angle))));
  }
  EXPECT_LT(worst, 1.0 / 65536);
  EXPECT_EQ(sin(0x4000), Fixed::from_int(1));
  EXPECT_EQ(sin(0xC000), Fixed::from_int(-1));
  EXPECT_EQ(cos(0x8000), Fixed::from_int(-1));
  EXPECT_EQ(sin(0), Fixed{});
}

TEST(fixed_math, arc_tangent_is_within_one_binary_angle) {
  Rng rng(6);
  for (int i = 0; i < 200'000; ++i) {
    const auto x = Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> rng.below(u64{63}));
    const auto y = Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> rng.below(u64{63}));
    if (x.raw == 0 && y.raw == 0) continue;
    const double exact =
        std::atan2(static_cast<double>(y.raw), static_cast<double>(x.raw)) * 32768 / std::numbers::pi;
    const double apart = std::remainder(static_cast<double>(atan2(y, x)) - exact, 65536.0);
    EXPECT_LT(std::abs(apart), 1.0) << x.raw << ", " << y.raw;
  }
  EXPECT_EQ(atan2(Fixed{}, Fixed{}), 0);
  EXPECT_EQ(atan2(Fixed{}, Fixed::from_int(5)), 0);
  EXPECT_EQ(atan2(Fixed::from_int(5), Fixed{}), 0x4000);
  EXPECT_EQ(atan2(Fixed{}, Fixed::from_int(-5)), 0x8000);
  EXPECT_EQ(atan2(Fixed::from_int(-5), Fixed{}), 0xC000);
  EXPECT_EQ(atan2(Fixed::from_int(5), Fixed::from_int(5)), 0x2000);
  EXPECT_EQ(atan2(Fixed::from_raw(INT64_MIN), Fixed::from_raw(INT64_MIN)), 0xA000);
}

TEST(fixed_math, every_angle_survives_a_round_trip) {
  for (u32 i = 0; i < 65536; ++i) {
    const auto angle = static_cast<Angle>(i);
    const Vector way = direction_of(angle) * Fixed::from_int(1000);
    EXPECT_LE(std::abs(static_cast<i16>(atan2(way.y, way.x) - angle)), 1) << angle;
  }
}

TEST(fixed_math, lengths_agree_with_doubles) {
  Rng rng(8);
  for (int i = 0; i < 50'000; ++i) {
    const int shift = static_cast<int>(2 + rng.below(u64{60}));
    const Vector v{Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> shift),
                   Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> shift)};
    const long double exact =
        std::hypot(static_cast<long double>(v.x.raw), static_cast<long double>(v.y.raw));
    EXPECT_NEAR(static_cast<double>(length(v).raw - exact), -0.5, 0.52);
  }
  EXPECT_EQ(length({Fixed::from_raw(INT64_MIN), Fixed::from_raw(INT64_MIN)}).raw, INT64_MAX);
}

TEST(fixed_math, normalised_vectors_have_length_one_however_short_or_long) {
  Rng rng(9);
  for (int i = 0; i < 100'000; ++i) {
    const int shift = static_cast<int>(rng.below(u64{63}));
    const Vector v{Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> shift),
                   Fixed::from_raw(static_cast<i64>(rng.next_u64()) >> shift)};
    if (v == Vector{}) continue;
    const Vector unit = normalised(v);
    const double size = std::hypot(static_cast<double>(v.x.raw), static_cast<double>(v.y.raw));
    EXPECT_NEAR(value(unit.x), static_cast<double>(v.x.raw) / size, 2.0 / 65536) << v.x.raw << " " << v.y.raw;
    EXPECT_NEAR(value(unit.y), static_cast<double>(v.y.raw) / size, 2.0 / 65536) << v.x.raw << " " << v.y.raw;
  }
  EXPECT_EQ(normalised(Vector{}), Vector{});
}

TEST(fixed_math, squared_lengths_clamp_instead_of_overflowing) {
  EXPECT_EQ(raw_length_squared({Fixed::from_raw(3), Fixed::from_raw(-4)}), 25u);
  EXPECT_EQ(raw_length_squared({Fixed::from_raw(INT64_MIN), Fixed::from_raw(INT64_MAX)}), u64{1} << 61);
}

}  // namespace
}  // namespace drumline::world

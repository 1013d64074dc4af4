#include "world/fixed_math.hpp"

#include <array>
#include <bit>

namespace drumline::world {
namespace {

// The tables are computed by the compiler, in integers with 60 fractional bits.
constexpr int kTableBits = 60;
constexpr i128 kTableOne = i128{1} << kTableBits;
constexpr i128 kPi = 0x3243'F6A8'885A'308D;  // pi × 2^60, rounded down

constexpr i128 table_mul(i128 a, i128 b) {
  return (a * b) >> kTableBits;
}

constexpr i64 rounded(i128 value, int bits) {
  return static_cast<i64>((value + (i128{1} << (kTableBits - bits - 1))) >> (kTableBits - bits));
}

constexpr int kSteps = 256;
constexpr int kSineBits = 30;

// sin(i/256 of a quarter turn) by its Taylor series, 30 fractional bits.
constexpr std::array<i32, kSteps + 2> make_sine_table() {
  std::array<i32, kSteps + 2> table{};
  for (int i = 0; i <= kSteps; ++i) {
    const i128 x = kPi / 2 * i / kSteps;
    i128 term = x;
    i128 sum = x;
    for (int n = 1; term != 0 && n < 40; ++n) {
      term = -table_mul(table_mul(term, x), x) / (2 * n * (2 * n + 1));
      sum += term;
    }
    table[static_cast<std::size_t>(i)] = static_cast<i32>(rounded(sum, kSineBits));
  }
  table[kSteps + 1] = table[kSteps];
  return table;
}

constexpr int kAngleBits = 12;

// atan(i/256) by Euler's series, in binary angles with 12 fractional bits.
constexpr std::array<i32, kSteps + 2> make_atan_table() {
  std::array<i32, kSteps + 2> table{};
  for (int i = 0; i <= kSteps; ++i) {
    const i128 x = kTableOne * i / kSteps;
    const i128 square = table_mul(x, x);
    const i128 ratio = (square << kTableBits) / (kTableOne + square);
    i128 term = (x << kTableBits) / (kTableOne + square);
    i128 sum = term;
    for (int n = 1; term != 0 && n < 100; ++n) {
      term = table_mul(term, ratio) * (2 * n) / (2 * n + 1);
      sum += term;
    }
    // Half a turn, 32768, is pi.
    const i128 doubled = (sum << (15 + kAngleBits + 1)) / kPi;
    table[static_cast<std::size_t>(i)] = static_cast<i32>((doubled + 1) >> 1);
  }
  table[kSteps + 1] = table[kSteps];
  return table;
}

constexpr auto kSine = make_sine_table();
constexpr auto kAtan = make_atan_table();

// sin over the first quarter, `angle` in [0, 16384].
i64 quarter_sine(u32 angle) {
  const u32 i = angle >> 6;
  const i64 low = kSine[i];
  const i64 high = kSine[i + 1];
  const i64 value = low * 64 + (high - low) * static_cast<i64>(angle & 63);
  constexpr int shift = kSineBits + 6 - Fixed::kFractionBits;
  return (value + (i64{1} << (shift - 1))) >> shift;
}

u64 magnitude(i64 value) {
  return value < 0 ? u64{0} - static_cast<u64>(value) : static_cast<u64>(value);
}

}  // namespace

u32 isqrt(u64 value) {
  if (value == 0) return 0;
  // Newton's iteration from above; it falls until it is the root.
  u64 root = u64{1} << ((std::bit_width(value) + 1) / 2);
  for (;;) {
    const u64 next = (root + value / root) / 2;
    if (next >= root) break;
    root = next;
  }
  return static_cast<u32>(root);
}

u64 isqrt(u128 value) {
  const u64 high = static_cast<u64>(value >> 64);
  if (high == 0) return isqrt(static_cast<u64>(value));
  u128 root = u128{1} << ((64 + std::bit_width(high) + 1) / 2);
  for (;;) {
    const u128 next = (root + value / root) / 2;
    if (next >= root) break;
    root = next;
  }
  return static_cast<u64>(root);
}

Fixed sqrt(Fixed value) {
  if (value.raw <= 0) return Fixed{};
  return Fixed::from_raw(static_cast<i64>(isqrt(u128{static_cast<u64>(value.raw)} << Fixed::kFractionBits)));
}

Fixed sin(Angle angle) {
  const u32 quarter = angle >> 14;
  const u32 within = angle & 0x3FFFU;
  const i64 value = quarter_sine((quarter & 1) != 0 ? 0x4000U - within : within);
  return Fixed::from_raw((quarter & 2) != 0 ? -value : value);
}

Fixed cos(Angle angle) {
  return sin(static_cast<Angle>(angle + 0x4000U));
}

Angle atan2(Fixed y, Fixed x) {
  u64 ax = magnitude(x.raw);
  u64 ay = magnitude(y.raw);
  if (ax == 0 && ay == 0) return 0;
  const bool steep = ay > ax;
  u64 longer = steep ? ay : ax;
  u64 shorter = steep ? ax : ay;
  if (const int excess = static_cast<int>(std::bit_width(longer)) - 40; excess > 0) {
    longer >>= excess;
    shorter >>= excess;
  }
  // The slope in [0, 1] with 8 bits of table index and 16 of interpolation.
  const u64 slope = (shorter << 24) / longer;
  const u64 i = slope >> 16;
  const i64 low = kAtan[i];
  const i64 high = kAtan[i + 1];
  const i64 fine = (low << 16) + (high - low) * static_cast<i64>(slope & 0xFFFF);
  constexpr int shift = kAngleBits + 16;
  i64 angle = (fine + (i64{1} << (shift - 1))) >> shift;
  if (steep) angle = 0x4000 - angle;
  if (x.raw < 0) angle = 0x8000 - angle;
  if (y.raw < 0) angle = -angle;
  return static_cast<Angle>(angle);
}

Fixed length(Vector v) {
  const u128 x = magnitude(v.x.raw);
  const u128 y = magnitude(v.y.raw);
  const u64 root = isqrt(x * x + y * y);
  return Fixed::from_raw(root > static_cast<u64>(INT64_MAX) ? INT64_MAX : static_cast<i64>(root));
}

Vector normalised(Vector v) {
  // Small vectors are scaled up first, so that rounding their length does not show.
  u64 largest = magnitude(v.x.raw) > magnitude(v.y.raw) ? magnitude(v.x.raw) : magnitude(v.y.raw);
  if (largest == 0) return v;
  const int up = 30 - static_cast<int>(std::bit_width(largest));
  if (up > 0) {
    v.x.raw *= i64{1} << up;
    v.y.raw *= i64{1} << up;
  } else {
    v.x.raw >>= -up;
    v.y.raw >>= -up;
  }
  const i64 root =
      static_cast<i64>(isqrt(static_cast<u64>(v.x.raw * v.x.raw) + static_cast<u64>(v.y.raw * v.y.raw)));
  return {Fixed::from_raw(v.x.raw * Fixed::kOneRaw / root), Fixed::from_raw(v.y.raw * Fixed::kOneRaw / root)};
}

}  // namespace drumline::world

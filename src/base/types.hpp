// The words that every module speaks: widths, byte views, time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drumline {

using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// Nanoseconds of some clock; which one, the Clock that gave it says.
using TimeNs = i64;

/// Number of a simulation step, from 1 for the first; 0 is the state as created.
using Tick = u64;

/// One tick: 16 ms exactly, 62.5 Hz (the article's fixed step).
inline constexpr i64 kTickNs = 16'000'000;
inline constexpr i64 kMicrosecondNs = 1'000;
inline constexpr i64 kMillisecondNs = 1'000'000;
inline constexpr i64 kSecondNs = 1'000'000'000;

// Columns, journal and frames are little-endian in memory and on disk alike.
static_assert(std::endian::native == std::endian::little, "Drumline runs on little-endian machines only");

}  // namespace drumline

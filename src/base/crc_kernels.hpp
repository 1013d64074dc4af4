// The inner loops behind crc.hpp, apart so that the tests reach each of them. The
// registers are raw: no inversion here.
#pragma once

#include "base/types.hpp"

namespace drumline::crc_kernels {

/// Slicing by 8: eight table look-ups for eight bytes (Kounavis and Berry, 2005).
u16 sliced16(const std::byte* data, std::size_t size, u16 crc);
u32 sliced32(const std::byte* data, std::size_t size, u32 crc);

/// What a processor may have; each has the ones before it too.
enum class Level {
  tables,
  multiply,       ///< carry-less multiplication, 16 bytes at once
  wide_multiply,  ///< the same on 64 bytes
};

/// What this one has.
Level highest_level();

/// By the means of a level, which must be there.
u16 run16(Level level, const std::byte* data, std::size_t size, u16 crc);
u32 run32(Level level, const std::byte* data, std::size_t size, u32 crc);

/// By the best means that there are.
u16 best16(const std::byte* data, std::size_t size, u16 crc);
u32 best32(const std::byte* data, std::size_t size, u32 crc);

}  // namespace drumline::crc_kernels

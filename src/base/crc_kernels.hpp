// The inner loops behind crc.hpp. The registers are raw: no inversion here.
// Table forms run everywhere; `fold_*` are what the processor's own file gives.
#pragma once

#include "base/types.hpp"

namespace drumline::crc_kernels {

/// Slicing by 8: eight table look-ups for eight bytes (Kounavis and Berry, 2005).
u16 sliced16(const std::byte* data, std::size_t size, u16 crc);
u32 sliced32(const std::byte* data, std::size_t size, u32 crc);

/// The fastest that this processor has, chosen at run time.
u16 best16(const std::byte* data, std::size_t size, u16 crc);
u32 best32(const std::byte* data, std::size_t size, u32 crc);

}  // namespace drumline::crc_kernels

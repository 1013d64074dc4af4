// For processors without a file of their own.
#include "base/crc_kernels.hpp"

namespace drumline::crc_kernels {

Level highest_level() {
  return Level::tables;
}

u16 run16(Level, const std::byte* data, std::size_t size, u16 crc) {
  return sliced16(data, size, crc);
}
u32 run32(Level, const std::byte* data, std::size_t size, u32 crc) {
  return sliced32(data, size, crc);
}

u16 best16(const std::byte* data, std::size_t size, u16 crc) {
  return sliced16(data, size, crc);
}
u32 best32(const std::byte* data, std::size_t size, u32 crc) {
  return sliced32(data, size, crc);
}

}  // namespace drumline::crc_kernels

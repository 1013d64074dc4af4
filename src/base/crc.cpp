#include "base/crc.hpp"

#include <array>
#include <cstring>

#include "base/crc_kernels.hpp"

namespace drumline {

namespace {

template <class Register, Register kPolynomial>
constexpr std::array<std::array<Register, 256>, 8> make_tables() {
  std::array<std::array<Register, 256>, 8> tables{};
  for (u32 value = 0; value < 256; ++value) {
    u32 crc = value;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? u32{kPolynomial} : 0);
    tables[0][value] = static_cast<Register>(crc);
  }
  for (u32 value = 0; value < 256; ++value) {
    for (u32 ahead = 1; ahead < 8; ++ahead) {
      const u32 crc = tables[ahead - 1][value];
      tables[ahead][value] = static_cast<Register>((crc >> 8) ^ tables[0][crc & 0xFF]);
    }
  }
  return tables;
}

template <class Register, Register kPolynomial>
Register sliced(const std::byte* data, std::size_t size, Register crc) {
  static constexpr auto kTables = make_tables<Register, kPolynomial>();
  while (size >= 8) {
    u64 word = 0;
    std::memcpy(&word, data, 8);
    word ^= crc;
    crc = static_cast<Register>(kTables[7][word & 0xFF] ^ kTables[6][(word >> 8) & 0xFF] ^
                                kTables[5][(word >> 16) & 0xFF] ^ kTables[4][(word >> 24) & 0xFF] ^
                                kTables[3][(word >> 32) & 0xFF] ^ kTables[2][(word >> 40) & 0xFF] ^
                                kTables[1][(word >> 48) & 0xFF] ^ kTables[0][word >> 56]);
    data += 8;
    size -= 8;
  }
  for (; size > 0; --size, ++data) {
    crc = static_cast<Register>((crc >> 8) ^ kTables[0][(crc ^ static_cast<u32>(*data)) & 0xFF]);
  }
  return crc;
}

template <class Register, Register kPolynomial>
Register plain(Bytes bytes, Register crc) {
  for (const std::byte byte : bytes) {
    u32 value = u32{crc} ^ static_cast<u32>(byte);
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? u32{kPolynomial} : 0);
    crc = static_cast<Register>(value);
  }
  return crc;
}

constexpr u16 kIbm = 0xA001;
constexpr u32 kCastagnoli = 0x82F6'3B78;

}  // namespace

namespace crc_kernels {

u16 sliced16(const std::byte* data, std::size_t size, u16 crc) {
  return sliced<u16, kIbm>(data, size, crc);
}
u32 sliced32(const std::byte* data, std::size_t size, u32 crc) {
  return sliced<u32, kCastagnoli>(data, size, crc);
}

}  // namespace crc_kernels

u16 crc16_ibm(Bytes bytes, u16 initial) {
  return crc_kernels::best16(bytes.data(), bytes.size(), initial);
}
u16 crc16_ibm_plain(Bytes bytes, u16 initial) {
  return plain<u16, kIbm>(bytes, initial);
}

u32 crc32c(Bytes bytes, u32 initial) {
  return ~crc_kernels::best32(bytes.data(), bytes.size(), ~initial);
}
u32 crc32c_plain(Bytes bytes, u32 initial) {
  return ~plain<u32, kCastagnoli>(bytes, ~initial);
}

}  // namespace drumline

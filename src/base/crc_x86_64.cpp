// CRCs by carry-less multiplication: Gopal et al., "Fast CRC Computation for
// Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009, in its
// bit-reflected form.
//
// A 16-byte register R stands for the polynomial l·x^64 + h, where bit i of the
// low half l has degree 63 - i. To move R forward by D bits means R·x^D mod P =
// l·(x^(D+64) mod P) + h·(x^D mod P): two multiplications by constants. The
// product of two reflected halves comes out one bit low, so the constants are
// taken at one degree less.
#include <cstring>

#include <immintrin.h>

#include "base/crc_kernels.hpp"

#define DRUM_SSE [[gnu::target("sse4.2,pclmul")]]
#define DRUM_AVX512 [[gnu::target("sse4.2,pclmul,avx512f,avx512vl,vpclmulqdq")]]

namespace drumline::crc_kernels {

namespace {

/// x^degree mod P for P = x^width + `low` (bit i has degree i: not reflected).
constexpr u64 power_mod(u32 degree, u64 low, u32 width) {
  u64 value = 1;
  for (u32 step = 0; step < degree; ++step) {
    const bool carry = ((value >> (width - 1)) & 1) != 0;
    value = (value << 1) & ((u64{1} << width) - 1);
    if (carry) value ^= low;
  }
  return value;
}

/// Bit i becomes bit count - 1 - i.
constexpr u64 reflected(u64 value, u32 count) {
  u64 result = 0;
  for (u32 bit = 0; bit < count; ++bit) result |= ((value >> bit) & 1) << (count - 1 - bit);
  return result;
}

/// The constants that move a register forward by a distance.
struct Forward {
  u64 low;
  u64 high;
};

template <u64 kLow, u32 kWidth>
constexpr Forward forward(u32 bits) {
  return {reflected(power_mod(bits + 64 - 1, kLow, kWidth), 64),
          reflected(power_mod(bits - 1, kLow, kWidth), 64)};
}

struct Ibm {
  using Register = u16;
  static constexpr u64 kLow = 0x8005;
  static constexpr u32 kWidth = 16;
};
struct Castagnoli {
  using Register = u32;
  static constexpr u64 kLow = 0x1EDC'6F41;
  static constexpr u32 kWidth = 32;
};

template <class P>
inline constexpr Forward kBy128 = forward<P::kLow, P::kWidth>(128);
template <class P>
inline constexpr Forward kBy256 = forward<P::kLow, P::kWidth>(256);
template <class P>
inline constexpr Forward kBy384 = forward<P::kLow, P::kWidth>(384);
template <class P>
inline constexpr Forward kBy512 = forward<P::kLow, P::kWidth>(512);
template <class P>
inline constexpr Forward kBy2048 = forward<P::kLow, P::kWidth>(2048);

DRUM_SSE inline __m128i load(const std::byte* data) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

DRUM_SSE inline __m128i constants(const Forward& by) {
  return _mm_set_epi64x(static_cast<long long>(by.high), static_cast<long long>(by.low));
}

/// The register moved forward by the constants' distance, plus what stands there.
DRUM_SSE inline __m128i fold(__m128i value, __m128i by, __m128i there) {
  const __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/// floor(x^80 / P), reflected, without its lowest-degree coefficient: what the
/// Barrett reduction of 80 bits multiplies with.
constexpr u64 ibm_quotient() {
  u64 quotient = 0;  // bit j: degree 64 - j
  u32 rest = 1;      // the running remainder, one degree a step
  for (u32 j = 0; j < 64; ++j) {
    const bool taken = j == 0 || ((rest >> 16) & 1) != 0;
    if (j == 0) rest = 0x1'0000;
    if (taken) {
      quotient |= u64{1} << j;
      rest ^= 0x1'8005;
    }
    rest <<= 1;
  }
  return quotient;
}

/// The CRC of what a register stands for: R·x^width mod P.
DRUM_SSE inline u16 finish(Ibm, __m128i value) {
  // 128 → 80 bits: l·x^80 + h·x^16, the first by its constant.
  constexpr u64 kBy80 = reflected(power_mod(80, Ibm::kLow, 16), 16) << 1;
  const __m128i shorter =
      _mm_xor_si128(_mm_clmulepi64_si128(value, _mm_cvtsi64_si128(static_cast<long long>(kBy80)), 0x00),
                    _mm_srli_si128(value, 8));
  // 80 → 16 bits, Barrett: q = the quotient's 64 bits, then the low 16 of q·P.
  constexpr u64 kQuotient = ibm_quotient();
  constexpr u64 kPolynomial = reflected(0x1'8005, 17);
  const __m128i barrett =
      _mm_set_epi64x(static_cast<long long>(kPolynomial), static_cast<long long>(kQuotient));
  const __m128i quotient = _mm_clmulepi64_si128(shorter, barrett, 0x00);
  const __m128i product = _mm_clmulepi64_si128(quotient, barrett, 0x10);
  return static_cast<u16>(_mm_extract_epi16(_mm_xor_si128(product, shorter), 4));
}

DRUM_SSE inline u32 finish(Castagnoli, __m128i value) {
  const u64 low = _mm_crc32_u64(0, static_cast<u64>(_mm_cvtsi128_si64(value)));
  return static_cast<u32>(_mm_crc32_u64(low, static_cast<u64>(_mm_extract_epi64(value, 1))));
}

/// 8 to 15 bytes: one register with zeros in front, which change nothing.
DRUM_SSE u16 short_sse(const std::byte* data, std::size_t size, u16 crc) {
  u64 first = 0;
  u64 last = 0;
  std::memcpy(&first, data, 8);
  std::memcpy(&last, data + size - 8, 8);
  // The two overlap; the crc belongs to the first two bytes wherever they are.
  last ^= u64{crc} >> (8 * (size - 8));
  first = size == 8 ? 0 : (first ^ crc) << (8 * (16 - size));
  return finish(Ibm{}, _mm_set_epi64x(static_cast<long long>(last), static_cast<long long>(first)));
}

/// Under 16 bytes.
DRUM_SSE u32 short_sse(const std::byte* data, std::size_t size, u32 crc) {
  if ((size & 8) != 0) {
    u64 word = 0;
    std::memcpy(&word, data, 8);
    crc = static_cast<u32>(_mm_crc32_u64(crc, word));
    data += 8;
  }
  if ((size & 4) != 0) {
    u32 word = 0;
    std::memcpy(&word, data, 4);
    crc = _mm_crc32_u32(crc, word);
    data += 4;
  }
  for (size &= 3; size > 0; --size, ++data) crc = _mm_crc32_u8(crc, static_cast<u8>(*data));
  return crc;
}

/// Masks for a byte shuffle that moves by 0 .. 16: read at 16 - n to shift left
/// (towards higher addresses) with zeros coming in.
alignas(16) constexpr u8 kShift[48] = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};

DRUM_SSE inline __m128i shuffle(__m128i value, std::size_t at) {
  return _mm_shuffle_epi8(value, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kShift + at)));
}

/// Folds `size` further bytes at `data` into the register. At least 16 bytes stand before `data`.
template <class P>
DRUM_SSE inline typename P::Register fold_rest(const std::byte* data, std::size_t size, __m128i value) {
  const __m128i by128 = constants(kBy128<P>);
  while (size >= 16) {
    value = fold(value, by128, load(data));
    data += 16;
    size -= 16;
  }
  if (size > 0) {
    // R ‖ tail is 16 + size bytes: the first `size` of R stand alone, then one
    // whole block made of the rest of R and the tail.
    const __m128i head = shuffle(value, size);       // R's first bytes at the block's end
    const __m128i rest = shuffle(value, 16 + size);  // R's other bytes at its start
    // The last 16 bytes of the message, with those before the tail blanked.
    const __m128i keep = _mm_cmpgt_epi8(_mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                        _mm_set1_epi8(static_cast<char>(15 - size)));
    const __m128i tail = _mm_and_si128(load(data + size - 16), keep);
    value = fold(head, by128, _mm_or_si128(rest, tail));
  }
  return finish(P{}, value);
}

/// At least 16 bytes.
template <class P>
DRUM_SSE typename P::Register fold_sse(const std::byte* data, std::size_t size, typename P::Register crc) {
  __m128i value = _mm_xor_si128(load(data), _mm_cvtsi64_si128(static_cast<long long>(u64{crc})));
  if (size >= 64) {
    const __m128i by512 = constants(kBy512<P>);
    __m128i second = load(data + 16);
    __m128i third = load(data + 32);
    __m128i fourth = load(data + 48);
    data += 64;
    size -= 64;
    while (size >= 64) {
      value = fold(value, by512, load(data));
      second = fold(second, by512, load(data + 16));
      third = fold(third, by512, load(data + 32));
      fourth = fold(fourth, by512, load(data + 48));
      data += 64;
      size -= 64;
    }
    fourth = fold(value, constants(kBy384<P>), fourth);
    fourth = fold(second, constants(kBy256<P>), fourth);
    value = fold(third, constants(kBy128<P>), fourth);
  } else {
    data += 16;
    size -= 16;
  }
  return fold_rest<P>(data, size, value);
}

DRUM_AVX512 inline __m512i load512(const std::byte* data) {
  return _mm512_loadu_si512(data);
}

// The "maskz" forms with every lane kept, here and below: gcc 12's plain ones
// warn of an uninitialised value inside its own header (its bug 105593).
DRUM_AVX512 inline __m512i constants512(const Forward& by) {
  return _mm512_maskz_broadcast_i32x4(0xFFFF, constants(by));
}

DRUM_AVX512 inline __m512i fold512(__m512i value, __m512i by, __m512i there) {
  const __m512i low = _mm512_clmulepi64_epi128(value, by, 0x00);
  const __m512i high = _mm512_clmulepi64_epi128(value, by, 0x11);
  return _mm512_ternarylogic_epi64(low, high, there, 0x96);  // xor of three
}

/// At least 64 bytes.
template <class P>
DRUM_AVX512 typename P::Register fold_avx512(const std::byte* data, std::size_t size,
                                             typename P::Register crc) {
  const __m512i by512 = constants512(kBy512<P>);
  __m512i value = _mm512_xor_si512(
      load512(data), _mm512_zextsi128_si512(_mm_cvtsi64_si128(static_cast<long long>(u64{crc}))));
  data += 64;
  size -= 64;
  if (size >= 448) {
    const __m512i by2048 = constants512(kBy2048<P>);
    __m512i second = load512(data);
    __m512i third = load512(data + 64);
    __m512i fourth = load512(data + 128);
    data += 192;
    size -= 192;
    while (size >= 256) {
      value = fold512(value, by2048, load512(data));
      second = fold512(second, by2048, load512(data + 64));
      third = fold512(third, by2048, load512(data + 128));
      fourth = fold512(fourth, by2048, load512(data + 192));
      data += 256;
      size -= 256;
    }
    second = fold512(value, by512, second);
    third = fold512(second, by512, third);
    value = fold512(third, by512, fourth);
  }
  while (size >= 64) {
    value = fold512(value, by512, load512(data));
    data += 64;
    size -= 64;
  }
  const __m128i first = _mm512_maskz_extracti32x4_epi32(0xF, value, 0);
  const __m128i second = _mm512_maskz_extracti32x4_epi32(0xF, value, 1);
  const __m128i third = _mm512_maskz_extracti32x4_epi32(0xF, value, 2);
  __m128i last = _mm512_maskz_extracti32x4_epi32(0xF, value, 3);
  last = fold(first, constants(kBy384<P>), last);
  last = fold(second, constants(kBy256<P>), last);
  last = fold(third, constants(kBy128<P>), last);
  return fold_rest<P>(data, size, last);
}

Level detect() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("pclmul") == 0 || __builtin_cpu_supports("sse4.2") == 0) return Level::tables;
  if (__builtin_cpu_supports("avx512f") == 0 || __builtin_cpu_supports("avx512vl") == 0 ||
      __builtin_cpu_supports("vpclmulqdq") == 0) {
    return Level::multiply;
  }
  return Level::wide_multiply;
}

// Zero (tables) before it is initialised, so a call that early is slow, not wrong.
const Level kLevel = detect();

inline u16 run(Level level, const std::byte* data, std::size_t size, u16 crc) {
  if (level == Level::tables || size < 8) return sliced16(data, size, crc);
  if (size < 16) return short_sse(data, size, crc);
  if (size < 64 || level == Level::multiply) return fold_sse<Ibm>(data, size, crc);
  return fold_avx512<Ibm>(data, size, crc);
}

inline u32 run(Level level, const std::byte* data, std::size_t size, u32 crc) {
  if (level == Level::tables) return sliced32(data, size, crc);
  if (size < 16) return short_sse(data, size, crc);
  if (size < 64 || level == Level::multiply) return fold_sse<Castagnoli>(data, size, crc);
  return fold_avx512<Castagnoli>(data, size, crc);
}

}  // namespace

Level highest_level() {
  return kLevel;
}

u16 run16(Level level, const std::byte* data, std::size_t size, u16 crc) {
  return run(level, data, size, crc);
}
u32 run32(Level level, const std::byte* data, std::size_t size, u32 crc) {
  return run(level, data, size, crc);
}

u16 best16(const std::byte* data, std::size_t size, u16 crc) {
  return run(kLevel, data, size, crc);
}
u32 best32(const std::byte* data, std::size_t size, u32 crc) {
  return run(kLevel, data, size, crc);
}

}  // namespace drumline::crc_kernels

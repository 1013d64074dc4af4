#include "wire/messages.hpp"

namespace drumline::wire {
namespace {

/// Bytes of the clean character at the start of `text`; 0 when there is none.
std::size_t clean_character(std::string_view text) {
  const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<u8>(text[i]) : u8{0}; };
  const u8 first = at(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  // RFC 3629 section 4: what the second byte may be keeps out overlong forms,
  // surrogates and numbers above U+10FFFF.
  std::size_t size = 0;
  u8 low = 0x80;
  u8 high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    if (first == 0xC2) low = 0xA0;  // U+0080 .. U+009F are control characters
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return size;
}

}  // namespace

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = clean_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string clean_name(std::string_view name) {
  std::size_t taken = 0;
  while (taken < name.size()) {
    const std::size_t size = clean_character(name.substr(taken));
    if (size == 0 || taken + size > kMaxNameBytes) break;
    taken += size;
  }
  return std::string(name.substr(0, taken));
}

}  // namespace drumline::wire

#include "base/hex.hpp"

namespace drumline {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error malformed(const char* why) {
  return {ErrorCode::malformed, why};
}

}  // namespace

std::string to_hex(Bytes bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kHexDigits[static_cast<u8>(byte) >> 4];
    text += kHexDigits[static_cast<u8>(byte) & 15];
  }
  return text;
}

std::string to_hex(u64 value) {
  std::string text(16, '0');
  for (std::size_t i = 16; i > 0; value >>= 4) text[--i] = kHexDigits[value & 15];
  return text;
}

Result<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return malformed("hexadecimal text has an odd number of digits");
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return malformed("hexadecimal text holds a character that is no digit");
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return bytes;
}

Result<u64> u64_from_hex(std::string_view text) {
  if (text.empty() || text.size() > 16) return malformed("a hexadecimal number has 1 to 16 digits");
  u64 value = 0;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (digit < 0) return malformed("a hexadecimal number holds a character that is no digit");
    value = value << 4 | static_cast<u64>(digit);
  }
  return value;
}

std::string to_base64url(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  u32 bits = 0;
  u32 held = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | static_cast<u32>(byte);
    for (held += 8; held >= 6; held -= 6) text += kBase64Digits[(bits >> (held - 6)) & 63];
  }
  if (held > 0) text += kBase64Digits[(bits << (6 - held)) & 63];
  return text;
}

Result<std::vector<std::byte>> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return malformed("base64url text has an impossible length");
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() * 3 / 4);
  u32 bits = 0;
  u32 held = 0;
  for (const char c : text) {
    const std::size_t digit = kBase64Digits.find(c);
    if (digit == std::string_view::npos)
      return malformed("base64url text holds a character that is none of its own");
    bits = bits << 6 | static_cast<u32>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> held));
    }
  }
  if ((bits & ((1U << held) - 1)) != 0) return malformed("base64url text has stray bits at its end");
  return bytes;
}

}  // namespace drumline

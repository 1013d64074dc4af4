// Bytes as text: hexadecimal for people, base64url for tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline {

/// Two lower-case digits a byte.
std::string to_hex(Bytes bytes);
/// 16 lower-case digits, the highest first: how state hashes are written.
std::string to_hex(u64 value);
/// Either case. ErrorCode::malformed on an odd length or another character.
Result<std::vector<std::byte>> from_hex(std::string_view text);
/// 1 to 16 digits, either case.
Result<u64> u64_from_hex(std::string_view text);

/// RFC 4648, section 5, without padding.
std::string to_base64url(Bytes bytes);
/// Refuses padding, other characters and stray bits after the last byte, so that
/// one value has one spelling: ErrorCode::malformed.
Result<std::vector<std::byte>> from_base64url(std::string_view text);

}  // namespace drumline

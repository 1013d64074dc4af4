// Base 64 with the URL-safe alphabet and without padding (RFC 4648 section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace drumline::auth {

std::string encode_base64url(Bytes bytes);

/// None when a character is foreign, the length is impossible, or the unused
/// bits of the last character are not zero: each value has one spelling.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace drumline::auth

// The target of an HTTP request (RFC 9112 section 3.2), split and decoded.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drumline {

struct RequestTarget {
  std::string path;                                       ///< begins with '/', percent-decoded
  std::map<std::string, std::string, std::less<>> query;  ///< decoded; the first of a repeated key counts

  /// The value of `key`, or empty.
  std::string_view query_value(std::string_view key) const;
};

/// Splits "/path?key=value&other". Malformed: no leading '/', a broken %-escape,
/// a decoded control character, more than 32 keys.
Result<RequestTarget> parse_request_target(std::string_view target);

/// "localhost", 127.0.0.0/8 or ::1, with or without brackets and port, as a Host
/// header or the authority of an origin spells it.
bool is_loopback_authority(std::string_view authority);

/// The authority without its port and brackets, in lower case: "[::1]:80" is "::1".
std::string authority_host(std::string_view authority);

/// Compares in a time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

/// The token of an "Authorization: Bearer TOKEN" header's value; empty when it is something else.
std::string_view bearer_token(std::string_view authorization);

}  // namespace drumline

// Field sections of HTTP/3 by QPACK without a dynamic table (RFC 9204): the
// request of a client, and our answer's status.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::transport {

/// What a request's fields say; absent ones are empty.
struct RequestFields {
  std::string method;
  std::string protocol;  ///< :protocol of an extended CONNECT (RFC 9220)
  std::string scheme;
  std::string authority;
  std::string path;
  std::string origin;
  std::string authorization;
};

/// Errors: `corrupt` when QPACK cannot be read, which ends the connection; `exhausted`
/// when the fields, counted as RFC 9114 section 4.2.2 does, pass `max_bytes`;
/// `malformed` when they are no request (section 4.3: a repeated, unknown or late
/// pseudo field, a name in capitals).
Result<RequestFields> decode_request(Bytes section, std::size_t max_bytes);

/// The section ":status: `status`", with "content-type: text/plain" where a body follows.
std::vector<std::byte> encode_response(unsigned status, bool has_body);

}  // namespace drumline::transport

#include "base/result.hpp"

namespace drumline {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::malformed:
      return "malformed";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::out_of_range:
      return "out_of_range";
    case ErrorCode::exhausted:
      return "exhausted";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::io:
      return "io";
    case ErrorCode::mismatch:
      return "mismatch";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace drumline

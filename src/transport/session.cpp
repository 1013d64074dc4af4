#include "transport/session.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace drumline::transport {

const char* close_code_name(CloseCode code) {
  switch (code) {
    case CloseCode::none:
      return "none";
    case CloseCode::server_stopping:
      return "server_stopping";
    case CloseCode::bad_frame:
      return "bad_frame";
    case CloseCode::bad_message:
      return "bad_message";
    case CloseCode::too_large:
      return "too_large";
    case CloseCode::too_slow:
      return "too_slow";
    case CloseCode::flood:
      return "flood";
    case CloseCode::unauthenticated:
      return "unauthenticated";
    case CloseCode::token_expired:
      return "token_expired";
    case CloseCode::no_such_battle:
      return "no_such_battle";
    case CloseCode::battle_full:
      return "battle_full";
    case CloseCode::replaced:
      return "replaced";
    case CloseCode::idle:
      return "idle";
    case CloseCode::version:
      return "version";
    case CloseCode::internal:
      return "internal";
    case CloseCode::battle_over:
      return "battle_over";
    case CloseCode::overloaded:
      return "overloaded";
  }
  return "unknown";
}

u64 account_of(std::string_view name) {
  const u64 hash = XXH3_64bits(name.data(), name.size());
  return hash == 0 ? 1 : hash;  // 0 means nobody
}

}  // namespace drumline::transport

// What a WebSocket upgrade request must look like here, without any I/O: path,
// subprotocol, origin and token. docs/operations.md lists the answers.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/request_target.hpp"
#include "base/result.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

/// The subprotocol that client and server agree on in the handshake.
inline constexpr std::string_view kWebSocketSubprotocol = "drumline.v1";

/// Proves who holds `token`. Its Error's sentence goes to the peer: it says why
/// ("the token expired 12 s ago"), and nothing secret.
using TokenVerifier = std::function<Result<PeerIdentity>(std::string_view token)>;

/// The header fields that decide, as received; absent fields are empty.
struct UpgradeRequest {
  bool is_get = false;
  bool is_upgrade = false;  ///< Connection: upgrade and Upgrade: websocket
  std::string_view target;
  std::string_view host;
  std::string_view origin;
  std::string_view authorization;
  std::string_view subprotocols;
};

enum class UpgradeRefusal : u8 { bad_request, wrong_path, bad_subprotocol, bad_origin, bad_token };

struct UpgradeDecision {
  std::optional<UpgradeRefusal> refusal;
  unsigned status = 101;  ///< HTTP status to answer with
  std::string sentence;   ///< the body of a refusal
  PeerIdentity identity;  ///< when not refused
};

/// Decides on one request. The token is `?token=` of the target or, before that,
/// "Authorization: Bearer". `allowed_origins` empty: any loopback origin and the
/// host that the request itself names; "*" allows any. A request without an
/// Origin is no browser's and passes that check.
UpgradeDecision decide_upgrade(const UpgradeRequest& request, std::string_view path,
                               std::span<const std::string> allowed_origins, const TokenVerifier& verify);

/// The part of it that WebTransport has in common: of a request that wants `path`, the
/// origin and the token. Accepted is status 101 here too.
UpgradeDecision decide_visitor(const RequestTarget& target, std::string_view host, std::string_view origin,
                               std::string_view authorization, std::span<const std::string> allowed_origins,
                               const TokenVerifier& verify);

/// Is `origin` ("https://play.example:8443") allowed, as above?
bool origin_allowed(std::string_view origin, std::string_view host,
                    std::span<const std::string> allowed_origins);

/// Close codes on a WebSocket are 4000 + CloseCode; the reason is "name: reason",
/// cut to the 123 bytes that RFC 6455 section 5.5 leaves.
inline constexpr u16 kCloseCodeBase = 4000;
std::string close_reason_text(CloseCode code, std::string_view reason);

/// What a peer's close code means to us: 4000 + n is n where n is known, 1000
/// (normal) is none; everything else, going away included, is idle: a connection
/// lost, not a player leaving.
CloseCode close_code_from_wire(u16 code);

}  // namespace drumline::transport

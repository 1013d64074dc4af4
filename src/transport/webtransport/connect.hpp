// Which WebTransport session is let in: the WebSocket's rules for path, origin and
// token, asked of an extended CONNECT (RFC 9220).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/websocket/handshake.hpp"
#include "transport/webtransport/field_section.hpp"

namespace drumline::transport {

class TlsCredentials;

/// The application protocol that browsers ask for; native clients have one of their own.
inline constexpr std::string_view kHttp3Alpn = "h3";

struct WebTransportOptions {
  std::string path = "/play";
  std::vector<std::string> allowed_origins;  ///< see decide_upgrade()
  TokenVerifier verify;
  /// The certificate for browsers, asked for at each of their handshakes: a development one is
  /// renewed while the server runs. Null: the one that native clients are shown.
  std::function<std::shared_ptr<const TlsCredentials>()> credentials;
};

/// Decides on one request; an accepted one has status 200.
UpgradeDecision decide_connect(const RequestFields& fields, std::string_view path,
                               std::span<const std::string> allowed_origins, const TokenVerifier& verify);

/// What a browser's close code means to us: a CloseCode as it is; none and any other
/// are a connection lost, not a player leaving.
CloseCode close_code_from_capsule(std::optional<u32> code);

}  // namespace drumline::transport

#include "transport/websocket/handshake.hpp"

#include <algorithm>

namespace drumline::transport {
namespace {

constexpr std::size_t kMaxReasonBytes = 123;

UpgradeDecision refuse(UpgradeRefusal refusal, unsigned status, std::string sentence) {
  UpgradeDecision decision;
  decision.refusal = refusal;
  decision.status = status;
  decision.sentence = std::move(sentence);
  return decision;
}

/// Is `wanted` in a comma-separated list of tokens?
bool list_contains(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (item == wanted) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

bool origin_allowed(std::string_view origin, std::string_view host,
                    std::span<const std::string> allowed_origins) {
  if (!allowed_origins.empty()) {
    return std::any_of(allowed_origins.begin(), allowed_origins.end(),
                       [&](const std::string& allowed) { return allowed == "*" || allowed == origin; });
  }
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view authority = origin.substr(scheme + 3);
  if (is_loopback_authority(authority)) return true;
  return !host.empty() && authority_host(authority) == authority_host(host);
}

UpgradeDecision decide_upgrade(const UpgradeRequest& request, std::string_view path,
                               std::span<const std::string> allowed_origins, const TokenVerifier& verify) {
  if (!request.is_get) {
    return refuse(UpgradeRefusal::bad_request, 405, "Only GET with a WebSocket upgrade is served here.");
  }
  auto target = parse_request_target(request.target);
  if (!target) return refuse(UpgradeRefusal::bad_request, 400, target.error().message + '.');
  if (target->path != path) {
    return refuse(UpgradeRefusal::wrong_path, 404,
                  "Nothing is served at this path; connect to " + std::string(path) + '.');
  }
  if (!request.is_upgrade) {
    return refuse(UpgradeRefusal::bad_request, 426, "This path takes WebSocket connections only.");
  }
  if (!list_contains(request.subprotocols, kWebSocketSubprotocol)) {
    return refuse(UpgradeRefusal::bad_subprotocol, 400,
                  "The client must offer the subprotocol " + std::string(kWebSocketSubprotocol) + '.');
  }
  return decide_visitor(*target, request.host, request.origin, request.authorization, allowed_origins,
                        verify);
}

UpgradeDecision decide_visitor(const RequestTarget& target, std::string_view host, std::string_view origin,
                               std::string_view authorization, std::span<const std::string> allowed_origins,
                               const TokenVerifier& verify) {
  if (!origin.empty() && !origin_allowed(origin, host, allowed_origins)) {
    return refuse(UpgradeRefusal::bad_origin, 403,
                  "This origin is not allowed; the server's operator adds it to gateway.allowed_origins.");
  }
  std::string_view token = bearer_token(authorization);
  if (token.empty()) token = target.query_value("token");
  if (token.empty()) {
    return refuse(UpgradeRefusal::bad_token, 401,
                  "A token is missing: give ?token=TOKEN or \"Authorization: Bearer TOKEN\".");
  }
  auto identity = verify(token);
  if (!identity) return refuse(UpgradeRefusal::bad_token, 401, identity.error().message);
  UpgradeDecision accepted;
  accepted.identity = std::move(*identity);
  return accepted;
}

std::string close_reason_text(CloseCode code, std::string_view reason) {
  std::string text = close_code_name(code);
  if (!reason.empty()) text.append(": ").append(reason);
  if (text.size() > kMaxReasonBytes) {
    std::size_t size = kMaxReasonBytes;
    // A close reason is UTF-8: never cut inside a character.
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
    text.resize(size);
  }
  return text;
}

CloseCode close_code_from_wire(u16 code) {
  if (code == 1000) return CloseCode::none;
  if (code < kCloseCodeBase) return CloseCode::idle;
  const auto ours = static_cast<CloseCode>(code - kCloseCodeBase);
  return close_code_name(ours) == std::string_view("unknown") ? CloseCode::idle : ours;
}

}  // namespace drumline::transport

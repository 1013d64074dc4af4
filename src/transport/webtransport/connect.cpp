#include "transport/webtransport/connect.hpp"

namespace drumline::transport {
namespace {

UpgradeDecision refuse(UpgradeRefusal refusal, unsigned status, std::string sentence) {
  UpgradeDecision decision;
  decision.refusal = refusal;
  decision.status = status;
  decision.sentence = std::move(sentence);
  return decision;
}

}  // namespace

UpgradeDecision decide_connect(const RequestFields& fields, std::string_view path,
                               std::span<const std::string> allowed_origins, const TokenVerifier& verify) {
  if (fields.method != "CONNECT") {
    return refuse(UpgradeRefusal::bad_request, 405,
                  "Only CONNECT is served here, for WebTransport; the page is on the console's port.");
  }
  if (fields.protocol != "webtransport") {
    return refuse(UpgradeRefusal::bad_request, 501, "The :protocol of a CONNECT must be webtransport.");
  }
  if (fields.scheme != "https" || fields.authority.empty()) {
    return refuse(UpgradeRefusal::bad_request, 400, "A CONNECT needs the :scheme https and an :authority.");
  }
  auto target = parse_request_target(fields.path);
  if (!target) return refuse(UpgradeRefusal::bad_request, 400, target.error().message + '.');
  if (target->path != path) {
    return refuse(UpgradeRefusal::wrong_path, 404,
                  "Nothing is served at this path; connect to " + std::string(path) + '.');
  }
  UpgradeDecision decision =
      decide_visitor(*target, fields.authority, fields.origin, fields.authorization, allowed_origins, verify);
  if (!decision.refusal) decision.status = 200;
  return decision;
}

CloseCode close_code_from_capsule(std::optional<u32> code) {
  if (!code || *code > static_cast<u32>(CloseCode::overloaded)) return CloseCode::idle;
  return static_cast<CloseCode>(*code);
}

}  // namespace drumline::transport

// HTTP requests of the admin endpoint and of WebSocket upgrades.
#include "base/request_target.hpp"
#include "fuzz.hpp"
#include "transport/websocket/handshake.hpp"

namespace drumline::fuzz {
namespace {

/// The next line of what is left.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

void run(Bytes input) {
  std::string_view text = text_of(input);
  transport::UpgradeRequest request;
  request.is_get = request.is_upgrade = true;
  for (std::string_view* field :
       {&request.target, &request.host, &request.origin, &request.authorization, &request.subprotocols})
    *field = take_line(text);
  if (const auto target = parse_request_target(request.target); target) {
    DRUM_ASSERT(!target->path.empty() && target->path.front() == '/' && target->query.size() <= 32);
    for (const char c : target->path) DRUM_ASSERT(static_cast<unsigned char>(c) >= 0x20);
  }
  (void)is_loopback_authority(request.host);
  (void)authority_host(request.host);
  const transport::TokenVerifier only = [](std::string_view token) -> Result<transport::PeerIdentity> {
    if (token != "good") return Error{ErrorCode::refused, "no"};
    return transport::PeerIdentity{.authenticated = true};
  };
  const auto decision = transport::decide_upgrade(request, "/play", {}, only);
  // Let in is only who brought the token, by one of the two ways.
  if (!decision.refusal)
    DRUM_ASSERT(decision.status == 101 && decision.identity.authenticated &&
                (request.target.find("good") != std::string_view::npos ||
                 request.target.find('%') != std::string_view::npos ||
                 request.authorization.find("good") != std::string_view::npos));
}

std::vector<Input> seeds() {
  return {input_of("/play?token=good\nlocalhost:8080\nhttp://localhost:8080\n\ndrumline.v1"),
          input_of("/play\nplay.example\nhttps://play.example\nBearer good\nchat, drumline.v1"),
          input_of("/metrics?a=b&c=%20d\n[::1]:80\n\nBasic abc\n")};
}

}  // namespace drumline::fuzz

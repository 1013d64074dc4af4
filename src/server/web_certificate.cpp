#include "server/web_certificate.hpp"

#include <filesystem>
#include <span>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::server {

namespace {
/// Where it cannot be renewed, that is said once in so long.
constexpr i64 kTryAgainS = 3600;
}  // namespace

Result<std::unique_ptr<WebCertificate>> WebCertificate::open(const std::string& folder,
                                                             const env::Clock& clock) {
  std::error_code ignored;
  if (!std::filesystem::exists(transport::pki_paths(folder).web_certificate, ignored))
    return std::unique_ptr<WebCertificate>();
  std::unique_ptr<WebCertificate> made(new WebCertificate(folder, clock));
  if (auto loaded = made->load(); !loaded) return std::move(loaded).error();
  return made;
}

Result<void> WebCertificate::load() {
  const transport::PkiPaths paths = transport::pki_paths(folder_);
  const auto facts = transport::certificate_facts(paths.web_certificate);
  if (!facts) return facts.error();
  auto credentials = transport::TlsCredentials::load({{}, paths.web_certificate, paths.web_key});
  if (!credentials) return std::move(credentials).error();
  credentials_ = std::move(*credentials);
  hash_ = to_hex(std::as_bytes(std::span(facts->sha256)));
  expires_at_s_ = facts->expires_at_s;
  return {};
}

std::shared_ptr<const transport::TlsCredentials> WebCertificate::credentials() const {
  const std::lock_guard lock(mutex_);
  return credentials_;
}

std::string WebCertificate::hash() {
  const std::lock_guard lock(mutex_);
  renew_when_due();
  return hash_;
}

void WebCertificate::renew_when_due() {
  const i64 now_s = clock_.wall_now() / kSecondNs;
  if (expires_at_s_ - now_s >= transport::kWebRenewBeforeS || now_s - tried_at_s_ < kTryAgainS) return;
  tried_at_s_ = now_s;
  const auto renewed = transport::renew_web_certificate(folder_);
  const auto loaded = renewed ? load() : Result<void>(renewed.error());
  if (loaded)
    log_info("webtransport: the certificate for browsers was renewed");
  else
    log_warning("webtransport: {}; browsers use the WebSocket once web.pem has expired",
                loaded.error().message);
}

}  // namespace drumline::server

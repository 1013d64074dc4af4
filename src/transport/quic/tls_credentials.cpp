#include "transport/quic/tls_credentials.hpp"

#include <fmt/core.h>
#include <gnutls/crypto.h>

#include "transport/quic/tls_handshake.hpp"

namespace drumline::transport {

namespace {

constexpr const char* kPriorities =
    "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:"
    "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1";

Error tls_error(const std::string& what, int code) {
  return {ErrorCode::invalid_argument, fmt::format("{}: {}", what, gnutls_strerror(code))};
}

}  // namespace

Result<std::shared_ptr<const TlsCredentials>> TlsCredentials::load(const TlsFiles& files) {
  std::shared_ptr<TlsCredentials> made(new TlsCredentials);
  int rc = gnutls_certificate_allocate_credentials(&made->certificates_);
  if (rc < 0) return tls_error("TLS credentials", rc);
  const char* where = nullptr;
  rc = gnutls_priority_init(&made->priorities_, kPriorities, &where);
  if (rc < 0) return tls_error("TLS priorities", rc);
  if (!files.authority.empty()) {
    rc = gnutls_certificate_set_x509_trust_file(made->certificates_, files.authority.c_str(),
                                                GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
      return tls_error("certificate authority " + files.authority,
                       rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
  }
  if (!files.revoked.empty()) {
    rc =
        gnutls_certificate_set_x509_crl_file(made->certificates_, files.revoked.c_str(), GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
      return tls_error("list of revoked certificates " + files.revoked,
                       rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
  }
  if (!files.certificate.empty()) {
    rc = gnutls_certificate_set_x509_key_file(made->certificates_, files.certificate.c_str(),
                                              files.key.c_str(), GNUTLS_X509_FMT_PEM);
    if (rc < 0) return tls_error("certificate " + files.certificate + " with key " + files.key, rc);
    gnutls_datum_t pem{};
    rc = gnutls_load_file(files.key.c_str(), &pem);
    if (rc < 0) return tls_error("key " + files.key, rc);
    constexpr std::string_view kLabel = "drumline transport root secret";
    rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, pem.data, pem.size, kLabel.data(), kLabel.size(),
                          made->root_secret_.data());
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    if (rc < 0) return tls_error("key " + files.key, rc);
  }
  gnutls_certificate_set_verify_function(made->certificates_, &TlsHandshake::verify_peer);
  return std::shared_ptr<const TlsCredentials>(std::move(made));
}

TlsCredentials::~TlsCredentials() {
  if (priorities_ != nullptr) gnutls_priority_deinit(priorities_);
  if (certificates_ != nullptr) gnutls_certificate_free_credentials(certificates_);
  gnutls_memset(root_secret_.data(), 0, root_secret_.size());
}

std::array<u8, 32> TlsCredentials::secret(std::string_view purpose) const {
  std::array<u8, 32> out{};
  const int rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, root_secret_.data(), root_secret_.size(), purpose.data(),
                                  purpose.size(), out.data());
  DRUM_ASSERT(rc == 0);
  return out;
}

}  // namespace drumline::transport

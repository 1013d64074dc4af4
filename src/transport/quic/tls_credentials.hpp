// Certificates and TLS policy, loaded once and shared by every connection.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/result.hpp"
#include "base/types.hpp"
#include "transport/quic/quic_settings.hpp"

namespace drumline::transport {

/// TLS 1.3 only, P-256 and AES-128-GCM first. Immutable after load(): any thread.
class TlsCredentials {
 public:
  /// Fails with the file and GnuTLS's reason.
  static Result<std::shared_ptr<const TlsCredentials>> load(const TlsFiles& files);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  gnutls_certificate_credentials_t certificates() const { return certificates_; }
  gnutls_priority_t priorities() const { return priorities_; }
  /// Of a client that goes on with a session: X25519, which costs both ends less, before P-256, which the
  /// certificates of a full handshake need anyway.
  gnutls_priority_t resumption_priorities() const { return resumption_priorities_; }

  enum class Standing : u8 { good, expired, revoked };
  /// Of a certificate that our authority has signed: whether it holds now. Signatures are not looked at
  /// again.
  Standing standing_of(gnutls_x509_crt_t certificate) const;
  /// SHA-256 of the authority's file; zeros without one.
  const std::array<u8, 32>& authority_digest() const { return authority_digest_; }

  /// 32 secret bytes that depend on our private key and `purpose` alone, so that
  /// they outlive a restart (HMAC-SHA-256 of the purpose under the key's PEM).
  std::array<u8, 32> secret(std::string_view purpose) const;

 private:
  TlsCredentials() = default;

  gnutls_certificate_credentials_t certificates_ = nullptr;
  gnutls_priority_t priorities_ = nullptr;
  gnutls_priority_t resumption_priorities_ = nullptr;
  gnutls_x509_crl_t* revoked_ = nullptr;
  unsigned revoked_lists_ = 0;
  std::array<u8, 32> authority_digest_{};
  std::array<u8, 32> root_secret_{};
};

}  // namespace drumline::transport

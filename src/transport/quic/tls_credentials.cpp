#include "transport/quic/tls_credentials.hpp"

#include <fmt/core.h>
#include <gnutls/crypto.h>

#include "transport/quic/tls_handshake.hpp"

namespace drumline::transport {

namespace {

// Ciphers, and groups for the key exchange, in the order in which we like them.
#define DRUMLINE_TLS_POLICY                                   \
  "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:" \
  "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
  "-GROUP-ALL:"
constexpr const char* kPriorities = DRUMLINE_TLS_POLICY "+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1";
constexpr const char* kResumptionPriorities =
    DRUMLINE_TLS_POLICY "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1";
#undef DRUMLINE_TLS_POLICY

Error tls_error(const std::string& what, int code) {
  return {ErrorCode::invalid_argument, fmt::format("{}: {}", what, gnutls_strerror(code))};
}

/// A file's contents, wiped afterwards: it may be a key.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path) : failure_(gnutls_load_file(path.c_str(), &data_)) {}
  ~FileBytes() {
    if (data_.data != nullptr) gnutls_memset(data_.data, 0, data_.size);
    gnutls_free(data_.data);
  }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  /// GnuTLS's code; 0: it was read.
  int failure() const { return failure_; }
  const gnutls_datum_t& data() const { return data_; }

 private:
  gnutls_datum_t data_{};
  int failure_;
};

}  // namespace

Result<std::shared_ptr<const TlsCredentials>> TlsCredentials::load(const TlsFiles& files) {
  std::shared_ptr<TlsCredentials> made(new TlsCredentials);
  int rc = gnutls_certificate_allocate_credentials(&made->certificates_);
  if (rc < 0) return tls_error("TLS credentials", rc);
  const char* where = nullptr;
  rc = gnutls_priority_init(&made->priorities_, kPriorities, &where);
  if (rc >= 0) rc = gnutls_priority_init(&made->resumption_priorities_, kResumptionPriorities, &where);
  if (rc < 0) return tls_error("TLS priorities", rc);
  if (!files.authority.empty()) {
    rc = gnutls_certificate_set_x509_trust_file(made->certificates_, files.authority.c_str(),
                                                GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
      return tls_error("certificate authority " + files.authority,
                       rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
    const FileBytes pem(files.authority);
    if (pem.failure() < 0) return tls_error("certificate authority " + files.authority, pem.failure());
    rc =
        gnutls_hash_fast(GNUTLS_DIG_SHA256, pem.data().data, pem.data().size, made->authority_digest_.data());
    if (rc < 0) return tls_error("certificate authority " + files.authority, rc);
  }
  if (!files.revoked.empty()) {
    rc =
        gnutls_certificate_set_x509_crl_file(made->certificates_, files.revoked.c_str(), GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
      return tls_error("list of revoked certificates " + files.revoked,
                       rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
    const FileBytes pem(files.revoked);
    rc = pem.failure();
    if (rc == 0)
      rc = gnutls_x509_crl_list_import2(&made->revoked_, &made->revoked_lists_, &pem.data(),
                                        GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) return tls_error("list of revoked certificates " + files.revoked, rc);
  }
  if (!files.certificate.empty()) {
    rc = gnutls_certificate_set_x509_key_file(made->certificates_, files.certificate.c_str(),
                                              files.key.c_str(), GNUTLS_X509_FMT_PEM);
    if (rc < 0) return tls_error("certificate " + files.certificate + " with key " + files.key, rc);
    const FileBytes pem(files.key);
    if (pem.failure() < 0) return tls_error("key " + files.key, pem.failure());
    constexpr std::string_view kLabel = "drumline transport root secret";
    rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, pem.data().data, pem.data().size, kLabel.data(), kLabel.size(),
                          made->root_secret_.data());
    if (rc < 0) return tls_error("key " + files.key, rc);
  }
  gnutls_certificate_set_verify_function(made->certificates_, &TlsHandshake::verify_peer);
  return std::shared_ptr<const TlsCredentials>(std::move(made));
}

TlsCredentials::~TlsCredentials() {
  if (priorities_ != nullptr) gnutls_priority_deinit(priorities_);
  if (resumption_priorities_ != nullptr) gnutls_priority_deinit(resumption_priorities_);
  if (certificates_ != nullptr) gnutls_certificate_free_credentials(certificates_);
  for (unsigned i = 0; i < revoked_lists_; ++i) gnutls_x509_crl_deinit(revoked_[i]);
  gnutls_free(revoked_);
  gnutls_memset(root_secret_.data(), 0, root_secret_.size());
}

TlsCredentials::Standing TlsCredentials::standing_of(gnutls_x509_crt_t certificate) const {
  if (gnutls_x509_crt_check_revocation(certificate, revoked_, revoked_lists_) != 0) return Standing::revoked;
  const time_t now = ::time(nullptr);
  const bool in_time = now <= gnutls_x509_crt_get_expiration_time(certificate) &&
                       now >= gnutls_x509_crt_get_activation_time(certificate);
  return in_time ? Standing::good : Standing::expired;
}

std::array<u8, 32> TlsCredentials::secret(std::string_view purpose) const {
  std::array<u8, 32> out{};
  const int rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, root_secret_.data(), root_secret_.size(), purpose.data(),
                                  purpose.size(), out.data());
  DRUM_ASSERT(rc == 0);
  return out;
}

}  // namespace drumline::transport

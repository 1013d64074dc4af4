// Certificates and keys for development: one private authority in a folder, a
// server certificate for loopback, a client certificate for native clients, one
// for browsers, and the key pair that signs their tokens.
#pragma once

#include <array>
#include <string>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::transport {

/// Where the PEM files of a PKI folder are.
struct PkiPaths {
  std::string ca_certificate;      ///< ca.pem
  std::string server_certificate;  ///< server.pem
  std::string server_key;          ///< server.key
  std::string client_certificate;  ///< client.pem
  std::string client_key;          ///< client.key
  std::string web_certificate;     ///< web.pem: what browsers are shown, known to the page by its hash
  std::string web_key;             ///< web.key
  std::string revoked;    ///< revoked.pem: certificates that the authority has taken back; may be absent
  std::string token_key;  ///< token.key: Ed25519, signs and verifies tokens
};
PkiPaths pki_paths(const std::string& folder);

/// Makes what is missing or about to expire in `folder`; keys are readable by
/// their owner only (0600). P-256 certificates, valid 90 days, the one for browsers 10; server names
/// localhost, 127.0.0.1 and ::1. An existing authority is kept, so certificates
/// issued from it stay good. Returns true when anything was made.
Result<bool> make_development_pki(const std::string& folder);

/// Makes web.pem and web.key anew when they are missing or less than kWebRenewBeforeS is left;
/// true then. A browser takes a certificate that it knows by its hash only if that is of P-256
/// and good for 14 days at most (W3C WebTransport, "custom certificate requirements").
/// Fails where the authority's key is not at hand.
Result<bool> renew_web_certificate(const std::string& folder);
inline constexpr i64 kWebRenewBeforeS = i64{4} * 86'400;

struct CertificateFacts {
  std::array<u8, 32> sha256{};  ///< of the whole certificate (DER)
  i64 expires_at_s = 0;         ///< seconds since 1970
};
/// Of the first certificate in a PEM file.
Result<CertificateFacts> certificate_facts(const std::string& path);

/// Issues a further client certificate, `name` as common name, into
/// folder/name.pem and folder/name.key, valid `days`.
Result<void> issue_client_certificate(const std::string& folder, const std::string& name, int days);

/// Puts folder/name.pem on the list folder/revoked.pem, which is made when there is none: a server
/// that reads it refuses the certificate from then on. False: it was on it. not_found: no such certificate.
Result<bool> revoke_client_certificate(const std::string& folder, const std::string& name);

}  // namespace drumline::transport

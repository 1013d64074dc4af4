// Certificates and keys for development: one private authority in a folder, a
// server certificate for loopback, a client certificate for native clients, and
// the key pair that signs browser tokens.
#pragma once

#include <string>

#include "base/result.hpp"

namespace drumline::transport {

/// Where the PEM files of a PKI folder are.
struct PkiPaths {
  std::string ca_certificate;      ///< ca.pem
  std::string server_certificate;  ///< server.pem
  std::string server_key;          ///< server.key
  std::string client_certificate;  ///< client.pem
  std::string client_key;          ///< client.key
  std::string token_key;           ///< token.key: Ed25519, signs and verifies tokens
};
PkiPaths pki_paths(const std::string& folder);

/// Makes what is missing or about to expire in `folder`; keys are readable by
/// their owner only (0600). P-256 certificates, valid 90 days; server names
/// localhost, 127.0.0.1 and ::1. An existing authority is kept, so certificates
/// issued from it stay good. Returns true when anything was made.
Result<bool> make_development_pki(const std::string& folder);

/// Issues a further client certificate, `name` as common name, into
/// folder/name.pem and folder/name.key, valid `days`.
Result<void> issue_client_certificate(const std::string& folder, const std::string& name, int days);

}  // namespace drumline::transport

// Certificates that their authority has taken back, in a form that is quickly looked up: among sessions
// that are open, too.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"

struct x509_st;

namespace drumline::transport {

/// A hash of issuer and serial number, by which a list of revoked certificates names one (RFC 5280,
/// section 5.3.3); 0 for none.
using CertificateId = u64;
/// Of the issuer's name in DER and the number's bytes, the highest first; leading zeros do not count.
CertificateId certificate_id(Bytes issuer, Bytes serial);
CertificateId certificate_id(const x509_st& certificate);

/// Immutable: any thread.
class Revocations {
 public:
  /// None.
  Revocations() = default;
  explicit Revocations(std::vector<CertificateId> ids);
  /// All that the PEM file names; whose list it is was looked at by check_tls_files(). invalid_argument
  /// when it is none.
  static Result<Revocations> read(const std::string& path);

  bool holds(CertificateId id) const;
  std::size_t size() const { return ids_.size(); }

 private:
  std::vector<CertificateId> ids_;  ///< sorted
};

}  // namespace drumline::transport

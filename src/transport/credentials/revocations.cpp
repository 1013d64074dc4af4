#include "transport/credentials/revocations.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/freed.hpp"

namespace drumline::transport {
namespace {

Bytes bytes_of(const unsigned char* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

CertificateId id_of(const X509_NAME* issuer, const ASN1_INTEGER* serial) {
  const unsigned char* name = nullptr;
  std::size_t name_bytes = 0;
  if (issuer == nullptr || serial == nullptr || X509_NAME_get0_der(issuer, &name, &name_bytes) != 1) return 0;
  return certificate_id(
      bytes_of(name, name_bytes),
      bytes_of(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))));
}

}  // namespace

CertificateId certificate_id(const x509_st& certificate) {
  return id_of(X509_get_issuer_name(&certificate), X509_get0_serialNumber(&certificate));
}

CertificateId certificate_id(Bytes issuer, Bytes serial) {
  while (!serial.empty() && serial.front() == std::byte{}) serial = serial.subspan(1);
  const CertificateId id =
      XXH3_64bits_withSeed(serial.data(), serial.size(), XXH3_64bits(issuer.data(), issuer.size()));
  return std::max<CertificateId>(id, 1);
}

Revocations::Revocations(std::vector<CertificateId> ids) : ids_(std::move(ids)) {
  std::sort(ids_.begin(), ids_.end());
}

Result<Revocations> Revocations::read(const std::string& path) {
  const std::unique_ptr<BIO, Freed<BIO_free_all>> file(BIO_new_file(path.c_str(), "r"));
  const std::unique_ptr<X509_CRL, Freed<X509_CRL_free>> list(
      file ? PEM_read_bio_X509_CRL(file.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!list) {
    ERR_clear_error();
    return Error{ErrorCode::invalid_argument, path + " is no list of revoked certificates in PEM"};
  }
  std::vector<CertificateId> ids;
  STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(list.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* const entry = sk_X509_REVOKED_value(entries, i);
    ids.push_back(id_of(X509_CRL_get_issuer(list.get()), X509_REVOKED_get0_serialNumber(entry)));
  }
  return Revocations(std::move(ids));
}

bool Revocations::holds(CertificateId id) const {
  return id != 0 && std::binary_search(ids_.begin(), ids_.end(), id);
}

}  // namespace drumline::transport

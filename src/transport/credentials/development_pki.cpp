#include "transport/credentials/development_pki.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/freed.hpp"
#include "env/private_file.hpp"

namespace drumline::transport {
namespace {

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using RevocationList = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using Revoked = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

constexpr int kAuthorityDays = 3650;
constexpr int kLeafDays = 90;
// A leaf is made anew when less than this is left, an authority likewise: a
// server that starts today must be able to run for weeks.
constexpr int kLeafRenewDays = 30;
constexpr int kWebDays = 10;
constexpr int kWebRenewDays = static_cast<int>(kWebRenewBeforeS / 86'400);
constexpr int kAuthorityRenewDays = kLeafDays + kLeafRenewDays;

Error crypto_error(const std::string& what) {
  char text[256] = "no further detail";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return {ErrorCode::internal, what + " failed: " + text};
}

Error system_error(const std::string& what, const std::string& path) {
  const int code = errno;
  const ErrorCode kind = code == EACCES || code == EPERM ? ErrorCode::permission
                         : code == ENOSPC                ? ErrorCode::exhausted
                                                         : ErrorCode::io;
  return {kind, "cannot " + what + " " + path + ": " + std::generic_category().message(code)};
}

Result<void> write_pem(const std::string& path, BIO* bio, mode_t mode) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return env::write_file_with_mode(path, {data, static_cast<std::size_t>(size)}, mode);
}

Result<void> save_key(const std::string& path, EVP_PKEY* key) {
  // The secure-memory BIO wipes the text when it is freed.
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return crypto_error("encoding the key for " + path);
  }
  return write_pem(path, bio.get(), 0600);
}

Result<void> save_certificate(const std::string& path, X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return crypto_error("encoding the certificate for " + path);
  }
  return write_pem(path, bio.get(), 0644);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

Result<Key> load_key(const std::string& path) {
  const Bio bio(BIO_new_file(path.c_str(), "r"));
  if (!bio) {
    ERR_clear_error();
    return system_error("read", path);
  }
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) {
    ERR_clear_error();
    return Error{ErrorCode::corrupt, path + " is no PEM private key; remove it to have a new one made"};
  }
  return key;
}

Result<Certificate> load_certificate(const std::string& path) {
  const Bio bio(BIO_new_file(path.c_str(), "r"));
  if (!bio) {
    ERR_clear_error();
    return system_error("read", path);
  }
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    ERR_clear_error();
    return Error{ErrorCode::corrupt, path + " is no PEM certificate; remove it to have a new one made"};
  }
  return certificate;
}

bool lasts(const X509* certificate, int days) {
  std::time_t until = std::time(nullptr) + std::time_t{days} * 86'400;
  return X509_cmp_time(X509_get0_notAfter(certificate), &until) > 0;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

enum class Use { authority, server, client };

/// A certificate for `key` in the name of `common_name`. The authority signs
/// itself: then `issuer` is null and `issuer_key` is `key`.
Result<Certificate> make_certificate(Use use, const std::string& common_name, int days, EVP_PKEY* key,
                                     X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(X509_new());
  X509* const x = made.get();
  unsigned char serial[16];
  bool good =
      x != nullptr && X509_set_version(x, X509_VERSION_3) == 1 && RAND_bytes(serial, sizeof serial) == 1;
  if (good) {
    serial[0] = static_cast<unsigned char>((serial[0] & 0x7FU) | 0x40U);  // positive and 16 bytes long
    const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
    good = number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x)) != nullptr;
  }
  // An hour back, for peers whose clocks are behind.
  good = good && X509_gmtime_adj(X509_getm_notBefore(x), -3'600) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(x), long{days} * 86'400) != nullptr &&
         X509_set_pubkey(x, key) == 1;
  if (good) {
    X509_NAME* const name = X509_get_subject_name(x);
    const auto add = [&](const char* field, const std::string& text) {
      return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                        reinterpret_cast<const unsigned char*>(text.data()),
                                        static_cast<int>(text.size()), -1, 0) == 1;
    };
    good = add("O", "Drumline development") && add("CN", common_name) &&
           X509_set_issuer_name(x, issuer != nullptr ? X509_get_subject_name(issuer) : name) == 1;
  }
  X509* const signer = issuer != nullptr ? issuer : x;
  good = good && add_extension(x, signer, NID_subject_key_identifier, "hash") &&
         add_extension(x, signer, NID_authority_key_identifier, "keyid:always");
  switch (use) {
    case Use::authority:
      good = good && add_extension(x, signer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             add_extension(x, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
      break;
    case Use::server:
      good = good && add_extension(x, signer, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(x, signer, NID_key_usage, "critical,digitalSignature") &&
             add_extension(x, signer, NID_ext_key_usage, "serverAuth") &&
             add_extension(x, signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
      break;
    case Use::client:
      good = good && add_extension(x, signer, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(x, signer, NID_key_usage, "critical,digitalSignature") &&
             add_extension(x, signer, NID_ext_key_usage, "clientAuth");
      break;
  }
  good = good && X509_sign(x, issuer_key, EVP_sha256()) > 0;
  if (!good) return crypto_error("making the certificate for " + common_name);
  return made;
}

Result<Key> make_p256() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return crypto_error("making a P-256 key");
  return key;
}

struct Authority {
  Certificate certificate;
  Key key;
};

std::string in_folder(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

Result<Authority> load_authority(const std::string& folder) {
  auto certificate = load_certificate(in_folder(folder, "ca.pem"));
  if (!certificate) return std::move(certificate).error();
  auto key = load_key(in_folder(folder, "ca.key"));
  if (!key) return std::move(key).error();
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::mismatch, in_folder(folder, "ca.key") + " is not the key of ca.pem; remove both"};
  }
  return Authority{std::move(*certificate), std::move(*key)};
}

Result<Authority> make_authority(const std::string& folder) {
  auto key = make_p256();
  if (!key) return std::move(key).error();
  auto certificate = make_certificate(Use::authority, "Drumline development authority", kAuthorityDays,
                                      key->get(), nullptr, key->get());
  if (!certificate) return std::move(certificate).error();
  if (auto saved = save_key(in_folder(folder, "ca.key"), key->get()); !saved) return std::move(saved).error();
  if (auto saved = save_certificate(in_folder(folder, "ca.pem"), certificate->get()); !saved) {
    return std::move(saved).error();
  }
  return Authority{std::move(*certificate), std::move(*key)};
}

/// Key first: a certificate is never there without its key.
Result<void> issue(const Authority& authority, Use use, const std::string& common_name, int days,
                   const std::string& certificate_path, const std::string& key_path) {
  auto key = make_p256();
  if (!key) return std::move(key).error();
  auto certificate =
      make_certificate(use, common_name, days, key->get(), authority.certificate.get(), authority.key.get());
  if (!certificate) return std::move(certificate).error();
  if (auto saved = save_key(key_path, key->get()); !saved) return saved;
  return save_certificate(certificate_path, certificate->get());
}

/// True when the pair exists, belongs together, was signed by this authority and lasts.
Result<bool> is_good(const Authority& authority, const std::string& certificate_path,
                     const std::string& key_path, int renew_days) {
  if (!exists(certificate_path) || !exists(key_path)) return false;
  auto certificate = load_certificate(certificate_path);
  if (!certificate) return std::move(certificate).error();
  auto key = load_key(key_path);
  if (!key) return std::move(key).error();
  const bool good = X509_verify(certificate->get(), authority.key.get()) == 1 &&
                    X509_check_private_key(certificate->get(), key->get()) == 1 &&
                    lasts(certificate->get(), renew_days);
  ERR_clear_error();
  return good;
}

struct Leaf {
  Use use;
  const char* common_name;
  const std::string& certificate;
  const std::string& key;
  int days;
  int renew_days;
};

/// True when it had to be made.
Result<bool> keep_good(const Authority& authority, const Leaf& leaf) {
  auto good = is_good(authority, leaf.certificate, leaf.key, leaf.renew_days);
  if (!good) return std::move(good).error();
  if (*good) return false;
  auto issued = issue(authority, leaf.use, leaf.common_name, leaf.days, leaf.certificate, leaf.key);
  if (!issued) return std::move(issued).error();
  return true;
}

Result<void> make_private_folder(const std::string& folder) {
  if (exists(folder)) return {};
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return Error{ErrorCode::io, "cannot make the folder " + folder + ": " + code.message()};
  if (::chmod(folder.c_str(), 0700) != 0) return system_error("restrict", folder);
  return {};
}

bool is_plain_name(const std::string& name) {
  if (name.empty() || name.size() > 64 || name[0] == '.' || name[0] == '-') return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) return false;
  }
  return true;
}

}  // namespace

PkiPaths pki_paths(const std::string& folder) {
  return {.ca_certificate = in_folder(folder, "ca.pem"),
          .server_certificate = in_folder(folder, "server.pem"),
          .server_key = in_folder(folder, "server.key"),
          .client_certificate = in_folder(folder, "client.pem"),
          .client_key = in_folder(folder, "client.key"),
          .web_certificate = in_folder(folder, "web.pem"),
          .web_key = in_folder(folder, "web.key"),
          .revoked = in_folder(folder, "revoked.pem"),
          .token_key = in_folder(folder, "token.key")};
}

Result<bool> make_development_pki(const std::string& folder) {
  if (auto made = make_private_folder(folder); !made) return std::move(made).error();
  const PkiPaths paths = pki_paths(folder);
  bool made_any = false;

  const bool has_certificate = exists(paths.ca_certificate);
  if (has_certificate && !exists(in_folder(folder, "ca.key"))) {
    // Somebody else's authority: we may use what it issued, and cannot issue more.
    if (exists(paths.server_certificate) && exists(paths.client_certificate) && exists(paths.token_key))
      return false;
    return Error{ErrorCode::not_found,
                 in_folder(folder, "ca.key") +
                     " is missing, so no certificates can be issued from ca.pem; bring it "
                     "back, or remove ca.pem to have a new authority made"};
  }
  auto authority = has_certificate ? load_authority(folder) : make_authority(folder);
  if (!authority) return std::move(authority).error();
  made_any = !has_certificate;
  if (!lasts(authority->certificate.get(), kAuthorityRenewDays)) {
    authority = make_authority(folder);
    if (!authority) return std::move(authority).error();
    made_any = true;
  }

  for (const Leaf& leaf :
       {Leaf{Use::server, "localhost", paths.server_certificate, paths.server_key, kLeafDays, kLeafRenewDays},
        Leaf{Use::client, "client", paths.client_certificate, paths.client_key, kLeafDays, kLeafRenewDays},
        Leaf{Use::server, "localhost", paths.web_certificate, paths.web_key, kWebDays, kWebRenewDays}}) {
    auto made = keep_good(*authority, leaf);
    if (!made) return std::move(made).error();
    made_any = made_any || *made;
  }

  if (!exists(paths.token_key)) {
    const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) return crypto_error("making an Ed25519 key");
    if (auto saved = save_key(paths.token_key, key.get()); !saved) return std::move(saved).error();
    made_any = true;
  }
  return made_any;
}

Result<bool> renew_web_certificate(const std::string& folder) {
  auto authority = load_authority(folder);
  if (!authority) return std::move(authority).error().within("cannot renew the certificate for browsers");
  const PkiPaths paths = pki_paths(folder);
  return keep_good(*authority,
                   {Use::server, "localhost", paths.web_certificate, paths.web_key, kWebDays, kWebRenewDays});
}

Result<CertificateFacts> certificate_facts(const std::string& path) {
  auto certificate = load_certificate(path);
  if (!certificate) return std::move(certificate).error();
  CertificateFacts facts;
  unsigned size = 0;
  std::tm until{};
  if (X509_digest(certificate->get(), EVP_sha256(), facts.sha256.data(), &size) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate->get()), &until) != 1) {
    return crypto_error("reading " + path);
  }
  facts.expires_at_s = ::timegm(&until);
  return facts;
}

Result<void> issue_client_certificate(const std::string& folder, const std::string& name, int days) {
  if (!is_plain_name(name) || name == "ca" || name == "server" || name == "token" || name == "ticket" ||
      name == "web") {
    return Error{ErrorCode::invalid_argument,
                 "'" + name +
                     "' cannot name a client certificate: use 1 to 64 letters, digits, '.', '-' or '_', "
                     "beginning with none of '.' and '-', and not ca, server, web, token or ticket"};
  }
  if (days < 1 || days > 825) {
    return Error{ErrorCode::invalid_argument,
                 "a client certificate can be valid 1 to 825 days, not " + std::to_string(days)};
  }
  auto authority = load_authority(folder);
  if (!authority) return std::move(authority).error().within("cannot issue a certificate for " + name);
  return issue(*authority, Use::client, name, days, in_folder(folder, name + ".pem"),
               in_folder(folder, name + ".key"));
}

Result<bool> revoke_client_certificate(const std::string& folder, const std::string& name) {
  auto authority = load_authority(folder);
  if (!authority) return std::move(authority).error().within("cannot revoke a certificate");
  if (!is_plain_name(name) || !exists(in_folder(folder, name + ".pem"))) {
    return Error{ErrorCode::not_found, "there is no " + in_folder(folder, name + ".pem") +
                                           " to revoke; name a certificate of that folder, without .pem"};
  }
  auto certificate = load_certificate(in_folder(folder, name + ".pem"));
  if (!certificate) return std::move(certificate).error();
  X509* const issuer = authority->certificate.get();
  const std::string path = pki_paths(folder).revoked;
  RevocationList list;
  if (exists(path)) {
    const Bio bio(BIO_new_file(path.c_str(), "r"));
    list.reset(bio ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!list || X509_CRL_verify(list.get(), authority->key.get()) != 1) {
      ERR_clear_error();
      return Error{ErrorCode::corrupt,
                   path + " is no list that ca.pem has signed; put the right one there, or remove it"};
    }
  } else {
    list.reset(X509_CRL_new());
    if (!list || X509_CRL_set_version(list.get(), 1) != 1 ||
        X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer)) != 1)
      return crypto_error("making " + path);
  }
  X509_REVOKED* known = nullptr;
  if (X509_CRL_get0_by_cert(list.get(), &known, certificate->get()) == 1) return false;
  const Time now(X509_gmtime_adj(nullptr, 0));
  Revoked entry(X509_REVOKED_new());
  bool good = now && entry &&
              X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate->get())) == 1 &&
              X509_REVOKED_set_revocationDate(entry.get(), now.get()) == 1 &&
              X509_CRL_add0_revoked(list.get(), entry.get()) == 1;
  if (good) static_cast<void>(entry.release());  // the list's now
  // It is made anew whenever something changes, so it may be good for as long as its authority.
  good = good && X509_CRL_set1_lastUpdate(list.get(), now.get()) == 1 &&
         X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(issuer)) == 1 &&
         X509_CRL_sort(list.get()) == 1 && X509_CRL_sign(list.get(), authority->key.get(), EVP_sha256()) > 0;
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!good || !bio || PEM_write_bio_X509_CRL(bio.get(), list.get()) != 1)
    return crypto_error("making " + path);
  if (auto written = write_pem(path, bio.get(), 0644); !written) return std::move(written).error();
  return true;
}

}  // namespace drumline::transport

#include "test_pki.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>

#include "transport/credentials/development_pki.hpp"

namespace drumline::transport::testing {

namespace {

class Folders : public ::testing::Environment {
 public:
  Folders() {
    std::string pattern = std::filesystem::temp_directory_path() / "drumline-transport-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~Folders() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::string& ours() { return made(ours_, "ours"); }
  const std::string& strangers() { return made(strangers_, "strangers"); }

 private:
  const std::string& made(std::string& folder, const char* name) {
    if (folder.empty()) {
      folder = root_ + "/" + name;
      const auto result = make_development_pki(folder);
      EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    }
    return folder;
  }

  std::string root_, ours_, strangers_;
};

Folders& folders() {
  static auto* const instance = static_cast<Folders*>(::testing::AddGlobalTestEnvironment(new Folders));
  return *instance;
}
[[maybe_unused]] Folders& made_before_main = folders();

gnutls_datum_t load(const std::string& path) {
  gnutls_datum_t data{};
  EXPECT_EQ(gnutls_load_file(path.c_str(), &data), 0) << path;
  return data;
}

void write_expired(const std::string& folder, const std::string& certificate_path,
                   const std::string& key_path) {
  gnutls_x509_privkey_t key, ca_key;
  gnutls_x509_crt_t ca, crt;
  gnutls_x509_privkey_init(&key);
  gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
  gnutls_x509_privkey_init(&ca_key);
  gnutls_x509_crt_init(&ca);
  gnutls_x509_crt_init(&crt);
  gnutls_datum_t pem = load(folder + "/ca.key");
  EXPECT_EQ(gnutls_x509_privkey_import(ca_key, &pem, GNUTLS_X509_FMT_PEM), 0);
  gnutls_free(pem.data);
  pem = load(folder + "/ca.pem");
  EXPECT_EQ(gnutls_x509_crt_import(ca, &pem, GNUTLS_X509_FMT_PEM), 0);
  gnutls_free(pem.data);

  const unsigned char serial[] = {1, 2, 3, 4};
  gnutls_x509_crt_set_version(crt, 3);
  gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
  gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "late", 4);
  gnutls_x509_crt_set_activation_time(crt, std::time(nullptr) - 10 * 86'400);
  gnutls_x509_crt_set_expiration_time(crt, std::time(nullptr) - 86'400);
  gnutls_x509_crt_set_key(crt, key);
  gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
  gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0);
  gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
  EXPECT_EQ(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0), 0);

  gnutls_datum_t out{};
  gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out);
  std::ofstream(certificate_path).write(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN, &out);
  std::ofstream(key_path).write(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  gnutls_x509_crt_deinit(crt);
  gnutls_x509_crt_deinit(ca);
  gnutls_x509_privkey_deinit(key);
  gnutls_x509_privkey_deinit(ca_key);
}

}  // namespace

TlsFiles server_files() {
  const PkiPaths paths = pki_paths(folders().ours());
  return {paths.ca_certificate, paths.server_certificate, paths.server_key};
}
TlsFiles client_files() {
  const PkiPaths paths = pki_paths(folders().ours());
  return {paths.ca_certificate, paths.client_certificate, paths.client_key};
}
TlsFiles client_files_of(const std::string& name) {
  const std::string folder = folders().ours();
  const auto made = issue_client_certificate(folder, name, 30);
  EXPECT_TRUE(made.ok());
  return {pki_paths(folder).ca_certificate, folder + "/" + name + ".pem", folder + "/" + name + ".key"};
}
TlsFiles server_files_with_revoked() {
  TlsFiles files = server_files();
  files.revoked = pki_paths(folders().ours()).revoked;
  return files;
}
void revoke(const std::string& name) {
  const auto revoked = revoke_client_certificate(folders().ours(), name);
  EXPECT_TRUE(revoked.ok()) << (revoked.ok() ? "" : revoked.error().message);
}
TlsFiles stranger_files() {
  const PkiPaths paths = pki_paths(folders().strangers());
  return {server_files().authority, paths.client_certificate, paths.client_key};
}
TlsFiles stranger_server_files() {
  const PkiPaths paths = pki_paths(folders().strangers());
  return {server_files().authority, paths.server_certificate, paths.server_key};
}
TlsFiles expired_files() {
  const std::string folder = folders().ours();
  const TlsFiles files{server_files().authority, folder + "/expired.pem", folder + "/expired.key"};
  if (!std::filesystem::exists(files.key)) write_expired(folder, files.certificate, files.key);
  return files;
}
TlsFiles anonymous_files() {
  return {server_files().authority, "", ""};
}
TlsFiles wrong_purpose_files() {
  return server_files();
}

}  // namespace drumline::transport::testing

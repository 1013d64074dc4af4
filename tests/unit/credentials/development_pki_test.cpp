#include "transport/credentials/development_pki.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "transport/credentials/revocations.hpp"

namespace drumline::transport {
namespace {

namespace fs = std::filesystem;

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

class development_pki : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "drumline_pki_" + std::to_string(::getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Certificate read(const std::string& path) {
    FILE* const file = std::fopen(path.c_str(), "r");
    EXPECT_NE(file, nullptr) << path;
    Certificate certificate(PEM_read_X509(file, nullptr, nullptr, nullptr), &X509_free);
    std::fclose(file);
    EXPECT_NE(certificate, nullptr) << path;
    return certificate;
  }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  /// Does OpenSSL accept the certificate for this purpose, trusting the folder's authority alone?
  bool is_trusted(const std::string& path, int purpose) const {
    const Certificate authority = read(pki_paths(folder_).ca_certificate);
    const Certificate certificate = read(path);
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
    X509_STORE_add_cert(store.get(), authority.get());
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                  &X509_STORE_CTX_free);
    X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    return X509_verify_cert(context.get()) == 1;
  }

  std::string folder_;
};

TEST_F(development_pki, makes_everything_once) {
  EXPECT_TRUE(make_development_pki(folder_).value());
  const std::string before = text_of(pki_paths(folder_).server_certificate);
  EXPECT_FALSE(make_development_pki(folder_).value());
  EXPECT_EQ(text_of(pki_paths(folder_).server_certificate), before);
}

TEST_F(development_pki, certificates_are_good_for_their_purpose_and_no_other) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  const PkiPaths paths = pki_paths(folder_);
  EXPECT_TRUE(is_trusted(paths.server_certificate, X509_PURPOSE_SSL_SERVER));
  EXPECT_FALSE(is_trusted(paths.server_certificate, X509_PURPOSE_SSL_CLIENT));
  EXPECT_TRUE(is_trusted(paths.client_certificate, X509_PURPOSE_SSL_CLIENT));
  EXPECT_FALSE(is_trusted(paths.client_certificate, X509_PURPOSE_SSL_SERVER));
  const Certificate server = read(paths.server_certificate);
  EXPECT_EQ(X509_check_host(server.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_host(server.get(), "example.com", 0, 0, nullptr), 0);
}

// W3C WebTransport, section "custom certificate requirements".
TEST_F(development_pki, the_browsers_certificate_is_one_that_they_take_by_its_hash) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  const PkiPaths paths = pki_paths(folder_);
  const Certificate web = read(paths.web_certificate);
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(web.get()), X509_get0_notAfter(web.get())),
            1);
  EXPECT_LT(days, 14);
  EXPECT_GE(days, 7);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(web.get())), 256);
  EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(web.get())), EVP_PKEY_EC);
  EXPECT_EQ(X509_get_version(web.get()), X509_VERSION_3);
  EXPECT_TRUE(is_trusted(paths.web_certificate, X509_PURPOSE_SSL_SERVER));
  const auto facts = certificate_facts(paths.web_certificate);
  ASSERT_TRUE(facts.ok());
  EXPECT_NEAR(static_cast<double>(facts->expires_at_s), static_cast<double>(std::time(nullptr) + 10 * 86'400),
              3'600);
  EXPECT_NE(facts->sha256, certificate_facts(paths.server_certificate)->sha256);
}

TEST_F(development_pki, the_browsers_certificate_is_renewed_when_four_days_are_left_and_not_before) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  const PkiPaths paths = pki_paths(folder_);
  const auto age_to = [&](long days) {
    FILE* file = std::fopen((folder_ + "/ca.key").c_str(), "r");
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_PrivateKey(file, nullptr, nullptr, nullptr), &EVP_PKEY_free);
    std::fclose(file);
    const Certificate web = read(paths.web_certificate);
    X509_gmtime_adj(X509_getm_notAfter(web.get()), days * 86'400);
    ASSERT_GT(X509_sign(web.get(), key.get(), EVP_sha256()), 0);
    file = std::fopen(paths.web_certificate.c_str(), "w");
    PEM_write_X509(file, web.get());
    std::fclose(file);
  };
  age_to(5);
  std::string before = text_of(paths.web_certificate);
  EXPECT_FALSE(renew_web_certificate(folder_).value());
  EXPECT_EQ(text_of(paths.web_certificate), before);
  age_to(3);
  before = text_of(paths.web_certificate);
  const std::string server = text_of(paths.server_certificate);
  EXPECT_TRUE(renew_web_certificate(folder_).value());
  EXPECT_NE(text_of(paths.web_certificate), before);
  EXPECT_EQ(text_of(paths.server_certificate), server) << "that of native clients stays";
  fs::remove(folder_ + "/ca.key");
  EXPECT_FALSE(renew_web_certificate(folder_).ok());
}

TEST_F(development_pki, keys_are_readable_by_their_owner_only) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  int keys = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() != ".key") continue;
    ++keys;
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << entry.path();
  }
  EXPECT_EQ(keys, 5);
}

TEST_F(development_pki, what_is_missing_is_made_again_under_the_same_authority) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  const PkiPaths paths = pki_paths(folder_);
  const std::string authority = text_of(paths.ca_certificate);
  fs::remove(paths.server_certificate);
  fs::remove(paths.client_key);
  EXPECT_TRUE(make_development_pki(folder_).value());
  EXPECT_EQ(text_of(paths.ca_certificate), authority);
  EXPECT_TRUE(is_trusted(paths.server_certificate, X509_PURPOSE_SSL_SERVER));
  EXPECT_TRUE(is_trusted(paths.client_certificate, X509_PURPOSE_SSL_CLIENT));
}

TEST_F(development_pki, a_damaged_file_is_named) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  const std::string path = pki_paths(folder_).server_certificate;
  std::ofstream(path) << "nonsense";
  const auto made = make_development_pki(folder_);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find(path), std::string::npos);
}

TEST_F(development_pki, a_further_client_gets_a_certificate_in_its_name) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  ASSERT_TRUE(issue_client_certificate(folder_, "bot-7", 3).ok());
  EXPECT_TRUE(is_trusted(folder_ + "/bot-7.pem", X509_PURPOSE_SSL_CLIENT));
  const Certificate certificate = read(folder_ + "/bot-7.pem");
  char name[64] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  EXPECT_STREQ(name, "bot-7");
}

TEST_F(development_pki, names_that_would_leave_the_folder_or_replace_its_files_are_refused) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  for (const char* name : {"", "../evil", "a/b", ".hidden", "-x", "ca", "server", "token", "a b", "a\nb"}) {
    const auto issued = issue_client_certificate(folder_, name, 3);
    ASSERT_FALSE(issued.ok()) << name;
    EXPECT_EQ(issued.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(issue_client_certificate(folder_, "fine", 0).ok());
}

TEST_F(development_pki, a_list_of_revoked_certificates_holds_those_and_no_others) {
  ASSERT_TRUE(make_development_pki(folder_).ok());
  for (const char* const name : {"ann", "bob", "cat"})
    ASSERT_TRUE(issue_client_certificate(folder_, name, 30));
  for (const char* const name : {"cat", "ann"}) ASSERT_TRUE(revoke_client_certificate(folder_, name));
  const auto list = Revocations::read(pki_paths(folder_).revoked);
  ASSERT_TRUE(list.ok()) << list.error().message;
  EXPECT_EQ(list->size(), 2U);
  const auto holds = [&](const std::string& name) {
    return list->holds(certificate_id(*read(folder_ + "/" + name + ".pem")));
  };
  EXPECT_TRUE(holds("ann"));
  EXPECT_FALSE(holds("bob"));
  EXPECT_TRUE(holds("cat"));
  EXPECT_FALSE(list->holds(0)) << "whoever has shown none";

  // The same number by another authority.
  const Certificate ann = read(folder_ + "/ann.pem");
  X509_NAME_add_entry_by_txt(X509_get_issuer_name(ann.get()), "O", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("another"), -1, -1, 0);
  EXPECT_FALSE(list->holds(certificate_id(*ann)));

  const auto number = as_bytes(std::string_view("\0\x17", 2));
  EXPECT_EQ(certificate_id(as_bytes("issuer"), number),
            certificate_id(as_bytes("issuer"), number.subspan(1)));
  EXPECT_NE(certificate_id(as_bytes("issuer"), number), certificate_id(as_bytes("another"), number));
  EXPECT_FALSE(Revocations::read(pki_paths(folder_).ca_certificate).ok());
  EXPECT_FALSE(Revocations::read(folder_ + "/none.pem").ok());
}

}  // namespace
}  // namespace drumline::transport

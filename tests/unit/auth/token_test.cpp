#include "auth/token.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/base64url.hpp"
#include "env/private_file.hpp"

namespace drumline::auth {
namespace {

// RFC 8037 appendix A: the key of all its examples, as PKCS #8 and as public key.
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr TimeNs kNow = 1'790'000'000 * kSecondNs;

TokenKey key() {
  return TokenKey::from_pem(kPrivatePem).value();
}

TokenClaims claims() {
  return {.subject = "anna",
          .name = "Anna",
          .role = Role::spectator,
          .battle = BattleId{0xFFFF'FFFF'FFFF'FFF0U},
          .issued_at_s = kNow / kSecondNs - 10,
          .expires_at_s = kNow / kSecondNs + 60};
}

/// A token of these parts with an empty signature.
std::string unsigned_token(std::string_view header, std::string_view payload) {
  return encode_base64url(as_bytes(header)) + "." + encode_base64url(as_bytes(payload)) + ".";
}

ErrorCode verify_error(std::string_view token, TimeNs now = kNow) {
  const auto verified = key().verify(token, now);
  EXPECT_FALSE(verified.ok());
  return verified.ok() ? ErrorCode::internal : verified.error().code;
}

TEST(base64url, follows_the_rfcs_examples_and_takes_one_spelling_only) {
  EXPECT_EQ(encode_base64url(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(encode_base64url(as_bytes("foob")), "Zm9vYg");
  EXPECT_EQ(encode_base64url(as_bytes("\xFB\xFF")), "-_8");
  EXPECT_EQ(decode_base64url("Zm9vYg"), "foob");
  EXPECT_EQ(decode_base64url("-_8"), "\xFB\xFF");
  EXPECT_EQ(decode_base64url(""), "");
  for (const char* bad : {"Zm9vYh", "Zm9vYg==", "Z", "Zm9 Yg", "+/8"})
    EXPECT_FALSE(decode_base64url(bad)) << bad;
}

TEST(token, the_rfcs_own_signature_verifies_before_its_payload_is_refused) {
  // RFC 8037 A.4: payload "Example of Ed25519 signing" is signed well but no JSON.
  const std::string token =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
      "09PGcvMg3AIbQR6dWbhijcNR"
      "4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  EXPECT_EQ(verify_error(token), ErrorCode::malformed);
  std::string changed = token;
  changed[25] = changed[25] == 'A' ? 'B' : 'A';
  EXPECT_EQ(verify_error(changed), ErrorCode::corrupt);
}

TEST(token, claims_come_back_and_a_public_key_is_enough) {
  const std::string token = key().issue(claims()).value();
  const TokenKey public_key = TokenKey::from_pem(kPublicPem).value();
  const auto got = public_key.verify(token, kNow);
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(got->subject, "anna");
  EXPECT_EQ(got->name, "Anna");
  EXPECT_EQ(got->role, Role::spectator);
  EXPECT_EQ(got->battle, claims().battle);
  EXPECT_EQ(got->issued_at_s, claims().issued_at_s);
  EXPECT_EQ(got->expires_at_s, claims().expires_at_s);
  EXPECT_FALSE(public_key.issue(claims()).ok());
}

TEST(token, an_expired_one_says_so) {
  const std::string token = key().issue(claims()).value();
  EXPECT_TRUE(key().verify(token, kNow + 59 * kSecondNs).ok());
  EXPECT_EQ(verify_error(token, kNow + 60 * kSecondNs), ErrorCode::timeout);
  EXPECT_EQ(verify_error(token, kNow - 3600 * kSecondNs), ErrorCode::refused);
}

TEST(token, another_algorithm_is_refused_whatever_the_signature) {
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"ES256"})",
                             R"({"alg":"eddsa"})", R"({"alg":"EdDSA","crit":["exp"]})"}) {
    EXPECT_EQ(verify_error(unsigned_token(header, "{}")), ErrorCode::refused) << header;
  }
  EXPECT_EQ(verify_error(unsigned_token(R"({"typ":"JWT"})", "{}")), ErrorCode::malformed);
  EXPECT_EQ(verify_error(unsigned_token("[1]", "{}")), ErrorCode::malformed);
  EXPECT_EQ(verify_error(unsigned_token(R"({"alg":"EdDSA"})", "{}")), ErrorCode::corrupt);
}

TEST(token, every_changed_character_is_found) {
  const std::string token = key().issue(claims()).value();
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(key().verify(changed, kNow).ok()) << i;
  }
  for (std::size_t n = 0; n < token.size(); ++n)
    EXPECT_FALSE(key().verify(token.substr(0, n), kNow).ok()) << n;
}

TEST(token, another_keys_signature_is_not_good) {
  constexpr std::string_view kOther =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9h\n"
      "-----END PRIVATE KEY-----\n";
  const std::string token = TokenKey::from_pem(kOther).value().issue(claims()).value();
  EXPECT_EQ(verify_error(token), ErrorCode::corrupt);
}

TEST(token, hostile_text_is_malformed) {
  for (const std::string& text : {std::string(), std::string("."), std::string(".."), std::string("a.b.c.d"),
                                  std::string(3000, 'a'), std::string("\0.\0.\0", 5)}) {
    EXPECT_EQ(verify_error(text), ErrorCode::malformed);
  }
}

TEST(token, claims_out_of_range_are_not_issued) {
  TokenClaims wrong = claims();
  wrong.subject.clear();
  EXPECT_FALSE(key().issue(wrong).ok());
  wrong = claims();
  wrong.subject = "\xFF";
  EXPECT_FALSE(key().issue(wrong).ok());
  wrong = claims();
  wrong.expires_at_s = wrong.issued_at_s;
  EXPECT_FALSE(key().issue(wrong).ok());
}

TEST(token, a_key_that_others_may_read_is_refused) {
  const std::string path = ::testing::TempDir() + "drumline_token_" + std::to_string(::getpid()) + ".key";
  ASSERT_TRUE(env::write_file_with_mode(path, kPrivatePem, 0600).ok());
  EXPECT_TRUE(TokenKey::load(path).ok());
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto loaded = TokenKey::load(path);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::permission);
  std::filesystem::remove(path);
  EXPECT_EQ(TokenKey::load(path).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace drumline::auth

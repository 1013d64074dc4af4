#include "auth/token.hpp"

#include <array>

#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/base64url.hpp"
#include "env/private_file.hpp"

namespace drumline::auth {
namespace {

using Json = nlohmann::json;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::string_view kHeader = R"({"alg":"EdDSA","typ":"JWT"})";
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kMaxHeaderBytes = 256;
constexpr std::size_t kMaxSubjectBytes = 64;
constexpr std::size_t kMaxNameBytes = 23;
constexpr i64 kLatestSecond = 253'402'300'799;  // the year 9999
constexpr i64 kClockSkewS = 60;

const unsigned char* as_unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error malformed(const std::string& what) {
  return {ErrorCode::malformed, "the access token " + what};
}

Json parse_object(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json();
}

Result<void> check_header(const std::string& text) {
  const Json header = parse_object(text);
  if (!header.is_object()) return malformed("has a header that is no JSON object");
  const auto algorithm = header.find("alg");
  if (algorithm == header.end() || !algorithm->is_string()) return malformed("names no algorithm");
  if (*algorithm != "EdDSA") {
    return Error{ErrorCode::refused,
                 "the access token is not signed with EdDSA, the only algorithm that is taken"};
  }
  if (header.contains("crit")) {
    return Error{ErrorCode::refused, "the access token demands an extension that is not understood"};
  }
  return {};
}

/// Reads claims and keeps the first that is wrong.
class ClaimReader {
 public:
  explicit ClaimReader(const Json& json) : json_(json) {}

  std::string text(const char* claim, std::size_t least, std::size_t most) {
    const auto at = json_.find(claim);
    if (at == json_.end() && least == 0) return {};
    if (at == json_.end() || !at->is_string()) return wrong(claim, "is missing or no text"), std::string();
    const auto& value = at->get_ref<const std::string&>();
    if (value.size() < least || value.size() > most) {
      return wrong(claim, "is not of " + std::to_string(least) + " to " + std::to_string(most) + " bytes"),
             std::string();
    }
    return value;
  }

  i64 second(const char* claim, i64 when_absent) {
    const auto at = json_.find(claim);
    if (at == json_.end() && when_absent >= 0) return when_absent;
    if (at == json_.end() || !at->is_number()) return wrong(claim, "is missing or no number"), 0;
    // RFC 7519's NumericDate may have a fraction.
    const double value = at->get<double>();
    if (!(value >= 0 && value <= static_cast<double>(kLatestSecond))) return wrong(claim, "is no date"), 0;
    return static_cast<i64>(value);
  }

  u64 number(const char* claim) {
    const auto at = json_.find(claim);
    if (at == json_.end()) return 0;
    if (!at->is_number_unsigned()) return wrong(claim, "is no whole number"), 0;
    return at->get<u64>();
  }

  void wrong(const char* claim, const std::string& what) {
    if (error_.empty()) error_ = std::string("has a bad claim: '") + claim + "' " + what;
  }
  const std::string& error() const { return error_; }

 private:
  const Json& json_;
  std::string error_;
};

}  // namespace

void TokenKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Result<TokenKey> TokenKey::from_pem(std::string_view pem) {
  const auto read = [pem](auto parse) {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free_all);
    return bio ? parse(bio.get(), nullptr, nullptr, nullptr) : nullptr;
  };
  EVP_PKEY* key = read(&PEM_read_bio_PrivateKey);
  if (key == nullptr) key = read(&PEM_read_bio_PUBKEY);
  ERR_clear_error();
  TokenKey loaded(key);
  if (key == nullptr || EVP_PKEY_is_a(key, "ED25519") != 1) {
    return Error{ErrorCode::malformed, "not a PEM file with an Ed25519 key"};
  }
  return loaded;
}

Result<TokenKey> TokenKey::load(const std::string& path) {
  auto pem = env::read_private_file(path, 4096);
  if (!pem) return std::move(pem).error().within("cannot load the token key");
  auto key = from_pem(*pem);
  OPENSSL_cleanse(pem->data(), pem->size());
  if (!key) return std::move(key).error().within(path);
  return key;
}

Result<std::string> TokenKey::issue(const TokenClaims& claims) const {
  if (claims.subject.empty() || claims.subject.size() > kMaxSubjectBytes ||
      claims.name.size() > kMaxNameBytes) {
    return Error{ErrorCode::invalid_argument,
                 "a token needs a subject of 1 to 64 bytes and a name of at most 23"};
  }
  if (claims.issued_at_s < 0 || claims.expires_at_s <= claims.issued_at_s ||
      claims.expires_at_s > kLatestSecond) {
    return Error{ErrorCode::invalid_argument, "a token must expire after it is issued"};
  }
  Json json = {{"sub", claims.subject},
               {"role", claims.role == Role::player ? "player" : "spectator"},
               {"iat", claims.issued_at_s},
               {"exp", claims.expires_at_s}};
  if (!claims.name.empty()) json["name"] = claims.name;
  if (claims.battle.value != 0) json["battle"] = claims.battle.value;

  std::string payload;
  try {
    payload = json.dump();
  } catch (const Json::exception&) {
    return Error{ErrorCode::invalid_argument, "a token's subject and name must be UTF-8"};
  }
  std::string token = encode_base64url(as_bytes(kHeader)) + "." + encode_base64url(as_bytes(payload));
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, as_unsigned(token), token.size()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::invalid_argument, "this key cannot sign: it is a public one"};
  }
  return token + "." + encode_base64url(std::as_bytes(std::span(signature)));
}

Result<TokenClaims> TokenKey::verify(std::string_view token, TimeNs wall_now) const {
  if (token.size() > kMaxTokenTextBytes) return malformed("is too long");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return malformed("does not have three parts");
  }
  const auto header = decode_base64url(token.substr(0, first));
  const auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  const auto signature = decode_base64url(token.substr(second + 1));
  if (!header || !payload || !signature || header->size() > kMaxHeaderBytes)
    return malformed("is not base64url");
  if (auto checked = check_header(*header); !checked) return std::move(checked).error();

  const std::string_view covered = token.substr(0, second);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const bool good = context && signature->size() == kSignatureBytes &&
                    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                    EVP_DigestVerify(context.get(), as_unsigned(*signature), signature->size(),
                                     as_unsigned(covered), covered.size()) == 1;
  ERR_clear_error();
  if (!good) return Error{ErrorCode::corrupt, "the access token's signature is not good"};

  const Json json = parse_object(*payload);
  if (!json.is_object()) return malformed("has a payload that is no JSON object");
  ClaimReader reader(json);
  TokenClaims claims;
  claims.subject = reader.text("sub", 1, kMaxSubjectBytes);
  claims.name = reader.text("name", 0, kMaxNameBytes);
  const std::string role = reader.text("role", 1, 16);
  if (role == "spectator")
    claims.role = Role::spectator;
  else if (role != "player")
    reader.wrong("role", "is neither player nor spectator");
  claims.battle.value = reader.number("battle");
  claims.issued_at_s = reader.second("iat", -1);
  claims.expires_at_s = reader.second("exp", -1);
  const i64 not_before_s = reader.second("nbf", 0);
  if (!reader.error().empty()) return malformed(reader.error());

  const i64 now_s = wall_now / kSecondNs;
  if (now_s >= claims.expires_at_s) {
    return Error{
        ErrorCode::timeout,
        "the access token expired " + std::to_string(now_s - claims.expires_at_s) + " s ago; get a new one"};
  }
  if (claims.issued_at_s > now_s + kClockSkewS || not_before_s > now_s + kClockSkewS) {
    return Error{ErrorCode::refused, "the access token is not valid yet; check the issuer's clock"};
  }
  return claims;
}

}  // namespace drumline::auth

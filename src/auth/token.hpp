// Access tokens for clients that cannot present a certificate (browsers): JSON
// Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). The algorithm is pinned:
// nothing in a token chooses how it is checked. Format: docs/formats/token.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

struct evp_pkey_st;

namespace drumline::auth {

/// Longest token that is looked at, bytes.
inline constexpr std::size_t kMaxTokenTextBytes = 2048;

enum class Role : u8 { player, spectator };

struct TokenClaims {
  std::string subject;  ///< who: the account's name, 1 to 64 bytes ("sub")
  std::string name;     ///< to display, at most 23 bytes; may be empty
  Role role = Role::player;
  BattleId battle;       ///< the one battle that it admits to; 0 any
  i64 issued_at_s = 0;   ///< seconds since 1970 ("iat")
  i64 expires_at_s = 0;  ///< first second at which it is no longer good ("exp")
};

/// An Ed25519 key from a PEM file: private (issues and verifies) or public
/// (verifies). Immutable: any thread.
class TokenKey {
 public:
  /// A private key's file must be readable by its owner only.
  static Result<TokenKey> load(const std::string& path);
  static Result<TokenKey> from_pem(std::string_view pem);

  /// Signs. Needs the private key; claims out of range are invalid_argument.
  Result<std::string> issue(const TokenClaims& claims) const;

  /// What the token claims, if it is good at `wall_now` (ns since 1970). Errors:
  ///   timeout    it has expired
  ///   corrupt    its signature is not ours
  ///   refused    its algorithm is not EdDSA, it demands an extension, or it is not valid yet
  ///   malformed  it is no token, or a claim is missing or out of range
  /// No error repeats the token.
  Result<TokenClaims> verify(std::string_view token, TimeNs wall_now) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit TokenKey(evp_pkey_st* key) : key_(key) {}

  std::unique_ptr<evp_pkey_st, Free> key_;
};

}  // namespace drumline::auth

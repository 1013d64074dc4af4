// drumline token and drumline cert: development keys, certificates and tokens.
#include <cstdio>
#include <span>

#include <nlohmann/json.hpp>

#include "auth/token.hpp"
#include "base/hex.hpp"
#include "command.hpp"
#include "env/clock.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::app {
namespace {

struct TokenArguments {
  std::string pki = "./data/pki";
  std::string subject = "developer";
  std::string name;
  std::string role = "player";
  u64 battle = 0;
  i64 ttl_s = 300;
  std::string token;
};

int issue_token(const TokenArguments& arguments, const GlobalOptions& global) {
  auto key = auth::TokenKey::load(transport::pki_paths(arguments.pki).token_key);
  if (!key) return fail(key.error());
  const i64 now_s = env::SystemClock().wall_now() / kSecondNs;
  auth::TokenClaims claims;
  claims.subject = arguments.subject;
  claims.name = arguments.name;
  claims.role = arguments.role == "spectator" ? auth::Role::spectator : auth::Role::player;
  claims.battle = BattleId{arguments.battle};
  claims.issued_at_s = now_s;
  claims.expires_at_s = now_s + arguments.ttl_s;
  auto token = key->issue(claims);
  if (!token) return fail(token.error());
  if (global.json) {
    std::printf(
        "%s\n",
        nlohmann::ordered_json{{"token", *token}, {"expires_at", claims.expires_at_s}}.dump().c_str());
  } else {
    std::printf("%s\n", token->c_str());
  }
  return kDone;
}

int inspect_token(const TokenArguments& arguments, const GlobalOptions& global) {
  auto key = auth::TokenKey::load(transport::pki_paths(arguments.pki).token_key);
  if (!key) return fail(key.error());
  const auto claims = key->verify(arguments.token, env::SystemClock().wall_now());
  if (!claims) return fail({ErrorCode::refused, claims.error().message});
  const char* const role = claims->role == auth::Role::player ? "player" : "spectator";
  if (global.json) {
    std::printf("%s\n", nlohmann::ordered_json{{"subject", claims->subject},
                                               {"name", claims->name},
                                               {"role", role},
                                               {"battle", claims->battle.value},
                                               {"issued_at", claims->issued_at_s},
                                               {"expires_at", claims->expires_at_s}}
                            .dump()
                            .c_str());
  } else {
    std::printf("good: subject %s, name \"%s\", role %s, battle %llu, expires at %lld\n",
                claims->subject.c_str(), claims->name.c_str(), role,
                static_cast<unsigned long long>(claims->battle.value),
                static_cast<long long>(claims->expires_at_s));
  }
  return kDone;
}

struct CertArguments {
  std::string pki = "./data/pki";
  std::string name;
  int days = 90;
};

int init_certificates(const CertArguments& arguments) {
  const auto made = transport::make_development_pki(arguments.pki);
  if (!made) return fail(made.error());
  std::printf("%s: %s\n", arguments.pki.c_str(), *made ? "made what was missing" : "all there already");
  const std::string web = transport::pki_paths(arguments.pki).web_certificate;
  if (const auto facts = transport::certificate_facts(web)) {
    const i64 left_s = facts->expires_at_s - env::SystemClock().wall_now() / kSecondNs;
    std::printf("for browsers (serverCertificateHashes): %s, SHA-256 %s, good for %lld more days\n",
                web.c_str(), to_hex(std::as_bytes(std::span(facts->sha256))).c_str(),
                static_cast<long long>(left_s / 86'400));
  }
  return kDone;
}

int issue_certificate(const CertArguments& arguments) {
  const auto issued = transport::issue_client_certificate(arguments.pki, arguments.name, arguments.days);
  if (!issued) return fail(issued.error());
  std::printf("%s/%s.pem and %s/%s.key, good for %d days\n", arguments.pki.c_str(), arguments.name.c_str(),
              arguments.pki.c_str(), arguments.name.c_str(), arguments.days);
  return kDone;
}

int revoke_certificate(const CertArguments& arguments) {
  const auto revoked = transport::revoke_client_certificate(arguments.pki, arguments.name);
  if (!revoked) return fail(revoked.error());
  std::printf("%s: %s %s\n", transport::pki_paths(arguments.pki).revoked.c_str(), arguments.name.c_str(),
              *revoked ? "is revoked; a running server refuses it within a second" : "was revoked before");
  return kDone;
}

}  // namespace

void add_token(CLI::App& app, const GlobalOptions& global, int& status) {
  auto arguments = std::make_shared<TokenArguments>();
  CLI::App* token = app.add_subcommand("token", "Issues and inspects access tokens for browsers");
  token->require_subcommand(1);
  CLI::App* issue = token->add_subcommand("issue", "Prints a token");
  issue->add_option("--pki", arguments->pki, "Folder with token.key")->capture_default_str();
  issue->add_option("--subject", arguments->subject, "Account")->capture_default_str();
  issue->add_option("--name", arguments->name, "Name to show, at most 23 bytes");
  issue->add_option("--role", arguments->role, "What it admits to")
      ->check(CLI::IsMember({"player", "spectator"}))
      ->capture_default_str();
  issue->add_option("--battle", arguments->battle, "The one battle that it admits to (0: any)")
      ->capture_default_str();
  issue->add_option("--ttl", arguments->ttl_s, "Seconds until it expires")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  issue->footer("Example:\n  drumline token issue --name Ada --role player");
  issue->callback([arguments, &global, &status] { status = issue_token(*arguments, global); });
  CLI::App* inspect = token->add_subcommand("inspect", "Checks a token and prints its claims");
  inspect->add_option("TOKEN", arguments->token, "The token")->required();
  inspect->add_option("--pki", arguments->pki, "Folder with token.key")->capture_default_str();
  inspect->footer("Example:\n  drumline token inspect eyJ…");
  inspect->callback([arguments, &global, &status] { status = inspect_token(*arguments, global); });
}

void add_cert(CLI::App& app, const GlobalOptions&, int& status) {
  auto arguments = std::make_shared<CertArguments>();
  CLI::App* cert = app.add_subcommand("cert", "Makes development certificates");
  cert->require_subcommand(1);
  CLI::App* init =
      cert->add_subcommand("init", "An authority, certificates for server, client and browsers, a token key");
  init->add_option("--pki", arguments->pki, "Folder")->capture_default_str();
  init->footer("Example:\n  drumline cert init --pki ./data/pki");
  init->callback([arguments, &status] { status = init_certificates(*arguments); });
  CLI::App* issue = cert->add_subcommand("issue", "A further client certificate");
  issue->add_option("NAME", arguments->name, "Common name")->required();
  issue->add_option("--pki", arguments->pki, "Folder")->capture_default_str();
  issue->add_option("--days", arguments->days, "How long it is good")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  issue->footer("Example:\n  drumline cert issue studio-7");
  issue->callback([arguments, &status] { status = issue_certificate(*arguments); });
  CLI::App* revoke = cert->add_subcommand("revoke", "Takes a client certificate back");
  revoke->add_option("NAME", arguments->name, "Its file without .pem")->required();
  revoke->add_option("--pki", arguments->pki, "Folder")->capture_default_str();
  revoke->footer("Example:\n  drumline cert revoke studio-7");
  revoke->callback([arguments, &status] { status = revoke_certificate(*arguments); });
}

}  // namespace drumline::app

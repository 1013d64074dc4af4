// Access tokens and reconnect tickets: nothing but what we made is good.
#include "auth/token.hpp"

#include <algorithm>

#include "auth/ticket.hpp"
#include "env/random.hpp"
#include "fuzz.hpp"

namespace drumline::fuzz {
namespace {

constexpr TimeNs kNow = 1'700'000'000 * kSecondNs;
// RFC 8410, section 10.3: a published example key.
constexpr std::string_view kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kTicketKey =
    "1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

const auth::TokenKey& key() {
  static const auto made = auth::TokenKey::from_pem(kKey);
  DRUM_ASSERT(made.ok());
  return *made;
}

const auth::TicketSealer& sealer() {
  static env::SeededRandom random(1);
  static const auto made = auth::TicketSealer::parse(kTicketKey, random);
  DRUM_ASSERT(made.ok());
  return *made;
}

const std::vector<Input>& ours() {
  static const std::vector<Input> made = [] {
    std::vector<Input> all;
    auth::TokenClaims claims;
    claims.subject = "someone";
    claims.issued_at_s = kNow / kSecondNs - 10;
    claims.expires_at_s = kNow / kSecondNs + 600;
    const auto token = key().issue(claims);
    DRUM_ASSERT(token.ok());
    all.push_back(input_of(*token));
    auth::Ticket ticket;
    ticket.battle = BattleId{5};
    ticket.expires_at_s = kNow / kSecondNs + 600;
    all.push_back(sealer().seal(ticket));
    return all;
  }();
  return made;
}

}  // namespace

void run(Bytes input) {
  const bool is_ours =
      std::ranges::any_of(ours(), [&](const Input& each) { return text_of(each) == text_of(input); });
  const bool good_token = key().verify(text_of(input), kNow).ok();
  const bool good_ticket = sealer().open(input, kNow).ok();
  DRUM_ASSERT((good_token || good_ticket) == is_ours);
}

std::vector<Input> seeds() {
  return ours();
}

}  // namespace drumline::fuzz

#include "transport/quic/session_tickets.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace drumline::transport {

namespace {

// A first packet is as old as its ticket says, give or take the way and both clocks' drift; GnuTLS
// refuses the early data of others, so that nothing older need be remembered.
constexpr unsigned kWindowMs = 10'000;

}  // namespace

SessionTickets::SessionTickets(const Options& options) : options_(options) {
  const int rc = gnutls_anti_replay_init(&anti_replay_);
  DRUM_ASSERT(rc == 0);
  gnutls_anti_replay_set_window(anti_replay_, kWindowMs);
  gnutls_anti_replay_set_ptr(anti_replay_, this);
  gnutls_anti_replay_set_add_function(
      anti_replay_, [](void* self, time_t until, const gnutls_datum_t* mark, const gnutls_datum_t*) {
        return static_cast<SessionTickets*>(self)->note_first_packet(until, *mark);
      });
}

SessionTickets::~SessionTickets() {
  gnutls_anti_replay_deinit(anti_replay_);
  gnutls_memset(options_.key.data(), 0, options_.key.size());
}

void SessionTickets::enable(gnutls_session_t session) {
  const gnutls_datum_t key{options_.key.data(), static_cast<unsigned>(options_.key.size())};
  const int rc = gnutls_session_ticket_enable_server(session, &key);
  DRUM_ASSERT(rc == 0);
  gnutls_db_set_cache_expiration(session, static_cast<int>(options_.lifetime_s));
  if (!options_.early_data) return;
  gnutls_anti_replay_enable(session, anti_replay_);
  // QUIC's own limits hold; this is what it wants said (RFC 9001, section 4.6.1).
  gnutls_record_set_max_early_data_size(session, 0xffffffffU);
}

/// GnuTLS's question whether a first packet is new. An error refuses its early data, nothing else.
int SessionTickets::note_first_packet(time_t until, const gnutls_datum_t& bytes) {
  const time_t now = ::time(nullptr);
  while (!expiries_.empty() && expiries_.front().at < now) {
    seen_.erase(expiries_.front().mark);
    expiries_.pop_front();
  }
  if (seen_.size() >= kMaxSeen) return GNUTLS_E_DB_ERROR;
  Mark mark{};
  std::memcpy(mark.data(), bytes.data, std::min<std::size_t>(bytes.size, mark.size()));
  if (!seen_.insert(mark).second) return GNUTLS_E_DB_ENTRY_EXISTS;
  expiries_.push_back({until, mark});
  return 0;
}

}  // namespace drumline::transport

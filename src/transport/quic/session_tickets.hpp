// TLS session tickets over QUIC: what a server seals them with, and what a client keeps of an
// earlier session so that its next one needs no certificates and may speak with its first packets.
#pragma once

#include <array>
#include <deque>
#include <set>
#include <vector>

#include <gnutls/gnutls.h>

#include "base/types.hpp"

namespace drumline::transport {

/// Of one QUIC server, its thread. Servers with the same key open each other's tickets.
class SessionTickets {
 public:
  using Key = std::array<u8, 64>;
  struct Options {
    Key key{};                ///< GnuTLS makes of it the keys of each period, by the wall clock
    i64 lifetime_s = 0;       ///< of a ticket
    bool early_data = false;  ///< what comes with the first packets is looked at
  };
  explicit SessionTickets(const Options& options);
  SessionTickets(const SessionTickets&) = delete;
  SessionTickets& operator=(const SessionTickets&) = delete;
  ~SessionTickets();

  /// Before the handshake. This outlives it.
  void enable(gnutls_session_t session);
  bool early_data() const { return options_.early_data; }

 private:
  /// First packets are told apart by a hash; of these so many are remembered. Past them early data is
  /// refused, and the handshake is one round trip longer.
  static constexpr std::size_t kMaxSeen = 65'536;
  using Mark = std::array<u8, 32>;

  int note_first_packet(time_t until, const gnutls_datum_t& mark);

  Options options_;
  gnutls_anti_replay_t anti_replay_ = nullptr;
  std::set<Mark> seen_;
  struct Expiry {
    time_t at;
    Mark mark;
  };
  std::deque<Expiry> expiries_;  ///< oldest first
};

/// What a client keeps of its last session with one server, under one name and certificate; empty at
/// first. Filled during each session, used by the next. One thread.
struct QuicResumption {
  static constexpr std::size_t kMaxBytes = 16 << 10;  ///< a longer ticket is not kept

  std::vector<std::byte> session;               ///< GnuTLS's, with the ticket
  std::vector<std::byte> transport_parameters;  ///< the server's limits, for early data
  std::vector<std::byte> address_token;         ///< proves our address, once (RFC 9000, section 8.1.3)
};

}  // namespace drumline::transport

// One TLS 1.3 handshake inside QUIC. Lives only until the handshake is done:
// QUIC then holds the keys, and the TLS session's memory goes back.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/result.hpp"
#include "transport/quic/quic_counters.hpp"
#include "transport/quic/session_tickets.hpp"
#include "transport/quic/tls_credentials.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

class TlsHandshake {
 public:
  struct Options {
    bool server = false;
    bool require_peer_certificate = true;
    std::string server_name;  ///< client: the DNS name or IP address that the certificate must hold
    std::string alpn;
    /// Server: called with `owner` when a browser asks for "h3", which is served only if this is
    /// set. No certificate is then asked of it; ours is what the call gives, or the usual one (null).
    std::shared_ptr<const TlsCredentials> (*on_http3)(void* owner) = nullptr;
    std::shared_ptr<SessionTickets> tickets;     ///< server; null: no session is resumed
    std::shared_ptr<QuicResumption> resumption;  ///< client; null: likewise
    bool early_data = false;                     ///< client: asked for, if there is a session to resume
  };
  /// `conn` gives ngtcp2's connection for `owner`, as ngtcp2_crypto asks for it.
  static Result<std::unique_ptr<TlsHandshake>> start(const std::shared_ptr<const TlsCredentials>& credentials,
                                                     Options options, ngtcp2_crypto_get_conn conn,
                                                     void* owner);
  ~TlsHandshake();
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

  gnutls_session_t session() const { return session_; }

  /// Why the peer was refused here, when it was.
  HandshakeFailure failure() const { return failure_; }
  u8 alert() const { return alert_; }
  const std::string& failure_text() const { return failure_text_; }

  /// Who the peer proved to be. Call when the handshake is complete, or, of a resumed session, as soon as
  /// that is known. Read once.
  const PeerIdentity& identity();
  bool protocol_agreed() const;

  /// An earlier session goes on: nobody has presented a certificate this time. At a server, from the
  /// first packet on.
  bool resumed() const { return gnutls_session_is_resumed(session_) != 0; }
  /// Server, of a resumed session: whether the certificate of then is still good. It is refused otherwise.
  bool check_resumed();
  /// Both ends, when the handshake is complete.
  bool early_data_accepted() const;
  /// Server, when the handshake is complete: a ticket for the next session.
  void send_ticket();
  /// Client: a ticket may come yet, and this has to be there for it.
  bool awaits_ticket() const { return options_.resumption != nullptr && !has_ticket_; }
  /// Client: proves its address the next time.
  void keep_address_token(Bytes token) {
    if (options_.resumption) options_.resumption->address_token.assign(token.begin(), token.end());
  }

  /// GnuTLS's certificate callback (gnutls_certificate_verify_function).
  static int verify_peer(gnutls_session_t session);
  /// GnuTLS's callback between a ClientHello and the choice of our certificate.
  static int on_client_hello(gnutls_session_t session);
  /// GnuTLS's callback when a client has read a ticket.
  static int on_new_ticket(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                           const gnutls_datum_t* message);

 private:
  TlsHandshake() = default;
  void set_up_resumption();
  int verify();
  int refuse(HandshakeFailure failure, u8 alert, std::string text, int result);

  ngtcp2_crypto_conn_ref ref_{};  // first: GnuTLS's session pointer is this object
  gnutls_session_t session_ = nullptr;
  Options options_;
  std::shared_ptr<const TlsCredentials>
      credentials_;  // shared: GnuTLS looks into it until the session is gone
  std::shared_ptr<const TlsCredentials> http3_credentials_;
  HandshakeFailure failure_ = HandshakeFailure::none;
  u8 alert_ = 0;
  std::optional<PeerIdentity> peer_;
  TlsCredentials::Standing standing_ = TlsCredentials::Standing::good;  ///< of its certificate
  bool has_ticket_ = false;
  std::string failure_text_;
};

/// What a TLS alert says about a refused handshake.
HandshakeFailure failure_of_alert(u8 alert);
/// What the peer's end of the session is told of it.
CloseCode close_code_of(HandshakeFailure failure);
/// "certificate expired", "no application protocol", …
std::string alert_text(u8 alert);

}  // namespace drumline::transport

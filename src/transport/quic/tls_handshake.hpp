// One TLS 1.3 handshake inside QUIC. Lives only until the handshake is done:
// QUIC then holds the keys, and the TLS session's memory goes back.
#pragma once

#include <memory>
#include <string>

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/result.hpp"
#include "transport/quic/quic_counters.hpp"
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

  /// Who the peer proved to be. Call when the handshake is complete.
  PeerIdentity identity() const;
  bool protocol_agreed() const;

  /// GnuTLS's certificate callback (gnutls_certificate_verify_function).
  static int verify_peer(gnutls_session_t session);
  /// GnuTLS's callback between a ClientHello and the choice of our certificate.
  static int on_client_hello(gnutls_session_t session);

 private:
  TlsHandshake() = default;
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
  std::string failure_text_;
};

/// What a TLS alert says about a refused handshake.
HandshakeFailure failure_of_alert(u8 alert);
/// What the peer's end of the session is told of it.
CloseCode close_code_of(HandshakeFailure failure);
/// "certificate expired", "no application protocol", …
std::string alert_text(u8 alert);

}  // namespace drumline::transport

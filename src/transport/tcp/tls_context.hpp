// Certificates and TLS policy of OpenSSL, for what goes over TCP; QUIC has GnuTLS
// (quic/tls_credentials.hpp) with the same files and the same rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "base/result.hpp"
#include "env/clock.hpp"
#include "transport/credentials/ticket_keys.hpp"
#include "transport/quic/quic_counters.hpp"
#include "transport/quic/quic_settings.hpp"
#include "transport/session.hpp"

namespace drumline::transport {

/// The application protocol of native clients, as over QUIC.
inline constexpr std::string_view kNativeProtocol = "drumline/1";
/// The application protocol of whoever comes for a WebSocket (RFC 7301 register).
inline constexpr std::string_view kWebProtocol = "http/1.1";

/// Looks at the PEM files before anybody uses them: can they be read, are they what
/// they should be, do certificate and key belong together, is the certificate good
/// at `wall_now_s`? The Error is one sentence that names the file and the way out.
Result<void> check_tls_files(const TlsFiles& files, i64 wall_now_s);

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;
using SslContextPtr = std::unique_ptr<SSL_CTX, SslDeleter>;
using CrlPtr = std::unique_ptr<X509_CRL, SslDeleter>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslDeleter>;

/// A server's side. TLS 1.3 only, P-256 and AES-128-GCM first. Immutable: any thread.
class TlsServerContext : public std::enable_shared_from_this<TlsServerContext> {
 public:
  struct Options {
    TlsFiles files;
    /// Of native clients; one who comes for a WebSocket brings a token instead.
    bool require_client_certificate = true;
    bool serve_web = true;  ///< whoever offers http/1.1, or no protocol at all, is let in too
    std::shared_ptr<const TicketKeys> ticket_keys;  ///< null: no tickets
  };
  /// `clock` outlives the context: tickets' keys go by its wall time.
  static Result<std::shared_ptr<const TlsServerContext>> create(Options options, const env::Clock& clock);

  /// What a ClientHello asked for; set while the handshake runs.
  struct Arrival {
    bool web = false;          ///< a WebSocket is wanted
    bool no_protocol = false;  ///< refused: nothing in common
  };
  /// A new connection's side, which keeps the context. `arrival` outlives its handshake.
  SslPtr new_connection(Arrival& arrival) const;

  /// The peer's certificate is on the list of revoked ones.
  bool has_revoked(const SSL* ssl) const;

  bool requires_client_certificate() const { return options_.require_client_certificate; }

 private:
  TlsServerContext(Options options, const env::Clock& clock) : options_(std::move(options)), clock_(clock) {}
  static int on_client_hello(SSL* ssl, int* alert, void* self);
  static int on_select_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                                const unsigned char* offered, unsigned offered_size, void* self);
  static int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int sealing);

  Options options_;
  const env::Clock& clock_;
  SslContextPtr context_;
  CrlPtr revoked_;
};

/// A client's side. Immutable: any thread.
class TlsClientContext {
 public:
  static Result<std::shared_ptr<const TlsClientContext>> create(const TlsFiles& files);

  /// A new connection's side. `server_name` is a DNS name or an IP address that the
  /// server's certificate must hold. `on_ticket` (may be null) gets each ticket with `owner`
  /// and takes it over.
  using TicketSink = void (*)(void* owner, SslSessionPtr ticket);
  SslPtr new_connection(const std::string& server_name, std::string_view protocol, TicketSink on_ticket,
                        void* owner) const;

 private:
  SslContextPtr context_;
};

/// Why a TLS operation failed. Reads the thread's OpenSSL error queue and the
/// connection's verdict on the peer's certificate.
struct TlsFailure {
  HandshakeFailure failure = HandshakeFailure::tls;
  CloseCode code = CloseCode::internal;
  std::string text;
};
TlsFailure tls_failure(const SSL* ssl);

/// Who the peer proved to be, by the certificate that its handshake, or the one
/// that its ticket came from, has verified.
PeerIdentity identity_of(const SSL* ssl);
/// False when the peer's certificate is past its time: a ticket may outlive it.
bool certificate_in_time(const SSL* ssl);

}  // namespace drumline::transport

// Many client connections in one object that share a socket, each a Session.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "transport/quic/quic_endpoint.hpp"
#include "transport/quic/tls_credentials.hpp"

namespace drumline::transport {

/// on_open comes when the server has accepted us (handshake confirmed). Unlike at
/// a server, on_close also comes for a session that never opened: it says why
/// (unauthenticated: a certificate was refused, by them or by us; version: no
/// protocol in common; idle: no answer; flood: the server is full).
class QuicClients : public QuicEndpoint {
 public:
  QuicClients(const QuicSettings& settings, env::Random& random, SessionHandler& handler,
              env::PacketBatch& out);

  struct ClientOptions {
    std::string server_name = "localhost";  ///< a name or IP address that the server's certificate must hold
    std::shared_ptr<const TlsCredentials> credentials;  ///< shared by any number of connections
    u64 context = 0;                                    ///< the session's, set from the start
    /// What earlier sessions with this server under these credentials left; the session adds to it.
    std::shared_ptr<QuicResumption> resumption{};
    bool early_data = false;  ///< Session::send_early() may be used, if there is a session to resume
  };
  /// Starts a connection; the next flush() writes its first packet. The session
  /// lives until on_close.
  Result<Session*> connect(const env::Address& server, const env::Address& local,
                           const ClientOptions& options, TimeNs now);

  /// New keys from the next packet on, both ways (RFC 9001, section 6). Each end also does so by itself
  /// before its cipher has sealed as much as it may. False: the last change is too fresh, or the session
  /// is not open.
  bool update_keys(Session& session, TimeNs now);

 protected:
  ngtcp2_callbacks callbacks_;

 private:
  void receive_unknown(const env::ReceivedPacket& packet, const env::Address& local,
                       const ngtcp2_version_cid& header) override;
  void receive_other_version(const env::ReceivedPacket& packet, const ngtcp2_version_cid& header) override;
  void reset_token(const ngtcp2_cid& id, u8* token) override;
};

}  // namespace drumline::transport

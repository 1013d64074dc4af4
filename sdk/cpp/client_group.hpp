// Many clients over QUIC on a few shared sockets, or over a TLS connection or a WebSocket each, driven
// by one thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/client.hpp"
#include "client/native_clients.hpp"
#include "env/clock.hpp"
#include "env/network.hpp"
#include "env/poller.hpp"
#include "transport/credentials/development_pki.hpp"
#include "transport/quic/quic_client.hpp"
#include "transport/websocket/websocket_client.hpp"

namespace drumline::client {

struct ServerUrl {
  transport::TransportKind transport = transport::TransportKind::quic;
  env::Address address;
  bool fallback = false;  ///< over QUIC, and where that does not get through over TLS
  bool secure = false;    ///< of a WebSocket: over TLS
  std::string path;       ///< of a WebSocket; "/play" unless the URL says another
};
/// "drumline://HOST:PORT" (QUIC, or TLS where that is blocked), "quic://HOST:PORT", "tls://HOST:PORT",
/// "ws://HOST:PORT[/PATH]" or "wss://HOST:PORT[/PATH]", with a numeric host or localhost. Other schemes are
/// invalid_argument and say what is spoken here.
Result<ServerUrl> parse_server_url(const std::string& url);

struct ClientGroupOptions {
  env::Address server;
  transport::TransportKind transport = transport::TransportKind::quic;

  // Over QUIC and TLS.
  std::string server_name = "localhost";  ///< that the server's certificate must hold
  transport::TlsFiles tls;                ///< authority, and our certificate and key

  // Over QUIC.
  /// A client's second session is resumed: without certificates, its Hello with the first packets.
  bool resume_sessions = true;
  u32 sockets = 1;        ///< clients are dealt to them in turn
  bool coalesce = false;  ///< many clients on each socket; see env::Network::BindOptions
  /// Where QUIC does not get through the same session is had over TLS; see NativeClients.
  bool fallback = false;
  env::Address tls_server;  ///< where that is to be had; port 0: at `server`, too
  i64 quic_head_start_ns = 150 * kMillisecondNs;

  // Over WebSocket.
  bool secure = false;  ///< over TLS: the server's certificate is checked, ours is not shown
  std::string path = "/play";
  /// Gives the token of each connection, as they expire. Empty: none is sent.
  std::function<Result<std::string>()> token;

  /// Handshakes under way at once: a handshake costs the server a millisecond, and
  /// a thousand at once would time each other out.
  u32 max_handshakes = 32;
  i64 handshake_timeout_ns = 3 * kSecondNs;
};

/// One thread. network, random and clock outlive it.
class ClientGroup final : private transport::SessionHandler, private Connector {
 public:
  static Result<std::unique_ptr<ClientGroup>> create(const ClientGroupOptions& options, env::Network& network,
                                                     env::Random& random, const env::Clock& clock);
  ~ClientGroup() override;

  /// A further client, to be started by start(). It lives as long as the group.
  Client& add(const ClientOptions& options, ClientListener& listener);
  /// Starts all clients that are not started, as many at a time as handshakes are allowed.
  void start();
  void leave_all();

  /// One round: takes what has arrived, does what is due, sends.
  void poll();
  /// Sleeps until a packet arrives (which streams also handle), something is due, or `until`.
  void wait(TimeNs until);

  std::size_t size() const { return clients_.size(); }
  Client& client(std::size_t i) { return *clients_[i]; }
  const Client& client(std::size_t i) const { return *clients_[i]; }
  u64 packets_received() const;  ///< over QUIC
  u64 fallbacks() const;         ///< sessions for which QUIC did not get through, and TLS did
  /// Sessions that are open, opening or still closing.
  std::size_t connections() const;

 private:
  struct Port {
    std::unique_ptr<env::DatagramSocket> socket;
    std::unique_ptr<transport::QuicClients> quic;
  };

  struct Streams;

  ClientGroup(const ClientGroupOptions& options, env::Random& random, const env::Clock& clock);
  Result<void> open_quic(env::Network& network);
  Result<void> open_streams();
  void open_fallback();
  Result<transport::Session*> connect_quic(u64 context, TimeNs now);

  Result<transport::Session*> connect(Client& client, TimeNs now) override;
  void on_open(transport::Session& session) override;
  void on_reliable(transport::Session& session, Bytes bytes) override;
  void on_datagram(transport::Session& session, Bytes payload) override;
  void on_close(transport::Session& session, transport::CloseCode code, std::string_view reason) override;
  Client& client_of(const transport::Session& session) { return *clients_[session.context]; }
  std::size_t half_open() const;
  void poll_clients();

  ClientGroupOptions options_;
  env::Random& random_;
  const env::Clock& clock_;
  std::shared_ptr<const transport::TlsCredentials> credentials_;
  // Before the ports: a dying endpoint may still name its sessions' clients.
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<NativeClients> native_;  // with fallback
  std::unique_ptr<env::Poller> poller_;    // of the ports, where no stream is waited for with them
  std::vector<Port> ports_;                // over QUIC
  std::unique_ptr<Streams> streams_;       // over TLS or WebSocket
  std::vector<std::shared_ptr<transport::QuicResumption>> resumptions_;  // over QUIC, by client
  std::size_t connecting_client_ = 0;
  std::deque<std::size_t> to_start_;
  TimeNs now_ = 0;
  TimeNs next_timers_ = 0;
};

}  // namespace drumline::client

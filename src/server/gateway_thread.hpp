// The thread of one gateway shard: sockets in, one duty cycle, sockets out.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/broadcast_ring.hpp"
#include "base/histogram.hpp"
#include "env/network.hpp"
#include "env/phase_clock.hpp"
#include "env/wakeup.hpp"
#include "gateway/gateway_shard.hpp"
#include "server/battles.hpp"
#include "transport/quic/quic_server.hpp"
#include "transport/tcp/tcp_listener.hpp"

namespace drumline::server {

struct GatewayThreadOptions {
  gateway::GatewayOptions gateway;
  transport::QuicServerOptions quic;
  env::Address quic_address;
  transport::TcpListenerOptions tcp;                  ///< TLS and WebSocket
  env::PortSharing sharing = env::PortSharing::none;  ///< of both ports; tcp.sharing is not looked at
  int cpu = -1;                                       ///< -1: not pinned
};

/// What the transports count, as of at most a quarter of a second ago.
struct TransportCounters {
  transport::QuicCounters quic;
  env::SocketCounters udp;
  u64 quic_connections = 0;
  u64 quic_half_open = 0;
  u64 quic_waiting = 0;  ///< packets of handshakes
};

class GatewayThread {
 public:
  /// Binds the sockets and readies everything; start() then runs it. What is
  /// passed by reference, and what `links` and `frames` point to, outlives the thread.
  static Result<std::unique_ptr<GatewayThread>> create(const GatewayThreadOptions& options,
                                                       const transport::TokenVerifier& verify_token,
                                                       const auth::TicketSealer& tickets,
                                                       const env::Clock& clock, gateway::GatewayLinks links,
                                                       std::vector<FrameSource> frames);
  ~GatewayThread();

  void start();

  /// Any thread: new frames, or more of them durable.
  void notify();
  /// Any thread. Tells every client to come back later, lets what is queued go
  /// out for at most `grace_ns`, and ends the thread.
  void begin_stop(i64 grace_ns);
  /// begin_stop(), if that has not been, and waits for the end.
  void stop(i64 grace_ns);

  env::Address quic_local() const;
  /// Of the UDP socket, which lives as long as this.
  int quic_descriptor() const;
  env::Address tcp_local() const;
  const gateway::GatewayCounters& gateway_counters() const;
  /// Any thread.
  TransportCounters transport_counters() const;
  /// Of what came to this thread over TCP; null once it has ended.
  const transport::WebSocketCounters* websocket_counters() const;
  const transport::TlsCounters* tls_counters() const;
  /// From a frame's being durable and published to its first datagram handed to the kernel, ns.
  const Histogram& schedule_ns() const { return schedule_ns_; }
  /// … to its last one.
  const Histogram& delivery_ns() const { return delivery_ns_; }
  /// What its time goes to.
  const env::PhaseClock& phases() const { return phases_; }
  /// Any thread: since when frames are under way to clients (monotonic); 0: none are.
  TimeNs delivering_since() const;

 private:
  struct Impl;
  explicit GatewayThread(std::unique_ptr<Impl> impl);
  void run();

  Histogram schedule_ns_;
  Histogram delivery_ns_;
  env::PhaseClock phases_;
  std::unique_ptr<Impl> impl_;
  std::thread thread_;
};

}  // namespace drumline::server

#include "client/client_group.hpp"

#include <algorithm>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "transport/tcp/tcp_client.hpp"
#include "transport/tcp/tls_context.hpp"

namespace drumline::client {
namespace {

// Clients' own timers (repeats, pings, reconnects) are looked at this often, all in a row.
constexpr i64 kTimerGrainNs = 4 * kMillisecondNs;
// What we send carries the acknowledgements, so they are held for a while: a player's commands come
// a few times a second. Small frames of a slow battle need no more; a second's many full packets
// are acknowledged by their bytes (QuicSettings::acknowledge_bytes).
constexpr i64 kAcknowledgeHoldNs = 250 * kMillisecondNs;
constexpr i64 kMaxAckDelayNs = 285 * kMillisecondNs;
// A player who comes back to a server that has just started again must not wait a
// second for his second packet; on a longer path one packet more is sent for it.
constexpr i64 kInitialRttNs = 80 * kMillisecondNs;
// Receive calls in a row on one socket before the others get their turn.
constexpr int kReceiveCallsInARow = 16;

}  // namespace

/// What Asio drives, and with it, where there is a fallback, the waiting for packets.
struct ClientGroup::Streams {
  ~Streams() {
    // The descriptors belong to the sockets, which close them.
    for (Packets& each : packets) each.descriptor.release();
  }

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  std::unique_ptr<transport::WebSocketClients> web;
  std::unique_ptr<transport::TcpClients> tls;

  struct Packets {
    boost::asio::posix::stream_descriptor descriptor;
    bool armed = false;
  };
  std::deque<Packets> packets;  ///< by port; the handlers hold on to them

  void arm() {
    for (Packets& each : packets) {
      if (std::exchange(each.armed, true)) continue;
      each.descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 [&each](const auto& error) {
                                   if (!error) each.armed = false;
                                 });
    }
  }
};

Result<ServerUrl> parse_server_url(const std::string& url) {
  using transport::TransportKind;
  const std::size_t colon = url.find("://");
  const std::string scheme = url.substr(0, colon);
  ServerUrl parsed;
  if (scheme == "drumline") {
    parsed.fallback = true;
  } else if (scheme == "tls") {
    parsed.transport = TransportKind::tls;
  } else if (scheme == "ws" || scheme == "wss") {
    parsed.transport = TransportKind::websocket;
    parsed.secure = scheme == "wss";
  }
  const bool spoken = parsed.fallback || parsed.transport != TransportKind::quic || scheme == "quic";
  if (colon == std::string::npos || !spoken) {
    return Error{ErrorCode::invalid_argument,
                 "'" + url +
                     "' is no address that this client speaks; use drumline://HOST:PORT, quic://HOST:PORT, "
                     "tls://HOST:PORT, ws://HOST:PORT[/PATH] or wss://HOST:PORT[/PATH]"};
  }
  std::string rest = url.substr(colon + 3);
  if (parsed.transport == TransportKind::websocket) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    parsed.path = rest.size() - slash > 1 ? rest.substr(slash) : "/play";
    rest.resize(slash);
  } else if (rest.ends_with('/')) {
    rest.pop_back();
  }
  auto address = env::parse_address(rest);
  if (!address) return std::move(address).error().within(url);
  parsed.address = *address;
  return parsed;
}

ClientGroup::ClientGroup(const ClientGroupOptions& options, env::Random& random, const env::Clock& clock)
    : options_(options), random_(random), clock_(clock), now_(clock.now()) {}

Result<std::unique_ptr<ClientGroup>> ClientGroup::create(const ClientGroupOptions& options,
                                                         env::Network& network, env::Random& random,
                                                         const env::Clock& clock) {
  std::unique_ptr<ClientGroup> group(new ClientGroup(options, random, clock));
  const bool over_quic = options.transport == transport::TransportKind::quic;
  if (over_quic && options.fallback) group->open_fallback();
  if (over_quic) {
    if (auto opened = group->open_quic(network); !opened) return std::move(opened).error();
  }
  if (!over_quic || options.fallback) {
    if (auto opened = group->open_streams(); !opened) return std::move(opened).error();
  }
  return group;
}

void ClientGroup::open_fallback() {
  NativeClients::Ways ways;
  ways.quic = [this](u64 context, TimeNs now) { return connect_quic(context, now); };
  ways.tls = [this](u64 context, TimeNs) -> Result<transport::Session*> {
    return streams_->tls->connect(options_.tls_server.port != 0 ? options_.tls_server : options_.server,
                                  context);
  };
  ways.head_start_ns = options_.quic_head_start_ns;
  transport::SessionHandler& handler = *this;
  native_ = std::make_unique<NativeClients>(std::move(ways), handler);
}

Result<void> ClientGroup::open_streams() {
  streams_ = std::make_unique<Streams>();
  transport::SessionHandler& handler = native_ ? static_cast<transport::SessionHandler&>(*native_) : *this;
  const i64 timeout_ms = std::max<i64>(options_.handshake_timeout_ns / kMillisecondNs, 1);
  const bool web = options_.transport == transport::TransportKind::websocket;
  std::shared_ptr<const transport::TlsClientContext> tls;
  if (!web || options_.secure) {
    // To a WebSocket's server a token says who we are.
    auto made = transport::TlsClientContext::create(web ? transport::TlsFiles{options_.tls.authority, {}, {}}
                                                        : options_.tls);
    if (!made) return std::move(made).error();
    tls = std::move(*made);
  }
  if (web) {
    transport::WebSocketClientOptions options;
    options.handshake_timeout_ms = timeout_ms;
    options.tls = std::move(tls);
    options.server_name = options_.server_name;
    streams_->web = std::make_unique<transport::WebSocketClients>(streams_->io, options, handler);
    return {};
  }
  transport::TcpClientOptions options;
  options.tls = std::move(tls);
  options.server_name = options_.server_name;
  options.handshake_timeout_ms = timeout_ms;
  streams_->tls = std::make_unique<transport::TcpClients>(streams_->io, options, handler);
  for (const Port& port : ports_) {
    if (port.socket->descriptor() < 0) continue;
    streams_->packets.push_back(
        {boost::asio::posix::stream_descriptor(streams_->io, port.socket->descriptor())});
  }
  return {};
}

Result<void> ClientGroup::open_quic(env::Network& network) {
  auto credentials = transport::TlsCredentials::load(options_.tls);
  if (!credentials) return std::move(credentials).error();
  credentials_ = std::move(*credentials);
  const bool v4 = options_.server.is_v4();
  const auto any = env::parse_address(options_.server.is_loopback() ? (v4 ? "127.0.0.1:0" : "[::1]:0")
                                                                    : (v4 ? "0.0.0.0:0" : "[::]:0"));
  if (!any) return any.error();
  transport::QuicSettings quic;
  quic.handshake_timeout_ns = options_.handshake_timeout_ns;
  quic.initial_rtt_ns = kInitialRttNs;
  quic.acknowledge_hold_ns = kAcknowledgeHoldNs;
  quic.max_ack_delay_ns = kMaxAckDelayNs;
  transport::SessionHandler& handler = native_ ? static_cast<transport::SessionHandler&>(*native_) : *this;
  const u32 sockets = std::max(options_.sockets, 1U);
  auto poller = env::make_poller(env::default_poller_kind(), sockets);
  if (!poller) return std::move(poller).error().within("the clients' sockets");
  poller_ = std::move(*poller);
  for (u32 i = 0; i < sockets; ++i) {
    auto socket = network.bind(*any, {.coalesce = options_.coalesce});
    if (!socket) return std::move(socket).error().within("a socket for the clients");
    Port& port = ports_.emplace_back();
    port.socket = std::move(*socket);
    port.quic = std::make_unique<transport::QuicClients>(quic, random_, handler, port.socket->batch());
    const int descriptor = port.socket->descriptor();
    if (descriptor < 0) continue;  // simulated
    if (auto watched = poller_->watch(descriptor, env::Interest::read, i); !watched) return watched;
  }
  return {};
}

ClientGroup::~ClientGroup() = default;

Client& ClientGroup::add(const ClientOptions& options, ClientListener& listener) {
  Connector& connector = *this;
  to_start_.push_back(clients_.size());
  clients_.push_back(std::make_unique<Client>(options, connector, listener, random_));
  return *clients_.back();
}

void ClientGroup::start() {
  now_ = clock_.now();
  while (!to_start_.empty() && half_open() < options_.max_handshakes) {
    connecting_client_ = to_start_.front();
    to_start_.pop_front();
    clients_[connecting_client_]->start(now_);
  }
}

void ClientGroup::leave_all() {
  now_ = clock_.now();
  to_start_.clear();
  for (const auto& client : clients_) client->leave(now_);
}

std::size_t ClientGroup::half_open() const {
  std::size_t sum = 0;
  for (const Port& port : ports_) sum += port.quic->half_open();
  if (streams_ && streams_->web) sum += streams_->web->half_open();
  if (streams_ && streams_->tls) sum += streams_->tls->half_open();
  return sum;
}

void ClientGroup::poll() {
  now_ = clock_.now();
  for (Port& port : ports_) {
    port.quic->advance(now_);
    for (int i = 0; i < kReceiveCallsInARow; ++i) {
      const auto packets = port.socket->receive();
      if (packets.empty()) break;
      now_ = clock_.now();
      port.quic->receive(packets, port.socket->local(), now_);
    }
  }
  if (streams_) streams_->io.poll();
  now_ = clock_.now();
  for (Port& port : ports_) {
    if (port.quic->deadline() <= now_) port.quic->on_timer(now_);
  }
  if (native_) native_->poll(now_);
  if (now_ >= next_timers_) {
    next_timers_ = now_ + kTimerGrainNs;
    if (!to_start_.empty()) start();
    poll_clients();
  }
  for (Port& port : ports_) {
    port.quic->flush(now_);
    port.socket->batch().flush();
  }
}

void ClientGroup::poll_clients() {
  std::size_t budget = half_open();
  budget = budget < options_.max_handshakes ? options_.max_handshakes - budget : 0;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    Client& client = *clients_[i];
    if (client.deadline() > now_) continue;
    if (client.state() == ClientState::waiting) {
      if (budget == 0) continue;
      --budget;
    }
    connecting_client_ = i;
    client.poll(now_);
  }
}

void ClientGroup::wait(TimeNs until) {
  TimeNs wake = std::min(until, next_timers_);
  for (const Port& port : ports_) wake = std::min(wake, port.quic->deadline());
  if (native_) wake = std::min(wake, native_->deadline());
  const i64 left = wake - clock_.now();
  if (left <= 0) return;
  if (streams_) {
    streams_->arm();
    streams_->io.run_one_for(std::chrono::nanoseconds(left));
    return;
  }
  poller_->wait(wake);
}

std::size_t ClientGroup::connections() const {
  std::size_t sum = 0;
  for (const Port& port : ports_) sum += port.quic->connections();
  if (streams_ && streams_->web) sum += streams_->web->connections();
  if (streams_ && streams_->tls) sum += streams_->tls->connections();
  return sum;
}

u64 ClientGroup::packets_received() const {
  u64 sum = 0;
  for (const Port& port : ports_) sum += port.socket->counters().packets_received;
  return sum;
}

u64 ClientGroup::fallbacks() const {
  return native_ ? native_->won_by_tls() : 0;
}

Result<transport::Session*> ClientGroup::connect(Client&, TimeNs now) {
  if (native_) return native_->connect(connecting_client_, now);
  if (options_.transport == transport::TransportKind::tls)
    return streams_->tls->connect(options_.server, connecting_client_);
  if (streams_) {
    transport::WebSocketClients::Target target;
    target.server = options_.server;
    target.path = options_.path;
    target.context = connecting_client_;
    if (options_.token) {
      auto token = options_.token();
      if (!token) return std::move(token).error().within("a token for the connection");
      target.token = std::move(*token);
    }
    return streams_->web->connect(target);
  }
  return connect_quic(connecting_client_, now);
}

Result<transport::Session*> ClientGroup::connect_quic(u64 context, TimeNs now) {
  Port& port = ports_[connecting_client_ % ports_.size()];
  transport::QuicClients::ClientOptions options;
  options.server_name = options_.server_name;
  options.credentials = credentials_;
  options.context = context;
  if (options_.resume_sessions) {
    if (resumptions_.size() <= connecting_client_) resumptions_.resize(clients_.size());
    auto& resumption = resumptions_[connecting_client_];
    if (!resumption) resumption = std::make_shared<transport::QuicResumption>();
    options.resumption = resumption;
    options.early_data = true;
  }
  return port.quic->connect(options_.server, port.socket->local(), options, now);
}

// A stream's messages come one by one, whenever its context runs: each at its own time.
void ClientGroup::on_open(transport::Session& session) {
  if (streams_) now_ = clock_.now();
  client_of(session).on_open(session, now_);
}
void ClientGroup::on_reliable(transport::Session& session, Bytes bytes) {
  if (streams_) now_ = clock_.now();
  client_of(session).on_reliable(session, bytes, now_);
}
void ClientGroup::on_datagram(transport::Session& session, Bytes payload) {
  if (streams_) now_ = clock_.now();
  client_of(session).on_datagram(session, payload, now_);
}
void ClientGroup::on_close(transport::Session& session, transport::CloseCode code, std::string_view reason) {
  if (streams_) now_ = clock_.now();
  client_of(session).on_close(session, code, reason, now_);
}

}  // namespace drumline::client

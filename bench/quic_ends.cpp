#include "bench/quic_ends.hpp"

#include <chrono>

#include <time.h>

#include "transport/credentials/development_pki.hpp"

namespace drumline::bench {

using transport::QuicClients;
using transport::QuicServer;
using transport::Session;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

MutableBytes Pipe::space() {
  if (used_ == packets_.size()) packets_.push_back(std::make_unique<Packet>());
  return packets_[used_]->bytes;
}

void Pipe::commit(const env::Address&, std::size_t size, u8 ecn, u64) {
  packets_[used_]->size = size;
  packets_[used_++]->ecn = ecn;
}

std::span<const env::ReceivedPacket> Pipe::take() {
  views_.clear();
  for (std::size_t i = 0; i < used_; ++i)
    views_.push_back({from_, Bytes(packets_[i]->bytes).first(packets_[i]->size), packets_[i]->ecn});
  used_ = 0;
  return views_;
}

Result<transport::QuicServerOptions> server_options(const std::string& folder, std::size_t connections) {
  if (auto pki = transport::make_development_pki(folder); !pki) return std::move(pki).error();
  const transport::PkiPaths paths = transport::pki_paths(folder);
  transport::QuicServerOptions options;
  options.tls = {paths.ca_certificate, paths.server_certificate, paths.server_key};
  transport::TicketSecret secret;
  env::SystemRandom().fill(secret);
  options.ticket_keys =
      std::make_shared<const transport::TicketKeys>(std::vector<transport::TicketSecret>{secret}, 3600);
  options.max_connections = options.max_half_open = options.retry_threshold = connections + 1;
  return options;
}

Result<QuicClients::ClientOptions> client_options(const std::string& folder) {
  const transport::PkiPaths paths = transport::pki_paths(folder);
  auto credentials =
      transport::TlsCredentials::load({paths.ca_certificate, paths.client_certificate, paths.client_key});
  if (!credentials) return std::move(credentials).error();
  QuicClients::ClientOptions options;
  options.credentials = std::move(*credentials);
  return options;
}

Result<std::unique_ptr<Ends>> Ends::make(const std::string& folder, std::size_t connections,
                                         const transport::QuicSettings& settings) {
  auto made = std::make_unique<Ends>();
  auto options = server_options(folder, connections);
  if (!options) return std::move(options).error();
  options->settings = settings;
  auto server = QuicServer::create(*options, made->random, made->at_server, made->from_server);
  if (!server) return std::move(server).error();
  made->server = std::move(*server);
  auto client = client_options(folder);
  if (!client) return std::move(client).error();
  made->client = std::move(*client);
  made->clients = std::make_unique<QuicClients>(settings, made->random, made->at_clients, made->from_clients);
  return made;
}

bool Ends::exchange() {
  const auto up = from_clients.take();
  const double start = thread_cpu_seconds();
  server->receive(up, server_address, now);
  if (server->deadline() <= now) server->on_timer(now);
  server->flush(now);
  server_seconds += thread_cpu_seconds() - start;
  const auto down = from_server.take();
  const bool any = !up.empty() || !down.empty();
  clients->receive(down, client_address, now);
  if (clients->deadline() <= now) clients->on_timer(now);
  clients->flush(now);
  return any;
}

Result<Session*> Ends::connect() {
  auto session = clients->connect(server_address, client_address, client, now);
  if (!session) return session;
  clients->flush(now);
  const std::size_t before = at_clients.sessions.size();
  for (int round = 0; round < 16 && at_clients.sessions.size() == before; ++round) exchange();
  if (at_clients.sessions.size() == before) {
    return Error{ErrorCode::internal, "the handshake did not come to an end: " + at_clients.last_reason};
  }
  return session;
}

DatagramCosts measure_datagrams(Ends& ends, std::size_t bytes, double seconds) {
  constexpr u64 kTicksPerCommand = 6;
  const std::vector<std::byte> frame(bytes, std::byte{0x5a});
  const std::vector<std::byte> command(60, std::byte{0x5a});
  DatagramCosts costs;
  double server_s = 0, clients_s = 0;
  u64 sent = 0, back = 0;
  const double end = wall_seconds() + seconds;
  for (u64 tick = 0; wall_seconds() < end; ++tick) {
    ends.now += kTickNs;
    const double begun = thread_cpu_seconds();
    ends.server->advance(ends.now);
    for (Session* session : ends.at_server.sessions) session->send_datagram(frame) ? ++sent : ++costs.refused;
    ends.server->flush(ends.now);
    const double at_clients = thread_cpu_seconds();
    const auto down = ends.from_server.take();
    ends.clients->receive(down, ends.client_address, ends.now);
    if (ends.clients->deadline() <= ends.now) ends.clients->on_timer(ends.now);
    ends.clients->advance(ends.now);
    for (std::size_t i = tick % kTicksPerCommand; i < ends.at_clients.sessions.size(); i += kTicksPerCommand)
      ends.at_clients.sessions[i]->send_datagram(command);
    ends.clients->flush(ends.now);
    const double at_server = thread_cpu_seconds();
    const auto up = ends.from_clients.take();
    back += up.size();
    ends.server->receive(up, ends.server_address, ends.now);
    if (ends.server->deadline() <= ends.now) ends.server->on_timer(ends.now);
    ends.server->flush(ends.now);
    const double ended = thread_cpu_seconds();
    server_s += at_clients - begun + (ended - at_server);
    clients_s += at_server - at_clients;
  }
  const double n = static_cast<double>(std::max<u64>(sent, 1));
  costs.server_us = server_s * 1e6 / n;
  costs.client_us = clients_s * 1e6 / n;
  costs.packets_back = static_cast<double>(back) / n;
  return costs;
}

}  // namespace drumline::bench

#include "server/server.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "ebpf/steering.hpp"
#include "env/thread.hpp"
#include "recovery/data_folders.hpp"
#include "server/battle_host.hpp"
#include "server/isolated_battles.hpp"
#include "transport/tcp/event_loop.hpp"
#include "transport/tcp/tls_context.hpp"
#include "world/hash.hpp"

namespace drumline::server {
namespace {

/// A client's first flight, its certificate's, and what it repeats while it waits.
constexpr std::size_t kPacketsAHandshake = 8;

i64 seconds(u32 value) {
  return i64{value} * kSecondNs;
}

/// QUIC takes the port's UDP half; this is its TCP half.
transport::TcpListenerOptions tcp_options(const config::Configuration& values) {
  transport::TcpListenerOptions options;
  options.address = values.listen.address;
  options.max_connections = values.gateway.max_sessions;
  options.defer_handshakes = true;
  options.plain_websocket = values.listen.plain_websocket;
  options.handshake_timeout_ms = i64{values.gateway.handshake_timeout_s} * 1000;
  options.idle_timeout_ms = i64{values.gateway.idle_timeout_s} * 1000;
  options.websocket.path = values.gateway.websocket_path;
  options.websocket.allowed_origins = values.gateway.allowed_origins;
  options.websocket.handshake_timeout_ms = options.handshake_timeout_ms;
  options.websocket.idle_timeout_ms = options.idle_timeout_ms;
  options.max_datagram_bytes = options.websocket.max_datagram_bytes = values.broadcast.spectator_budget_bytes;
  return options;
}

bool is_loopback(const std::string& address) {
  const auto parsed =
      env::parse_address(address.find(':') == std::string::npos ? address + ":0" : "[" + address + "]:0");
  return parsed && parsed->is_loopback();
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      files_(env::make_system_files()),
      lookup_([this](std::string_view name) { return find_game(name); }),
      started_at_(clock_.now()) {}

Server::~Server() {
  stop(0);
}

const world::Game* Server::find_game(std::string_view name) const {
  for (const world::Game* game : options_.games) {
    if (game->name() == name) return game;
  }
  return nullptr;
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  if (auto fits = server->check_event_loop(); !fits) return std::move(fits).error();
  if (auto made = server->files_->make_folder(server->options_.data); !made) return std::move(made).error();
  auto lock = env::FolderLock::take(server->options_.data);
  if (!lock) return std::move(lock).error();
  server->lock_ = std::move(*lock);
  for (const auto step :
       {&Server::prepare_identity, &Server::open_battles, &Server::open_gateways, &Server::open_shaping,
        &Server::begin_battles, &Server::open_admin, &Server::start_threads}) {
    if (auto done = (server.get()->*step)(); !done) return std::move(done).error();
  }
  return server;
}

Result<void> Server::check_event_loop() const {
  const std::string& wanted = options_.configuration.values.threads.event_loop;
  if (const std::string_view built = transport::event_loop_name(); built != wanted) {
    return Error{ErrorCode::invalid_argument, "threads.event_loop is \"" + wanted +
                                                  "\", and this program has " + std::string(built) + " only"};
  }
  return transport::check_event_loop();
}

// ---- who we are

Result<void> Server::prepare_identity() {
  const config::Configuration& values = options_.configuration.values;
  const bool own = values.security.pki_folder.empty();
  pki_folder_ = own ? options_.data + "/pki" : values.security.pki_folder;
  if (own) {
    if (!is_loopback(values.listen.address)) {
      return Error{ErrorCode::invalid_argument,
                   "listen.address is " + values.listen.address +
                       ", which is not loopback: development certificates are not made for it; set "
                       "security.pki_folder to a folder with ca.pem, server.pem, server.key and token.key"};
    }
    const auto made = transport::make_development_pki(pki_folder_);
    if (!made) return made.error();
    report_.made_certificates = *made;
  }
  report_.pki_folder = pki_folder_;
  auto tickets = auth::TicketSealer::load_or_create(pki_folder_ + "/ticket.key", random_);
  if (!tickets) return std::move(tickets).error();
  tickets_.emplace(std::move(*tickets));
  auto tokens = auth::TokenKey::load(transport::pki_paths(pki_folder_).token_key);
  if (!tokens) return std::move(tokens).error();
  tokens_.emplace(std::move(*tokens));
  if (values.gateway.webtransport) {
    auto certificate = WebCertificate::open(pki_folder_, clock_);
    if (!certificate) return std::move(certificate).error();
    web_certificate_ = std::move(*certificate);
  }
  return {};
}

// ---- battles

Result<void> Server::check_game() const {
  const std::string& wanted = options_.configuration.values.battle.game;
  if (find_game(wanted) != nullptr) return {};
  std::string known;
  for (const world::Game* candidate : options_.games) known += " " + std::string(candidate->name());
  return Error{ErrorCode::invalid_argument, "battle.game is \"" + wanted + "\"; this build serves:" + known};
}

Result<void> Server::open_battles() {
  if (auto known = check_game(); !known) return known;
  open_overload_watch();
  const config::Configuration& values = options_.configuration.values;
  const bool isolated = values.battle.isolation == "process";
  if (auto fits = recovery::check_data_folder(*files_, options_.data, isolated, values.battle.shards); !fits)
    return fits;
  if (isolated) {
    IsolatedBattlesOptions options;
    options.data = options_.data;
    options.program = options_.group_program;
    options.arguments = options_.group_arguments;
    options.overload = &overload_;
    options.on_frames = [this] { notify_gateways(); };
    auto opened = IsolatedBattles::open(values, std::move(options), directory_, *files_, random_, clock_);
    if (!opened) return std::move(opened).error();
    battles_ = std::move(*opened);
  } else {
    BattleHostOptions options;
    options.data = options_.data;
    options.failures = options_.data + "/failures";
    options.shards = values.battle.shards;
    options.gateways = values.gateway.shards;
    options.overload = &overload_;
    options.on_durable = [this] { notify_gateways(); };
    auto opened = BattleHost::open(values, std::move(options), lookup_, directory_, *files_, random_, clock_);
    if (!opened) return std::move(opened).error();
    battles_ = std::move(*opened);
  }
  static_cast<BattlesReport&>(report_) = battles_->report();
  return {};
}

Result<void> Server::begin_battles() {
  gateways_ready_.store(true, std::memory_order_release);
  return battles_->begin();
}

void Server::open_overload_watch() {
  const config::Overload& values = options_.configuration.values.overload;
  battle::OverloadSettings settings;
  settings.lateness_bound_ns = i64{values.lateness_bound_ms} * kMillisecondNs;
  settings.delivery_bound_ns = i64{values.delivery_bound_ms} * kMillisecondNs;
  settings.climb_after_ns = i64{values.climb_after_ms} * kMillisecondNs;
  settings.descend_after_ns = seconds(values.descend_after_s);
  settings.allowed = {true, values.lower_tiers, values.smaller_interest, values.refuse_joins, values.dilate};
  settings.max_pace_percent = values.max_pace_percent;
  overload_.allowed = settings.allowed;
  overload_.retry_after_ms = values.retry_after_s * 1000;
  overload_watch_ = std::make_unique<OverloadWatch>(
      settings, overload_, [this] { return load(); }, clock_);
}

LoadFigures Server::load() const {
  LoadFigures figures;
  for (const ShardFigures& shard : battles_->shards()) {
    figures.lateness_ns.merge(shard.ticks->lateness_ns);
    figures.schedule_shifts += shard.ticks->schedule_shifts.value();
  }
  for (const auto& gateway : gateways_) {
    figures.delivery_ns.merge(gateway->delivery_ns());
    if (const TimeNs since = gateway->delivering_since(); since != 0)
      figures.longest_under_way_ns = std::max(figures.longest_under_way_ns, clock_.now() - since);
  }
  return figures;
}

void Server::notify_gateways() {
  if (!gateways_ready_.load(std::memory_order_acquire)) return;
  for (const auto& gateway : gateways_) gateway->notify();
}

Result<void> Server::start_threads() {
  for (const auto& gateway : gateways_) gateway->start();
  if (auto started = battles_->start(); !started) return started;
  // Who connects from here on finds a battle.
  const TimeNs patience = clock_.now() + 10 * kSecondNs;
  while (directory_.size() == 0) {
    if (auto failed = failure()) return *failed;
    if (clock_.now() >= patience) {
      std::string journals;
      for (const JournalFigures& journal : battles_->journals()) {
        const bool open = journal.state == journal::WriterState::open;
        journals += (journals.empty() ? "" : ", ") + (open ? std::string("open") : journal.reason);
      }
      return Error{ErrorCode::timeout,
                   "the first battle did not come to its first tick: the journal is " + journals};
    }
    env::sleep_until(clock_.now() + kMillisecondNs);
  }
  if (options_.configuration.values.overload.enabled) overload_watch_->start();
  return {};
}

// ---- gateways

/// Null where TLS over TCP is switched off. The files are looked at here first, so that
/// whoever starts us reads what is wrong with them in one sentence.
Result<void> Server::open_credentials() {
  const config::Configuration& values = options_.configuration.values;
  ServerCredentials::Settings settings;
  settings.folder = pki_folder_;
  settings.require_client_certificate = values.security.require_client_certificate;
  settings.serve_tls = values.listen.tls;
  if (values.security.tls_ticket_hours > 0) {
    ticket_keys_ = std::make_shared<const transport::TicketKeys>(
        tickets_->derive("tls session tickets"), i64{values.security.tls_ticket_hours} * 3600);
    settings.ticket_keys = ticket_keys_;
  }
  auto credentials = ServerCredentials::open(std::move(settings), clock_);
  if (!credentials) return std::move(credentials).error();
  credentials_ = std::move(*credentials);
  credentials_->watch();
  return {};
}

Result<void> Server::open_gateways() {
  const config::Configuration& values = options_.configuration.values;
  const bool v6 = values.listen.address.find(':') != std::string::npos;
  auto address = env::parse_address((v6 ? "[" + values.listen.address + "]" : values.listen.address) + ":" +
                                    std::to_string(values.listen.port));
  if (!address) return std::move(address).error().within("listen.address");

  const auto verify = [this](std::string_view token) -> Result<transport::PeerIdentity> {
    auto claims = tokens_->verify(token, clock_.wall_now());
    if (!claims) return std::move(claims).error();
    transport::PeerIdentity identity;
    identity.authenticated = true;
    identity.name = claims->name.empty() ? claims->subject : claims->name;
    identity.account = world::hash_bytes(as_bytes(claims->subject));
    identity.may_play = claims->role == auth::Role::player;
    identity.battle = claims->battle;
    return identity;
  };

  if (auto opened = open_credentials(); !opened) return opened;
  u16 tcp_port = values.listen.port;
  for (u32 shard = 0; shard < values.gateway.shards; ++shard) {
    GatewayThreadOptions options;
    options.gateway.shard = static_cast<u8>(shard);
    options.gateway.max_sessions = values.gateway.max_sessions;
    options.gateway.commands_per_second = values.gateway.commands_per_second;
    options.gateway.command_burst = values.gateway.commands_burst;
    options.gateway.datagram_budget_bytes = values.broadcast.datagram_budget_bytes;
    options.gateway.spectator_budget_bytes = values.broadcast.spectator_budget_bytes;
    options.gateway.spectator_period_ticks = send_period_ticks(values.broadcast.spectator_send_hz);
    // In quarters of a cell, and a quarter more, so that a cell at just that distance is in.
    options.gateway.interest.radius = 4 * values.broadcast.interest_radius + 1;
    options.gateway.send_tiers = values.broadcast.send_tiers;
    options.gateway.crowded_interest_percent = values.overload.interest_percent;
    options.gateway.crowded_send_period = values.overload.send_period;
    options.gateway.greeting_timeout_ns = seconds(values.gateway.handshake_timeout_s);
    options.gateway.outside_timeout_ns = seconds(values.gateway.outside_timeout_s);
    options.quic_address = *address;
    if (values.gateway.shards > 1)
      options.sharing = shard == 0 ? env::PortSharing::first : env::PortSharing::further;
    options.quic.tls = credentials_->files();
    options.quic.credentials = [this] { return credentials_->quic(); };
    options.quic.require_client_certificate = values.security.require_client_certificate;
    options.quic.ticket_keys = ticket_keys_;
    options.quic.early_data = values.security.quic_early_data;
    options.quic.shard = static_cast<u8>(shard);
    options.quic.max_connections = values.gateway.max_sessions;
    options.quic.retry_threshold = values.gateway.retry_threshold;
    options.quic.max_half_open = values.gateway.max_handshakes;
    options.quic.max_waiting_packets = std::size_t{values.gateway.max_handshakes} * kPacketsAHandshake;
    options.quic.settings.idle_timeout_ns = seconds(values.gateway.idle_timeout_s);
    options.quic.settings.keep_alive_ns = seconds(values.gateway.keep_alive_s);
    if (!values.gateway.path_mtu_discovery) options.quic.settings.largest_packet_bytes = 0;
    if (values.gateway.congestion == "bbr") options.quic.settings.congestion = transport::Congestion::bbr;
    options.quic.settings.handshake_timeout_ns = seconds(values.gateway.handshake_timeout_s);
    if (values.gateway.webtransport) {
      transport::WebTransportOptions& web = options.quic.webtransport.emplace();
      web.path = values.gateway.websocket_path;
      web.allowed_origins = values.gateway.allowed_origins;
      web.verify = verify;
      if (web_certificate_) web.credentials = [this] { return web_certificate_->credentials(); };
    }
    options.tcp = tcp_options(values);
    options.tcp.port = tcp_port;
    if (values.listen.tls) options.tcp.tls = [this] { return credentials_->tls(); };
    gateway::GatewayLinks links;
    links.directory = &directory_;
    links.inbound = battles_->inbound_of(shard);
    links.overload = &overload_;
    links.want_battle = [this](const std::string& game) { return control().want_battle(game); };
    links.revocations = [this] { return credentials_->revocations(); };
    links.on_desync = [this](gateway::DesyncReport report) { control().report(std::move(report)); };
    auto gateway = GatewayThread::create(options, verify, *tickets_, clock_, std::move(links),
                                         battles_->frames_of(shard));
    if (!gateway) return std::move(gateway).error();
    gateways_.push_back(std::move(*gateway));
    // Port 0 was free for the first shard; the others share what it got.
    address->port = gateways_.front()->quic_local().port;
    tcp_port = gateways_.front()->tcp_local().port;
  }
  steer_packets();
  report_.quic = gateways_.front()->quic_local();
  report_.tcp = gateways_.front()->tcp_local();
  report_.tls = values.listen.tls;
  return {};
}

// Without it all works but that a client whose address changes may be heard by another shard, which
// knows nothing of it: its session is lost and resumed.
void Server::steer_packets() {
  if (gateways_.size() < 2 || options_.configuration.values.gateway.steering == "off") return;
  std::vector<int> sockets;
  for (const auto& gateway : gateways_) sockets.push_back(gateway->quic_descriptor());
  const auto steered = ebpf::steer_by_connection_id(sockets);
  steers_packets_ = steered.ok();
  if (!steered) {
    log_warning("gateway: {}; until then a client whose address changes may lose its session",
                steered.error().message);
  }
}

std::optional<Error> Server::failure() const {
  return battles_->failure();
}

void Server::stop(i64 grace_ns) {
  if (admin_) admin_->stop();
  registrations_.clear();
  if (overload_watch_) overload_watch_->stop();
  // The battles tick on while the players hear the goodbye; their leaving is not
  // journaled as such: who comes back after the restart has his seat.
  for (const auto& gateway : gateways_) gateway->begin_stop(grace_ns);
  for (const auto& gateway : gateways_) gateway->stop(grace_ns);
  shaping_.reset();
  if (battles_) battles_->stop();
}

}  // namespace drumline::server

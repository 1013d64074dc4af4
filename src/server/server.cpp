#include "server/server.hpp"

#include <algorithm>
#include <bit>

#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "battle/journal_records.hpp"
#include "env/thread.hpp"
#include "transport/credentials/development_pki.hpp"
#include "world/hash.hpp"
#include "world/snapshot.hpp"

namespace drumline::server {
namespace {

constexpr int kBattlePriority = 10;
constexpr int kJournalPriority = 11;
/// Codes that a game may use; what is above is told as "unknown".
constexpr u16 kRefusalCodes = 200;

i64 seconds(u32 value) {
  return i64{value} * kSecondNs;
}

/// Whether this process may run threads with real-time priority.
bool may_be_realtime() {
  bool may = false;
  std::thread([&] { may = env::set_realtime_priority(kBattlePriority); }).join();
  return may;
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
  if (auto made = server->files_->make_folder(server->options_.data); !made) return std::move(made).error();
  auto lock = env::FolderLock::take(server->options_.data);
  if (!lock) return std::move(lock).error();
  server->lock_ = std::move(*lock);
  for (const auto step : {&Server::prepare_identity, &Server::open_battles, &Server::open_admin}) {
    if (auto done = (server.get()->*step)(); !done) return std::move(done).error();
  }
  for (const auto& gateway : server->gateways_) gateway->start();
  server->battles_->start();
  return server;
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
  return {};
}

// ---- battles: from the data folder to running ones

Result<RunningBattle> Server::make_running(std::unique_ptr<battle::Battle> battle, bool recovered) {
  const config::Configuration& values = options_.configuration.values;
  RunningBattle running;
  running.info = battle::encode_created({battle->info(), 0});
  running.seats.resize(battle->info().max_players);
  broadcast::EncoderSettings settings;
  settings.battle = battle->info().id;
  settings.instance = static_cast<u32>(random_.next_u64());
  settings.expected_players = battle->info().max_players;
  settings.cell_size = world::Fixed::from_int(values.broadcast.cell_size);
  settings.key_period_ticks = values.broadcast.key_period_ticks;
  settings.datagram_budget = values.broadcast.datagram_budget_bytes;
  auto encoder = broadcast::CellEncoder::create(battle->world(), battle->rules().map_size(), settings);
  if (!encoder) return std::move(encoder).error();
  running.encoder = std::move(*encoder);
  battle::ActorOptions actor;
  actor.reconnect_grace_ticks = static_cast<Tick>(seconds(values.battle.reconnect_grace_s) / kTickNs);
  running.actor = std::make_unique<battle::BattleActor>(std::move(battle), actor);
  if (recovered) running.actor->drop_all();
  return running;
}

Result<std::vector<RunningBattle>> Server::recover_or_create(recovery::Recovery& recovery) {
  const config::Configuration& values = options_.configuration.values;
  std::vector<RunningBattle> battles;
  for (recovery::RecoveredBattle& recovered : recovery.battles) {
    report_.recovered.push_back(recovered.report);
    if (recovered.report.failure) return Error{*recovered.report.failure};
    recovered.battle->set_epoch(Epoch{recovered.report.epoch.value + 1});
    auto running = make_running(std::move(recovered.battle), true);
    if (!running) return std::move(running).error();
    battles.push_back(std::move(*running));
  }
  if (!battles.empty()) return battles;

  const world::Game* const game = find_game(values.battle.game);
  if (game == nullptr) {
    std::string known;
    for (const world::Game* candidate : options_.games) known += " " + std::string(candidate->name());
    return Error{ErrorCode::invalid_argument,
                 "battle.game is \"" + values.battle.game + "\"; this build serves:" + known};
  }
  battle::BattleInfo info;
  info.id = BattleId{1};
  info.epoch = Epoch{1};
  info.game = std::string(game->name());
  info.build = battle::build_id();
  info.max_commands_per_tick = values.battle.command_limit_per_tick;
  info.seed = values.battle.seed != 0 ? values.battle.seed : random_.next_u64();
  info.max_players = values.battle.max_players;
  info.rules_document = std::string(game->default_rules());
  if (!values.battle.rules_file.empty()) {
    auto document = env::read_file(*files_, values.battle.rules_file, 1 << 20);
    if (!document) return std::move(document).error().within("battle.rules_file");
    info.rules_document = std::string(as_text(*document));
  }
  auto created = battle::Battle::create(*game, std::move(info));
  if (!created) return std::move(created).error();
  report_.created_battle = true;
  auto running = make_running(std::move(*created), false);
  if (!running) return std::move(running).error();
  battles.push_back(std::move(*running));
  return battles;
}

Result<void> Server::open_battles() {
  const config::Configuration& values = options_.configuration.values;
  auto recovered = recovery::recover_data_folder(*files_, options_.data, lookup_, clock_);
  if (!recovered) return std::move(recovered).error();
  recovery::Recovery& recovery = *recovered;
  report_.recovery_ms = recovery.milliseconds;
  for (const journal::TornTail& tail : recovery.torn) {
    report_.warnings.push_back("journal segment " + std::to_string(tail.segment) + " had a torn tail of " +
                               std::to_string(tail.bytes) + " bytes at offset " +
                               std::to_string(tail.offset) + " (" + tail.reason +
                               "); it is cut and kept as " + tail.copy);
  }
  for (const snapshot::DamagedSnapshot& damaged : recovery.damaged)
    report_.warnings.push_back(damaged.error.message);

  auto battles = recover_or_create(recovery);
  if (!battles) return std::move(battles).error();

  std::size_t room = 0;
  for (const RunningBattle& battle : *battles) room = std::max(room, frame_room_bytes(battle));
  BroadcastRing::Options ring;
  ring.consumers = values.gateway.shards;
  ring.max_frame_bytes = static_cast<u32>(room);
  frames_ = std::make_unique<BroadcastRing>(ring);
  for (u32 shard = 0; shard < values.gateway.shards; ++shard) {
    inbound_.push_back(
        std::make_unique<battle::InboundRing>(std::bit_ceil(std::size_t{values.battle.input_ring_slots})));
  }
  if (auto opened = open_gateways(); !opened) return opened;
  for (RunningBattle& battle : *battles) {
    const auto descriptor = describe(battle.actor->battle());
    for (std::size_t shard = 0; shard < gateways_.size(); ++shard) {
      gateways_[shard]->add_battle({descriptor, inbound_[shard].get()});
    }
  }

  const std::string folder = recovery::journal_folder(options_.data);
  const u64 segment_bytes = u64{values.journal.segment_size_mib} << 20;
  auto source = std::make_unique<journal::ThreadedSegmentSource>(*files_, folder, segment_bytes);
  auto writer = recovery.end.segment == 0
                    ? journal::Writer::create(*files_, clock_, folder, random_.next_u64() | 1, segment_bytes,
                                              std::move(source))
                    : journal::Writer::resume(*files_, clock_, folder, recovery.end,
                                              std::move(recovery.index), segment_bytes, std::move(source));
  if (!writer) return std::move(writer).error();
  const bool realtime = values.threads.realtime != "off";
  if (values.threads.realtime == "on" && !may_be_realtime()) {
    return Error{ErrorCode::permission,
                 "threads.realtime is \"on\", but this process may not use real-time scheduling; give it "
                 "CAP_SYS_NICE or an rtprio limit, or set \"auto\""};
  }
  journal::GroupCommitterOptions commit;
  commit.outstanding = std::bit_ceil(std::size_t{values.journal.max_outstanding_ticks});
  commit.batch_bytes = 64 << 10;
  for (const RunningBattle& battle : *battles) {
    commit.batch_bytes += battle::max_tick_bytes(battle.actor->battle().limits().inputs) + 4096;
  }
  commit.realtime_priority = realtime ? kJournalPriority : 0;
  auto committer =
      journal::GroupCommitter::create(std::move(*writer), clock_, commit, [this] { on_durable(); });
  if (!committer) return std::move(committer).error();
  committer_ = std::move(*committer);
  if (auto journaled = journal_start(*battles); !journaled) return journaled;

  snapshot::SnapshotRoom snapshot_room;
  for (const RunningBattle& battle : *battles) {
    snapshot_room.info_bytes = std::max(snapshot_room.info_bytes, battle.info.size());
    snapshot_room.content_bytes =
        std::max(snapshot_room.content_bytes, world::max_snapshot_bytes(battle.actor->battle().world()));
  }
  auto snapshots = snapshot::SnapshotWriter::create(
      snapshot::SnapshotStore(*files_, recovery::snapshot_folder(options_.data)),
      {values.journal.snapshot_every_ticks, values.journal.keep_snapshots}, 4, snapshot_room, true);
  if (!snapshots) return std::move(snapshots).error();
  snapshots_ = std::move(*snapshots);

  std::vector<battle::InboundRing*> rings;
  for (const auto& ring_of_shard : inbound_) rings.push_back(ring_of_shard.get());
  auto pipeline =
      std::make_unique<TickPipeline>(std::move(*battles), rings, *committer_, *snapshots_, *frames_, clock_);
  const auto processors = env::allowed_processors();
  BattleShardOptions shard;
  shard.cpu = values.threads.pin && processors.size() > 1 ? static_cast<int>(processors.back()) : -1;
  shard.realtime_priority = realtime ? kBattlePriority : 0;
  shard.max_ticks_behind = values.battle.max_ticks_behind;
  auto made = BattleShard::create(shard, std::move(pipeline), clock_);
  if (!made) return std::move(made).error();
  battles_ = std::move(*made);
  ticking_.store(battles_.get());
  return {};
}

// A new battle is in the journal before its first tick is.
Result<void> Server::journal_start(std::span<const RunningBattle> battles) {
  journal::Batch* const batch = committer_->acquire();
  DRUM_ASSERT(batch != nullptr);
  for (const RunningBattle& running : battles) {
    const battle::Battle& battle = running.actor->battle();
    const journal::RecordInfo info{
        report_.created_battle ? journal::RecordKind::battle_created : journal::RecordKind::note,
        battle.info().id, battle.info().epoch, battle.tick()};
    const auto payload = report_.created_battle
                             ? battle::encode_created({battle.info(), battle.state_hash()})
                             : battle::encode_text("resumed at tick " + std::to_string(battle.tick()) +
                                                   " by build " + battle::build_id());
    if (auto appended = batch->append(info, payload); !appended) return appended;
  }
  const u64 sequence = committer_->submit(batch);
  while (committer_->durable_sequence() < sequence) {
    if (committer_->state() != journal::WriterState::open) {
      return Error{ErrorCode::unavailable, "the journal cannot be written: " + committer_->reason()};
    }
    env::sleep_until(clock_.now() + 100 * kMicrosecondNs);
  }
  return {};
}

std::shared_ptr<const battle::BattleDescriptor> Server::describe(battle::Battle& battle) const {
  auto descriptor = std::make_shared<battle::BattleDescriptor>();
  descriptor->id = battle.info().id;
  descriptor->epoch = battle.info().epoch;
  descriptor->game = battle.info().game;
  descriptor->build_id = battle::build_id();
  descriptor->simulation_id = battle::simulation_id();
  descriptor->rules_hash = battle.info().rules_hash();
  descriptor->sync = battle.info().sync;
  descriptor->max_players = battle.info().max_players;
  descriptor->map_size = battle.rules().map_size();
  const Bytes map = battle.rules().map_description();
  descriptor->map_description.assign(map.begin(), map.end());
  descriptor->schema = wire::wire_schema_of(battle.world());
  for (const std::string_view name : find_game(battle.info().game)->event_names()) {
    descriptor->event_names.emplace_back(name);
  }
  for (u16 code = 0; code < kRefusalCodes; ++code) {
    const world::Refusal refusal{code};
    descriptor->refusal_names.emplace_back(code < world::kFirstGameRefusal
                                               ? world::engine_refusal_name(refusal)
                                               : battle.rules().refusal_name(refusal));
  }
  return descriptor;
}

// ---- gateways

Result<void> Server::open_gateways() {
  const config::Configuration& values = options_.configuration.values;
  const transport::PkiPaths pki = transport::pki_paths(pki_folder_);
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
    return identity;
  };

  for (u32 shard = 0; shard < values.gateway.shards; ++shard) {
    GatewayThreadOptions options;
    options.gateway.shard = static_cast<u8>(shard);
    options.gateway.max_sessions = values.gateway.max_sessions;
    options.gateway.commands_per_second = values.gateway.commands_per_second;
    options.gateway.command_burst = values.gateway.commands_burst;
    options.gateway.datagram_budget_bytes = values.broadcast.datagram_budget_bytes;
    options.gateway.spectator_budget_bytes = values.broadcast.spectator_budget_bytes;
    options.gateway.spectator_period_ticks =
        std::max<u32>(1, static_cast<u32>(kSecondNs / kTickNs) / values.broadcast.spectator_send_hz);
    // In quarters of a cell, and a quarter more, so that a cell at just that distance is in.
    options.gateway.interest.radius = 4 * values.broadcast.interest_radius + 1;
    options.gateway.greeting_timeout_ns = seconds(values.gateway.handshake_timeout_s);
    options.quic_address = *address;
    options.share_port = values.gateway.shards > 1;
    options.quic.tls = {pki.ca_certificate, pki.server_certificate, pki.server_key};
    options.quic.require_client_certificate = values.security.require_client_certificate;
    options.quic.shard = static_cast<u8>(shard);
    options.quic.max_connections = values.gateway.max_sessions;
    options.quic.retry_threshold = values.gateway.retry_threshold;
    options.quic.max_half_open = values.gateway.max_handshakes;
    options.quic.settings.idle_timeout_ns = seconds(values.gateway.idle_timeout_s);
    options.quic.settings.keep_alive_ns = seconds(values.gateway.keep_alive_s);
    options.quic.settings.handshake_timeout_ns = seconds(values.gateway.handshake_timeout_s);
    options.serve_websocket = shard == 0;
    options.websocket.address = values.listen.address;
    // QUIC took the port's UDP half; the TCP half is the WebSocket's.
    options.websocket.port = values.listen.port;
    options.websocket.path = values.gateway.websocket_path;
    options.websocket.allowed_origins = values.gateway.allowed_origins;
    options.websocket.max_connections = values.gateway.max_sessions;
    options.websocket.handshake_timeout_ms = i64{values.gateway.handshake_timeout_s} * 1000;
    options.websocket.idle_timeout_ms = i64{values.gateway.idle_timeout_s} * 1000;
    options.websocket.max_datagram_bytes = values.broadcast.spectator_budget_bytes;
    auto gateway = GatewayThread::create(options, verify, *tickets_, clock_, frames_->consumer(shard),
                                         [this] { return committer_->durable_sequence(); });
    if (!gateway) return std::move(gateway).error();
    gateways_.push_back(std::move(*gateway));
    // Port 0 was free for the first shard; the others share what it got.
    address->port = gateways_.front()->quic_local().port;
  }
  report_.quic = gateways_.front()->quic_local();
  report_.websocket = gateways_.front()->websocket_local();
  return {};
}

void Server::on_durable() {
  for (const auto& gateway : gateways_) gateway->notify();
  if (BattleShard* const shard = ticking_.load(std::memory_order_acquire)) shard->on_durable();
}

std::optional<Error> Server::failure() const {
  if (committer_ && committer_->state() == journal::WriterState::failed) {
    return Error{ErrorCode::io, "the journal cannot be written any more: " + committer_->reason() +
                                    "; nothing that was shown is lost: mend the disk and start again"};
  }
  return std::nullopt;
}

void Server::stop(i64 grace_ns) {
  if (admin_) admin_->stop();
  registrations_.clear();
  // The battles tick on while the players hear the goodbye; their leaving is not
  // journaled as such: who comes back after the restart has his seat.
  for (const auto& gateway : gateways_) gateway->stop(grace_ns);
  if (battles_) battles_->stop();
  ticking_.store(nullptr);
  snapshots_.reset();
  committer_.reset();
}

}  // namespace drumline::server

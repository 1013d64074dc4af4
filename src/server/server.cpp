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
constexpr std::size_t kMaxRulesDocumentBytes = 1 << 20;
/// Room in a batch for a record's head and what else is in it.
constexpr std::size_t kRecordRoomBytes = 8 << 10;

i64 seconds(u32 value) {
  return i64{value} * kSecondNs;
}

/// Every so-many-th tick, for about so many a second.
u32 send_period_ticks(u32 hz) {
  return std::max<u32>(1, static_cast<u32>(kSecondNs / kTickNs) / hz);
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
  for (const auto step :
       {&Server::prepare_identity, &Server::open_battles, &Server::open_admin, &Server::start_threads}) {
    if (auto done = (server.get()->*step)(); !done) return std::move(done).error();
  }
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

Result<void> Server::open_battles() {
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

  if (auto opened = open_control(recovery); !opened) return opened;
  auto battles = take_in(recovery);
  if (!battles) return std::move(battles).error();
  // A further battle is made like these, or like what the configuration says.
  std::unique_ptr<RunningBattle> first;
  if (battles->empty()) {
    auto made = control_->make_first();
    if (!made) return std::move(made).error();
    first = std::move(*made);
    report_.created_battle = true;
  }
  snapshot::SnapshotRoom snapshot_room;
  std::size_t frame_room = FramePacker::kPackBytes;
  std::size_t tick_room = 0;
  const auto make_room = [&](const RunningBattle& battle) {
    frame_room = std::max(frame_room, sizeof(FrameEnvelope) + max_frame_room_bytes(battle));
    tick_room = std::max(tick_room, battle::max_tick_bytes(battle.battle().limits().inputs));
    snapshot_room.info_bytes = std::max(snapshot_room.info_bytes, battle.info.size());
    snapshot_room.content_bytes = std::max(snapshot_room.content_bytes, battle.max_snapshot_bytes);
  };
  for (const auto& battle : *battles) make_room(*battle);
  if (first != nullptr) make_room(*first);

  const u32 shards = options_.configuration.values.battle.shards;
  BroadcastRing::Options ring;
  ring.consumers = options_.configuration.values.gateway.shards;
  ring.max_frame_bytes = static_cast<u32>(frame_room);
  for (u32 shard = 0; shard < shards; ++shard) frames_.push_back(std::make_unique<BroadcastRing>(ring));
  control_->set_frame_room(frame_room - sizeof(FrameEnvelope));
  if (auto opened = open_gateways(); !opened) return opened;
  if (auto opened = open_journal(recovery, tick_room); !opened) return opened;
  if (auto journaled = journal_resumption(*battles); !journaled) return journaled;
  if (auto opened = open_shards(std::move(*battles), snapshot_room); !opened) return opened;
  return first != nullptr ? control_->install(std::move(first)) : Result<void>();
}

Result<void> Server::open_control(const recovery::Recovery& recovery) {
  const config::Configuration& values = options_.configuration.values;
  const world::Game* const game = find_game(values.battle.game);
  if (game == nullptr) {
    std::string known;
    for (const world::Game* candidate : options_.games) known += " " + std::string(candidate->name());
    return Error{ErrorCode::invalid_argument,
                 "battle.game is \"" + values.battle.game + "\"; this build serves:" + known};
  }
  BattleControlOptions control;
  control.defaults.game = values.battle.game;
  if (!values.battle.rules_file.empty()) {
    auto document = env::read_file(*files_, values.battle.rules_file, 1 << 20);
    if (!document) return std::move(document).error().within("battle.rules_file");
    control.defaults.rules_document = std::string(as_text(*document));
  }
  control.defaults.seed = values.battle.seed;
  control.defaults.max_players = values.battle.max_players;
  control.defaults.max_commands_per_tick = values.battle.command_limit_per_tick;
  control.defaults.sync.model = *world::parse_sync_model(values.battle.sync_model);
  control.defaults.sync.send_period_ticks = static_cast<u8>(send_period_ticks(values.battle.send_hz));
  control.running.cell_size = world::Fixed::from_int(values.broadcast.cell_size);
  control.running.key_period_ticks = values.broadcast.key_period_ticks;
  control.running.datagram_budget_bytes = values.broadcast.datagram_budget_bytes;
  control.running.reconnect_grace_ticks =
      static_cast<Tick>(seconds(values.battle.reconnect_grace_s) / kTickNs);
  control.running.max_hold_ticks = values.battle.max_hold_ticks;
  control.running.max_late_ticks = values.battle.max_late_ticks;
  control.keep = values.battle.count;
  control.most = std::max(values.battle.count, values.battle.most);
  control.max_failures = values.battle.max_failures;
  control.restart_failed = values.battle.on_failure == "restart";
  control.failures_folder = options_.data + "/failures";

  BattleId highest{};
  for (const recovery::RecoveredBattle& battle : recovery.battles)
    highest = std::max(highest, battle.report.id);
  for (const BattleId disposed : recovery.disposed) highest = std::max(highest, disposed);
  auto ids = BattleIds::open(*files_, options_.data + "/battle_ids", highest);
  if (!ids) return std::move(ids).error();
  std::vector<ShardMailbox*> mailboxes;
  for (u32 shard = 0; shard < values.battle.shards; ++shard) {
    mailboxes_.push_back(std::make_unique<ShardMailbox>());
    mailboxes.push_back(mailboxes_.back().get());
  }
  control_ = std::make_unique<BattleControl>(std::move(control), lookup_, std::move(*ids), directory_,
                                             mailboxes, *files_, random_, clock_);
  return {};
}

Result<Server::Battles> Server::take_in(recovery::Recovery& recovery) {
  Battles battles;
  for (recovery::RecoveredBattle& recovered : recovery.battles) {
    report_.recovered.push_back(recovered.report);
    if (recovered.report.failure) return Error{*recovered.report.failure};
    recovered.battle->set_epoch(Epoch{recovered.report.epoch.value + 1});
    const u32 shard = static_cast<u32>(battles.size()) % static_cast<u32>(mailboxes_.size());
    auto running = control_->take_in(std::move(recovered.battle), shard);
    if (!running) return std::move(running).error();
    battles.push_back(std::move(*running));
  }
  return battles;
}

Result<void> Server::open_journal(recovery::Recovery& recovery, std::size_t tick_room) {
  const config::Configuration& values = options_.configuration.values;
  const std::string folder = recovery::journal_folder(options_.data);
  const u64 segment_bytes = u64{values.journal.segment_size_mib} << 20;
  auto source = std::make_unique<journal::ThreadedSegmentSource>(*files_, folder, segment_bytes);
  auto writer = recovery.end.segment == 0
                    ? journal::Writer::create(*files_, clock_, folder, random_.next_u64() | 1, segment_bytes,
                                              std::move(source))
                    : journal::Writer::resume(*files_, clock_, folder, recovery.end,
                                              std::move(recovery.index), segment_bytes, std::move(source));
  if (!writer) return std::move(writer).error();
  if (values.threads.realtime == "on" && !may_be_realtime()) {
    return Error{ErrorCode::permission,
                 "threads.realtime is \"on\", but this process may not use real-time scheduling; give it "
                 "CAP_SYS_NICE or an rtprio limit, or set \"auto\""};
  }
  journal::GroupCommitterOptions commit;
  commit.lanes = values.battle.shards;
  commit.outstanding = std::bit_ceil(std::size_t{values.journal.max_outstanding_ticks});
  // Any single record fits; what many battles write in one tick may take several batches.
  const std::size_t inline_snapshot = std::size_t{values.journal.inline_snapshot_kib} << 10;
  commit.batch_bytes =
      (256 << 10) + std::max({tick_room, inline_snapshot, kMaxRulesDocumentBytes}) + kRecordRoomBytes;
  commit.realtime_priority = values.threads.realtime != "off" ? kJournalPriority : 0;
  auto committer =
      journal::GroupCommitter::create(std::move(*writer), clock_, commit, [this] { on_durable(); });
  if (!committer) return std::move(committer).error();
  committer_ = std::move(*committer);
  return {};
}

/// Says in the journal who goes on, before the first tick does.
Result<void> Server::journal_resumption(const Battles& battles) {
  if (battles.empty()) return {};
  u64 sequence = 0;
  for (std::size_t next = 0; next < battles.size();) {
    journal::Batch* const batch = committer_->acquire();
    if (batch == nullptr) {
      if (auto waited = wait_until_durable(sequence); !waited) return waited;
      continue;
    }
    // Some kilobytes at a time: any batch has room for them.
    for (u32 count = 0; count < 64 && next < battles.size(); ++count, ++next) {
      const battle::Battle& battle = battles[next]->battle();
      const journal::RecordInfo info{journal::RecordKind::note, battle.info().id, battle.info().epoch,
                                     battle.tick()};
      const auto payload = battle::encode_text("resumed at tick " + std::to_string(battle.tick()) +
                                               " by build " + battle::build_id());
      if (auto appended = batch->append(info, payload); !appended) return appended;
    }
    sequence = committer_->submit(batch);
  }
  return wait_until_durable(sequence);
}

Result<void> Server::wait_until_durable(u64 sequence) {
  while (committer_->durable_sequence() < sequence) {
    if (committer_->state() != journal::WriterState::open) {
      return Error{ErrorCode::unavailable, "the journal cannot be written: " + committer_->reason()};
    }
    env::sleep_until(clock_.now() + 100 * kMicrosecondNs);
  }
  return {};
}

Result<void> Server::open_shards(Battles battles, const snapshot::SnapshotRoom& room) {
  const config::Configuration& values = options_.configuration.values;
  const auto processors = env::allowed_processors();
  watchdog_.emplace(i64{values.battle.step_budget_ms} * kMillisecondNs);
  for (u32 shard = 0; shard < values.battle.shards; ++shard) {
    PipelineOptions pipeline;
    pipeline.lane = shard;
    pipeline.snapshots = {values.journal.snapshot_every_ticks, values.journal.keep_snapshots};
    pipeline.inline_snapshot_bytes = std::size_t{values.journal.inline_snapshot_kib} << 10;
    auto snapshots = snapshot::SnapshotWriter::create(
        snapshot::SnapshotStore(*files_, recovery::snapshot_folder(options_.data)), pipeline.snapshots, 4,
        room, true);
    if (!snapshots) return std::move(snapshots).error();
    snapshots_.push_back(std::move(*snapshots));
    std::vector<battle::InboundRing*> rings;
    for (const auto& gateway : inbound_) rings.push_back(gateway[shard].get());
    auto path = std::make_unique<TickPipeline>(pipeline, rings, *committer_, *snapshots_.back(),
                                               *frames_[shard], *mailboxes_[shard], *control_, clock_);
    BattleShardOptions options;
    options.index = shard;
    // From the last one down: the first is where the kernel likes to work.
    if (values.threads.pin && processors.size() > 1) {
      options.cpu = static_cast<int>(processors[processors.size() - 1 - shard % processors.size()]);
    }
    options.realtime_priority = values.threads.realtime != "off" ? kBattlePriority : 0;
    options.max_ticks_behind = values.battle.max_ticks_behind;
    options.watchdog = &*watchdog_;
    for (auto& battle : battles) {
      if (battle != nullptr && battle->entry->shard == shard) path->add(std::move(battle));
    }
    auto made = BattleShard::create(options, std::move(path), clock_);
    if (!made) return std::move(made).error();
    shards_.push_back(std::move(*made));
  }
  ticking_.store(true);
  return {};
}

Result<void> Server::start_threads() {
  for (const auto& gateway : gateways_) gateway->start();
  for (const auto& shard : shards_) shard->start();
  control_->start();
  // Who connects from here on finds a battle.
  const TimeNs patience = clock_.now() + 10 * kSecondNs;
  while (directory_.size() == 0) {
    if (auto failed = failure()) return *failed;
    if (clock_.now() >= patience) {
      return Error{
          ErrorCode::timeout,
          "the first battle did not come to its first tick: the journal is " +
              std::string(committer_->state() == journal::WriterState::open ? "open" : committer_->reason())};
    }
    env::sleep_until(clock_.now() + kMillisecondNs);
  }
  return {};
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
    identity.battle = claims->battle;
    return identity;
  };

  const std::size_t ring_slots = std::bit_ceil(std::size_t{values.battle.input_ring_slots});
  inbound_of_gateway_.resize(values.gateway.shards);
  for (u32 shard = 0; shard < values.gateway.shards; ++shard) {
    auto& rings = inbound_.emplace_back();
    for (u32 to = 0; to < values.battle.shards; ++to) {
      rings.push_back(std::make_unique<battle::InboundRing>(ring_slots));
      inbound_of_gateway_[shard].push_back(rings.back().get());
    }
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
    options.gateway.greeting_timeout_ns = seconds(values.gateway.handshake_timeout_s);
    options.gateway.outside_timeout_ns = seconds(values.gateway.outside_timeout_s);
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
    if (values.gateway.congestion == "bbr") options.quic.settings.congestion = transport::Congestion::bbr;
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
    gateway::GatewayLinks links;
    links.directory = &directory_;
    links.inbound = inbound_of_gateway_[shard];
    links.want_battle = [this](const std::string& game) { return control_->want_battle(game); };
    links.on_desync = [this](gateway::DesyncReport report) { control_->report(std::move(report)); };
    std::vector<FrameSource> frames;
    for (u32 lane = 0; lane < values.battle.shards; ++lane) {
      frames.push_back(
          {&frames_[lane]->consumer(shard), [this, lane] { return committer_->durable_sequence(lane); }});
    }
    auto gateway =
        GatewayThread::create(options, verify, *tickets_, clock_, std::move(links), std::move(frames));
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
  if (!ticking_.load(std::memory_order_acquire)) return;
  for (const auto& shard : shards_) shard->on_durable();
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
  if (control_) control_->stop();
  for (const auto& shard : shards_) shard->stop();
  ticking_.store(false);
  snapshots_.clear();
  committer_.reset();
}

}  // namespace drumline::server

#include "server/battle_host.hpp"

#include <algorithm>
#include <bit>

#include "battle/build_info.hpp"
#include "battle/journal_records.hpp"
#include "env/thread.hpp"

namespace drumline::server {
namespace {

constexpr int kBattlePriority = 10;
constexpr int kJournalPriority = 11;
constexpr std::size_t kMaxRulesDocumentBytes = 1 << 20;
/// Room in a batch for a record's head and what else is in it.
constexpr std::size_t kRecordRoomBytes = 8 << 10;

/// Whether this process may run threads with real-time priority.
bool may_be_realtime() {
  bool may = false;
  std::thread([&] { may = env::set_realtime_priority(kBattlePriority); }).join();
  return may;
}

}  // namespace

u32 send_period_ticks(u32 hz) {
  return std::max<u32>(1, static_cast<u32>(kSecondNs / kTickNs) / hz);
}

Result<BattleControlOptions> control_options(const config::Configuration& values, std::string failures,
                                             env::FileSystem& files) {
  BattleControlOptions control;
  control.defaults.game = values.battle.game;
  if (!values.battle.rules_file.empty()) {
    auto document = env::read_file(files, values.battle.rules_file, kMaxRulesDocumentBytes);
    if (!document) return std::move(document).error().within("battle.rules_file");
    control.defaults.rules_document = std::string(as_text(*document));
  }
  control.defaults.seed = values.battle.seed;
  control.defaults.max_players = values.battle.max_players;
  control.defaults.max_commands_per_tick = values.battle.command_limit_per_tick;
  control.defaults.sync.model = *world::parse_sync_model(values.battle.sync_model);
  control.defaults.sync.send_period_ticks = static_cast<u8>(send_period_ticks(values.battle.send_hz));
  control.running.cell_size = world::Fixed::from_int(values.broadcast.cell_size);
  control.running.near_distance = world::Fixed::from_int(values.broadcast.near_distance);
  control.running.key_period_ticks = values.broadcast.key_period_ticks;
  control.running.datagram_budget_bytes = values.broadcast.datagram_budget_bytes;
  control.running.reconnect_grace_ticks =
      static_cast<Tick>(i64{values.battle.reconnect_grace_s} * kSecondNs / kTickNs);
  control.running.max_hold_ticks = values.battle.max_hold_ticks;
  control.running.max_late_ticks = values.battle.max_late_ticks;
  control.keep = values.battle.count;
  control.most = std::max(values.battle.count, values.battle.most);
  control.max_failures = values.battle.max_failures;
  control.restart_failed = values.battle.on_failure == "restart";
  control.failures_folder = std::move(failures);
  return control;
}

BattleHost::BattleHost(const config::Configuration& values, BattleHostOptions options,
                       recovery::GameLookup games, battle::BattleDirectory& directory, env::FileSystem& files,
                       env::Random& random, const env::Clock& clock)
    : values_(values),
      options_(std::move(options)),
      games_(std::move(games)),
      directory_(directory),
      files_(files),
      random_(random),
      clock_(clock) {}

BattleHost::~BattleHost() {
  stop();
}

Result<std::unique_ptr<BattleHost>> BattleHost::open(const config::Configuration& values,
                                                     BattleHostOptions options, recovery::GameLookup games,
                                                     battle::BattleDirectory& directory,
                                                     env::FileSystem& files, env::Random& random,
                                                     const env::Clock& clock) {
  std::unique_ptr<BattleHost> host(
      new BattleHost(values, std::move(options), std::move(games), directory, files, random, clock));
  for (const auto step :
       {&BattleHost::recover, &BattleHost::open_control, &BattleHost::take_in, &BattleHost::open_rings}) {
    if (auto done = (host.get()->*step)(); !done) return std::move(done).error();
  }
  return host;
}

// ---- from the data folder to running battles

Result<void> BattleHost::recover() {
  auto recovered = recovery::recover_data_folder(files_, options_.data, games_, clock_);
  if (!recovered) return std::move(recovered).error();
  recovery_ = std::move(*recovered);
  report_.recovery_ms = recovery_.milliseconds;
  for (const journal::TornTail& tail : recovery_.torn) {
    report_.warnings.push_back("journal segment " + std::to_string(tail.segment) + " had a torn tail of " +
                               std::to_string(tail.bytes) + " bytes at offset " +
                               std::to_string(tail.offset) + " (" + tail.reason +
                               "); it is cut and kept as " + tail.copy);
  }
  for (const snapshot::DamagedSnapshot& damaged : recovery_.damaged)
    report_.warnings.push_back(damaged.error.message);
  for (const recovery::RecoveredBattle& battle : recovery_.battles)
    highest_ = std::max(highest_, battle.report.id);
  for (const BattleId disposed : recovery_.disposed) highest_ = std::max(highest_, disposed);
  return {};
}

Result<void> BattleHost::open_control() {
  auto control = control_options(values_, options_.failures, files_);
  if (!control) return std::move(control).error();
  std::optional<BattleIds> ids;
  if (options_.chooses_battles) {
    auto opened = BattleIds::open(files_, options_.data + "/battle_ids", highest_);
    if (!opened) return std::move(opened).error();
    ids.emplace(std::move(*opened));
  } else {
    control->keep = 0;
    control->most = ~u32{0};
  }
  std::vector<ShardMailbox*> mailboxes;
  for (u32 shard = 0; shard < options_.shards; ++shard) {
    mailboxes_.push_back(std::make_unique<ShardMailbox>());
    mailboxes.push_back(mailboxes_.back().get());
  }
  control_ = std::make_unique<BattleControl>(std::move(*control), games_, std::move(ids), directory_,
                                             mailboxes, files_, random_, clock_);
  return {};
}

Result<void> BattleHost::take_in() {
  for (recovery::RecoveredBattle& recovered : recovery_.battles) {
    report_.recovered.push_back(recovered.report);
    if (recovered.report.failure) return Error{*recovered.report.failure};
    recovered.battle->set_epoch(Epoch{recovered.report.epoch.value + 1});
    const u32 shard = static_cast<u32>(recovered_.size()) % options_.shards;
    auto running = control_->take_in(std::move(recovered.battle), shard);
    if (!running) return std::move(running).error();
    recovered_.push_back(std::move(*running));
  }
  return {};
}

Result<void> BattleHost::open_rings() {
  // A further battle is made like these, or like what the configuration says.
  if (recovered_.empty()) {
    auto made = options_.chooses_battles ? control_->make_first() : control_->make_sample();
    if (!made) return std::move(made).error();
    first_ = std::move(*made);
    report_.created_battle = true;
  }
  std::size_t frame_room = FramePacker::kPackBytes;
  const auto make_room = [&](const RunningBattle& battle) {
    frame_room = std::max(frame_room, sizeof(FrameEnvelope) + max_frame_room_bytes(battle));
    tick_room_ = std::max(tick_room_, battle::max_tick_bytes(battle.battle().limits().inputs));
    snapshot_room_.info_bytes = std::max(snapshot_room_.info_bytes, battle.info.size());
    snapshot_room_.content_bytes = std::max(snapshot_room_.content_bytes, battle.max_snapshot_bytes);
  };
  for (const auto& battle : recovered_) make_room(*battle);
  if (first_ != nullptr) make_room(*first_);
  if (!options_.chooses_battles) first_.reset();

  BroadcastRing::Options ring;
  ring.consumers = options_.gateways;
  ring.max_frame_bytes = static_cast<u32>(frame_room);
  for (u32 shard = 0; shard < options_.shards; ++shard)
    frames_.push_back(std::make_unique<BroadcastRing>(ring));
  control_->set_frame_room(frame_room - sizeof(FrameEnvelope));

  const std::size_t slots = std::bit_ceil(std::size_t{values_.battle.input_ring_slots});
  inbound_of_gateway_.resize(options_.gateways);
  for (u32 gateway = 0; gateway < options_.gateways; ++gateway) {
    auto& rings = inbound_.emplace_back();
    for (u32 shard = 0; shard < options_.shards; ++shard) {
      rings.push_back(std::make_unique<battle::InboundRing>(slots));
      inbound_of_gateway_[gateway].push_back(rings.back().get());
    }
  }
  return {};
}

std::span<battle::InboundRing* const> BattleHost::inbound_of(u32 gateway) {
  return inbound_of_gateway_[gateway];
}

std::vector<FrameSource> BattleHost::frames_of(u32 gateway) {
  std::vector<FrameSource> sources;
  for (u32 lane = 0; lane < options_.shards; ++lane) {
    sources.push_back(
        {&frames_[lane]->consumer(gateway), [this, lane] { return committer_->durable_sequence(lane); }});
  }
  return sources;
}

// ---- the journal is ours

Result<void> BattleHost::begin() {
  for (const auto step :
       {&BattleHost::open_journal, &BattleHost::journal_resumption, &BattleHost::open_shards}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  return first_ != nullptr ? control_->install(std::move(first_)) : Result<void>();
}

Result<void> BattleHost::open_journal() {
  const std::string folder = recovery::journal_folder(options_.data);
  const u64 segment_bytes = u64{values_.journal.segment_size_mib} << 20;
  auto source = std::make_unique<journal::ThreadedSegmentSource>(files_, folder, segment_bytes);
  auto writer = recovery_.end.segment == 0
                    ? journal::Writer::create(files_, clock_, folder, random_.next_u64() | 1, segment_bytes,
                                              std::move(source))
                    : journal::Writer::resume(files_, clock_, folder, recovery_.end,
                                              std::move(recovery_.index), segment_bytes, std::move(source));
  if (!writer) return std::move(writer).error();
  if (values_.threads.realtime == "on" && !may_be_realtime()) {
    return Error{ErrorCode::permission,
                 "threads.realtime is \"on\", but this process may not use real-time scheduling; give it "
                 "CAP_SYS_NICE or an rtprio limit, or set \"auto\""};
  }
  journal::GroupCommitterOptions commit;
  commit.lanes = options_.shards;
  commit.outstanding = std::bit_ceil(std::size_t{values_.journal.max_outstanding_ticks});
  // Any single record fits; what many battles write in one tick may take several batches.
  const std::size_t inline_snapshot = std::size_t{values_.journal.inline_snapshot_kib} << 10;
  commit.batch_bytes =
      (256 << 10) + std::max({tick_room_, inline_snapshot, kMaxRulesDocumentBytes}) + kRecordRoomBytes;
  commit.realtime_priority = values_.threads.realtime != "off" ? kJournalPriority : 0;
  auto committer =
      journal::GroupCommitter::create(std::move(*writer), clock_, commit, [this] { on_durable(); });
  if (!committer) return std::move(committer).error();
  committer_ = std::move(*committer);
  return {};
}

/// Says in the journal who goes on, before the first tick does.
Result<void> BattleHost::journal_resumption() {
  if (recovered_.empty()) return {};
  u64 sequence = 0;
  for (std::size_t next = 0; next < recovered_.size();) {
    journal::Batch* const batch = committer_->acquire();
    if (batch == nullptr) {
      if (auto waited = wait_until_durable(sequence); !waited) return waited;
      continue;
    }
    // Some kilobytes at a time: any batch has room for them.
    for (u32 count = 0; count < 64 && next < recovered_.size(); ++count, ++next) {
      const battle::Battle& battle = recovered_[next]->battle();
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

Result<void> BattleHost::wait_until_durable(u64 sequence) {
  while (committer_->durable_sequence() < sequence) {
    if (committer_->state() != journal::WriterState::open) {
      return Error{ErrorCode::unavailable, "the journal cannot be written: " + committer_->reason()};
    }
    env::sleep_until(clock_.now() + 100 * kMicrosecondNs);
  }
  return {};
}

Result<void> BattleHost::open_shards() {
  const auto processors = env::allowed_processors();
  watchdog_.emplace(i64{values_.battle.step_budget_ms} * kMillisecondNs);
  for (u32 shard = 0; shard < options_.shards; ++shard) {
    PipelineOptions pipeline;
    pipeline.lane = shard;
    pipeline.snapshots = {values_.journal.snapshot_every_ticks, values_.journal.keep_snapshots};
    pipeline.inline_snapshot_bytes = std::size_t{values_.journal.inline_snapshot_kib} << 10;
    auto snapshots = snapshot::SnapshotWriter::create(
        snapshot::SnapshotStore(files_, recovery::snapshot_folder(options_.data)), pipeline.snapshots, 4,
        snapshot_room_, true);
    if (!snapshots) return std::move(snapshots).error();
    snapshots_.push_back(std::move(*snapshots));
    std::vector<battle::InboundRing*> rings;
    for (const auto& gateway : inbound_) rings.push_back(gateway[shard].get());
    auto path = std::make_unique<TickPipeline>(pipeline, rings, *committer_, *snapshots_.back(),
                                               *frames_[shard], *mailboxes_[shard], *control_, clock_);
    BattleShardOptions options;
    options.index = options_.first_shard + shard;
    // From the last one down: the first is where the kernel likes to work.
    if (values_.threads.pin && processors.size() > 1) {
      options.cpu = static_cast<int>(processors[processors.size() - 1 - options.index % processors.size()]);
    }
    options.realtime_priority = values_.threads.realtime != "off" ? kBattlePriority : 0;
    options.max_ticks_behind = values_.battle.max_ticks_behind;
    options.overload = options_.overload;
    options.watchdog = &*watchdog_;
    options.on_tick = options_.on_tick;
    for (auto& battle : recovered_) {
      if (battle != nullptr && battle->entry->shard == shard) path->add(std::move(battle));
    }
    auto made = BattleShard::create(options, std::move(path), clock_);
    if (!made) return std::move(made).error();
    shards_.push_back(std::move(*made));
  }
  ticking_.store(true);
  return {};
}

Result<void> BattleHost::start() {
  for (const auto& shard : shards_) shard->start();
  control_->start();
  return {};
}

void BattleHost::on_durable() {
  if (options_.on_durable) options_.on_durable();
  if (!ticking_.load(std::memory_order_acquire)) return;
  for (const auto& shard : shards_) shard->on_durable();
}

void BattleHost::stop() {
  if (control_) control_->stop();
  for (const auto& shard : shards_) shard->stop();
  ticking_.store(false);
  snapshots_.clear();
  committer_.reset();
}

// ---- figures

std::optional<Error> BattleHost::failure() const {
  if (committer_ && committer_->state() == journal::WriterState::failed) {
    return Error{ErrorCode::io, "the journal cannot be written any more: " + committer_->reason() +
                                    "; nothing that was shown is lost: mend the disk and start again"};
  }
  return std::nullopt;
}

std::vector<ShardFigures> BattleHost::shards() const {
  std::vector<ShardFigures> figures;
  for (u32 shard = 0; shard < shards_.size(); ++shard) {
    figures.push_back(
        {options_.first_shard + shard, &shards_[shard]->counters(), &shards_[shard]->pipeline().counters()});
  }
  return figures;
}

std::vector<JournalFigures> BattleHost::journals() const {
  JournalFigures journal;
  journal.commit_ns = &committer_->commit_latency_ns();
  journal.bytes = committer_->committed_bytes();
  journal.space_bytes = committer_->space_bytes();
  journal.fenced_segments = committer_->fenced_segments();
  journal.state = committer_->state();
  if (journal.state != journal::WriterState::open) journal.reason = committer_->reason();
  for (const auto& snapshots : snapshots_) {
    journal.snapshots_written += snapshots->written();
    journal.snapshots_skipped += snapshots->skipped();
    journal.snapshots_failed += snapshots->failed();
  }
  return {std::move(journal)};
}

}  // namespace drumline::server

#include "server/tick_pipeline.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.hpp"
#include "battle/journal_records.hpp"
#include "env/thread.hpp"
#include "world/snapshot.hpp"

namespace drumline::server {
bool TickPipeline::run_tick() {
  batch_ = committer_.acquire(options_.lane);
  if (batch_ == nullptr) return false;
  const TimeNs begun = clock_.now();

  receive_requests();  // control → battles
  receive_inputs();    // gateways → battles
  append_finished_snapshots();
  for (std::size_t i = 0; i < battles_.size(); ++i) {
    // All that a battle wants while its memory is at hand: with thousands, fetching that is the work.
    prefetch_after(i);
    RunningBattle& battle = *battles_[i];
    step(battle);  // validate, order, step, hash
    append_to_journal(battle);
    choose_what_follows(battle);
  }
  const TimeNs stepped = clock_.now();
  committer_.submit(std::exchange(batch_, nullptr), options_.lane);  // one group commit for the shard

  packer_.begin(committer_.submitted_sequence(options_.lane));
  for (RunningBattle* const battle : showing_) publish_frame(*battle);  // shown once that is durable
  packer_.flush();
  const TimeNs encoded = clock_.now();

  for (const RunningBattle* const battle : snapshotting_) take_snapshot(*battle);
  answer_requests();
  end_battles();
  count(begun, stepped, encoded);
  return true;
}

TickPipeline::TickPipeline(const PipelineOptions& options, std::span<battle::InboundRing* const> inbound,
                           journal::GroupCommitter& committer, snapshot::SnapshotWriter& snapshots,
                           BroadcastRing& frames, ShardMailbox& mailbox, BattleEvents& events,
                           const env::Clock& clock)
    : options_(options),
      inbound_(inbound.begin(), inbound.end()),
      committer_(committer),
      snapshots_(snapshots),
      mailbox_(mailbox),
      events_(events),
      clock_(clock),
      packer_(frames, clock) {
  snapshot_.reserve(options.inline_snapshot_bytes);
}

RunningBattle* TickPipeline::find(BattleId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void TickPipeline::add(std::unique_ptr<RunningBattle> battle) {
  const BattleId id = battle->id();
  by_id_[id] = battle.get();
  const auto at = std::lower_bound(battles_.begin(), battles_.end(), id,
                                   [](const auto& other, BattleId wanted) { return other->id() < wanted; });
  battles_.insert(at, std::move(battle));
  // A tick does not allocate.
  showing_.reserve(battles_.capacity());
  snapshotting_.reserve(battles_.capacity());
}

// ---- what comes in

void TickPipeline::receive_inputs() {
  RunningBattle* last = nullptr;
  for (battle::InboundRing* const ring : inbound_) {
    const std::size_t count = ring->consume(ring->capacity(), [&](const battle::Inbound& inbound) {
      if (last == nullptr || last->id() != inbound.battle) last = find(inbound.battle);
      if (last == nullptr) {
        counters_.inputs_astray.add();
      } else if (inbound.kind == battle::Inbound::Kind::watch) {
        ++last->relays;
        last->send_state_to(inbound.session);
      } else if (inbound.kind == battle::Inbound::Kind::unwatch) {
        last->relays -= std::min(last->relays, 1U);
        last->stop_sending_state_to(inbound.session);
      } else if (inbound.kind == battle::Inbound::Kind::resend_state) {
        last->send_state_to(inbound.session);
      } else if (last->failed) {
        // What its rules left behind is not touched: the battle that replaces it gets this.
        if (!last->keep_for_later(inbound)) counters_.inputs_astray.add();
      } else {
        last->actor->receive(inbound);
      }
    });
    counters_.inputs.add(count);
  }
}

void TickPipeline::prefetch_after(std::size_t i) const {
  constexpr std::size_t kAhead = 2;
  if (i + 3 * kAhead < battles_.size()) __builtin_prefetch(&battles_[i + 3 * kAhead]->hot_lines);
  if (i + 2 * kAhead < battles_.size()) battles_[i + 2 * kAhead]->prefetch_list();
  if (i + kAhead < battles_.size()) battles_[i + kAhead]->prefetch();
}

// ---- the step, in bounds

void TickPipeline::step(RunningBattle& running) {
  if (running.failed) return;
  running.actor->set_pace(pace_percent_);
  const auto run = [&running] {
    running.outcome = running.actor->step();
    if (!running.ended && running.battle().rules().finished()) {
      running.ended = true;
      running.end_reason = "it came to its end";
    }
    if (running.ended) running.actor->battle().rules().on_dispose();
  };
  if (guard_ == nullptr) {
    run();
  } else if (auto reason = guard_->run(run)) {
    running.torn = !guard_->unwound();
    on_failed(running, std::move(*reason));
    return;
  }
  counters_.battle_ticks.add();
  const u32 seated = running.battle().seats().live_count();
  players_ += seated;
  running.entry->seated.store(seated, std::memory_order_relaxed);
  running.entry->tick.store(running.outcome.tick, std::memory_order_relaxed);
  if (running.ended) running.entry->open.store(false, std::memory_order_relaxed);
}

// The battle stands still from here on, until it is replaced or disposed of. What its
// rules left behind is not looked at again: everything is made anew from its last good tick.
void TickPipeline::on_failed(RunningBattle& running, std::string reason) {
  counters_.battles_failed.add();
  running.failed = true;
  FailedBattle failed;
  failed.entry = running.entry;
  failed.game = running.game;
  failed.info = running.battle().info();
  failed.way = running.last_good.way();
  failed.tick = failed.way.tick + 1;
  failed.reason = std::move(reason);
  const bool in_a_row =
      running.failures > 0 && failed.tick - running.failed_at <= options_.forgive_after_ticks;
  failed.failures = in_a_row ? running.failures + 1 : 1;
  running.failed_at = failed.tick;
  running.failures = failed.failures;
  const auto candidates = running.actor->candidates();
  failed.inputs.resize(battle::max_tick_bytes(candidates.size()));
  ByteWriter inputs(failed.inputs);
  battle::encode_tick(0, 0, candidates, inputs);
  failed.inputs.resize(inputs.size());
  append({journal::RecordKind::battle_failed, failed.info.id, failed.info.epoch, failed.tick},
         battle::encode_failed(failed.reason, candidates));
  log_error("battle {} failed in tick {}: {}", failed.info.id.value, failed.tick, failed.reason);
  events_.on_failed(std::move(failed));
}

// ---- journal

/// Room for a record in the tick's batch. What does not fit goes into a further one.
MutableBytes TickPipeline::open_record(std::size_t max_bytes) {
  MutableBytes room = batch_->open(max_bytes);
  if (!room.empty()) return room;
  committer_.submit(batch_, options_.lane);
  batch_ = committer_.acquire(options_.lane);
  while (batch_ == nullptr) {
    // More in one tick than a whole batch, and no batch free: the disk decides now.
    env::sleep_until(clock_.now() + 200 * kMicrosecondNs);
    batch_ = committer_.acquire(options_.lane);
  }
  room = batch_->open(max_bytes);
  DRUM_ASSERT(!room.empty());
  return room;
}

void TickPipeline::append(const journal::RecordInfo& info, Bytes payload) {
  const MutableBytes room = open_record(std::max<std::size_t>(payload.size(), 1));
  if (!payload.empty()) std::memcpy(room.data(), payload.data(), payload.size());
  batch_->close(info, payload.size());
}

void TickPipeline::append_to_journal(RunningBattle& running) {
  if (running.failed) {
    // It has no further tick, but it may be given up.
    if (running.ended) append_end(running, running.last_good.way().tick);
    return;
  }
  const battle::Battle& battle = running.battle();
  const battle::TickOutcome& outcome = running.outcome;
  const journal::RecordInfo info{journal::RecordKind::tick, battle.info().id, battle.info().epoch,
                                 outcome.tick};
  const MutableBytes room = open_record(battle::max_tick_bytes(outcome.accepted.size()));
  ByteWriter out(room);
  battle::encode_tick(outcome.state_hash, 0, outcome.accepted, out);
  DRUM_ASSERT(out.ok());
  const Bytes payload = out.written();
  batch_->close(info, payload.size());
  running.last_good.note(battle, payload);
  // A copy: the batch is the journal's from its submission on.
  if (running.relays_ticks()) running.tick_payload.assign(payload.begin(), payload.end());
  append_inline_snapshot(running);
  if (running.ended) append_end(running, info.tick);
}

void TickPipeline::append_end(const RunningBattle& running, Tick tick) {
  const battle::BattleInfo& info = running.battle().info();
  append({journal::RecordKind::battle_disposed, info.id, info.epoch, tick},
         battle::encode_text(running.end_reason));
}

bool TickPipeline::keeps_snapshots_inline(const RunningBattle& running) const {
  return running.max_snapshot_bytes <= options_.inline_snapshot_bytes;
}

void TickPipeline::append_inline_snapshot(RunningBattle& running) {
  const battle::Battle& battle = running.battle();
  if (running.ended || !keeps_snapshots_inline(running) ||
      !options_.snapshots.due(battle.info().id, battle.tick())) {
    return;
  }
  world::encode_snapshot(battle.world(), battle.info().game, snapshot_);
  const MutableBytes room = open_record(battle::inline_snapshot_bytes(running.info.size(), snapshot_.size()));
  ByteWriter out(room);
  battle::encode_inline_snapshot({running.info, snapshot_}, out);
  DRUM_ASSERT(out.ok());
  batch_->close({journal::RecordKind::snapshot, battle.info().id, battle.info().epoch, battle.tick()},
                out.size());
  // The one before is durable for long: with it, nothing up to there is needed.
  if (running.last_inline_snapshot != 0) {
    committer_.request_prune({battle.info().id, running.last_inline_snapshot});
  }
  running.last_inline_snapshot = battle.tick();
}

void TickPipeline::append_finished_snapshots() {
  while (auto done = snapshots_.poll()) {
    if (done->removed) continue;
    if (done->error) {
      counters_.snapshots_failed.add();
      log_warning("{}; the battle goes on, and recovery will start further back", done->error->message);
      continue;
    }
    std::array<std::byte, battle::kMaxSnapshotTakenBytes> memory;
    ByteWriter out(memory);
    battle::encode_snapshot_taken({done->header.state_hash, done->header.content_hash, std::move(done->name)},
                                  out);
    DRUM_ASSERT(out.ok());
    append({journal::RecordKind::snapshot_taken, done->header.battle, done->header.epoch, done->header.tick},
           out.written());
    if (done->oldest_kept != 0) committer_.request_prune({done->header.battle, done->oldest_kept});
  }
}

void TickPipeline::take_snapshot(const RunningBattle& running) {
  const battle::Battle& battle = running.battle();
  snapshot::SnapshotJob* const job = snapshots_.acquire();
  if (job == nullptr) return;
  job->header.battle = battle.info().id;
  job->header.epoch = battle.info().epoch;
  job->header.tick = battle.tick();
  job->header.state_hash = running.outcome.state_hash;
  job->info = running.info;
  job->content.clear();
  world::encode_snapshot(battle.world(), battle.info().game, job->content);
  snapshots_.submit(job);
}

// ---- broadcast

/// Battles take turns, so that their states do not all fall on one tick.
bool TickPipeline::shows_state(const RunningBattle& running) const {
  return running.ended ||
         (running.outcome.tick + running.battle().info().id.value) % running.encode_period_ticks == 0;
}

void TickPipeline::choose_what_follows(RunningBattle& running) {
  if (running.ended) ending_ = true;
  if (running.failed) {
    if (running.ended) showing_.push_back(&running);
    return;
  }
  const battle::Battle& battle = running.battle();
  if (shows_state(running) || running.relays_ticks() || running.actor->has_news() ||
      !running.messages.empty() || !running.parts.empty()) {
    showing_.push_back(&running);
  } else {
    running.encoder->skip(battle.world(), running.outcome.events);
  }
  if (!running.ended && !keeps_snapshots_inline(running) &&
      options_.snapshots.due(battle.info().id, battle.tick())) {
    snapshotting_.push_back(&running);
  }
}

void TickPipeline::queue_notices(RunningBattle& running) {
  std::size_t told = 0;
  for (const battle::AddressedNotice& notice : running.actor->notices()) {
    std::array<std::byte, battle::kMaxNoticeBytes> memory;
    ByteWriter encoded(memory);
    battle::encode_notice(notice.notice, encoded);
    if (!running.messages.add(notice.session, encoded.written())) {
      counters_.notices_delayed.add();
      break;
    }
    ++told;
  }
  running.actor->notices_told(told);
}

// The state as it is after this tick, piece by piece, to sessions that are to run the
// battle themselves: what follows they get tick by tick.
void TickPipeline::queue_parts(RunningBattle& running) {
  std::shared_ptr<const std::vector<std::byte>> newest;
  for (PartFeed& feed : running.parts) {
    if (feed.bytes == nullptr) {
      if (newest == nullptr) {
        running.battle().encode_snapshot(snapshot_);
        auto bytes = std::make_shared<std::vector<std::byte>>(running.info);
        bytes->insert(bytes->end(), snapshot_.begin(), snapshot_.end());
        newest = std::move(bytes);
      }
      feed.bytes = newest;
      feed.tick = running.outcome.tick;
      feed.state_hash = running.outcome.state_hash;
      feed.info_bytes = static_cast<u32>(running.info.size());
    }
    const Bytes left = Bytes(*feed.bytes).subspan(feed.offset);
    battle::StatePart part;
    part.tick = feed.tick;
    part.state_hash = feed.state_hash;
    part.info_bytes = feed.info_bytes;
    part.total_bytes = static_cast<u32>(feed.bytes->size());
    part.offset = feed.offset;
    part.bytes = left.first(std::min<std::size_t>(left.size(), battle::kMaxStatePartBytes));
    std::array<std::byte, battle::kMaxStatePartNoticeBytes> memory;
    ByteWriter encoded(memory);
    battle::encode_notice(part, encoded);
    if (!running.messages.add(feed.session, encoded.written())) break;
    feed.offset += static_cast<u32>(part.bytes.size());
  }
  std::erase_if(running.parts, [](const PartFeed& feed) {
    return feed.bytes != nullptr && feed.offset == feed.bytes->size();
  });
}

namespace {

u8 end_cause_of(const RunningBattle& running) {
  return static_cast<u8>(running.entry->end.load(std::memory_order_relaxed));
}

}  // namespace

/// Of a battle that is given up nothing is shown but that it is over: its state is not to be trusted.
void TickPipeline::publish_end(RunningBattle& running) {
  const broadcast::EncodeInput input{.world = running.battle().world(),
                                     .messages = &running.messages,
                                     .ended = true,
                                     .end_cause = end_cause_of(running)};
  const std::size_t size =
      running.encoder->encode_without_state(input, packer_.room(frame_room_bytes(running, false, 0)));
  DRUM_ASSERT(size != 0);
  packer_.commit(size);
}

void TickPipeline::publish_frame(RunningBattle& running) {
  if (running.failed) {
    if (running.ended) publish_end(running);
    return;
  }
  battle::BattleActor& actor = *running.actor;
  const battle::Battle& battle = running.battle();
  if (actor.take_resync_request()) {
    running.encoder->request_full();
    actor.announce_all();
  }
  const bool with_state = shows_state(running);
  const bool relays = running.relays_ticks();
  queue_notices(running);
  if (!running.parts.empty()) queue_parts(running);
  broadcast::EncodeInput input{.world = battle.world(),
                               .state_hash = running.outcome.state_hash,
                               .players = battle.seats().live_count(),
                               .events = running.outcome.events,
                               .messages = &running.messages,
                               .ended = running.ended,
                               .end_cause = end_cause_of(running)};
  if (relays) input.tick_payload = running.tick_payload;
  const MutableBytes room = packer_.room(frame_room_bytes(running, with_state, input.tick_payload.size()));
  std::size_t size = 0;
  if (with_state) {
    for (u32 slot = 0; slot < running.seats.size(); ++slot) {
      running.seats[slot] = {battle.rules().entity_of(PlayerSlot{slot}), actor.processed_sequences()[slot]};
    }
    input.seats = running.seats;
    size = running.encoder->encode(input, room);
  } else {
    size = running.encoder->encode_without_state(input, room);
  }
  DRUM_ASSERT(size != 0);
  packer_.commit(size);
  counters_.frames.add();
  counters_.frame_bytes.add(size);
}

// ---- ends

void TickPipeline::end_battles() {
  remove_snapshots_of_the_ended();
  if (!std::exchange(ending_, false)) return;
  for (auto& battle : battles_) {
    if (!battle->ended) continue;
    const TimeNs begun = clock_.now();
    counters_.battles_ended.add();
    ended_.push_back(
        {committer_.submitted_sequence(options_.lane), battle->id(), !keeps_snapshots_inline(*battle)});
    by_id_.erase(battle->id());
    events_.on_ended(std::move(battle));
    counters_.end_ns.record(static_cast<u64>(clock_.now() - begun));
  }
  std::erase(battles_, nullptr);
}

// Not before their end is durable: until then they are the way back.
void TickPipeline::remove_snapshots_of_the_ended() {
  if (ended_.empty()) return;
  const u64 durable = committer_.durable_sequence(options_.lane);
  std::erase_if(ended_, [&](const Ended& ended) {
    if (ended.journal_sequence > durable) return false;
    if (ended.has_snapshot_files) {
      snapshot::SnapshotJob* const job = snapshots_.acquire();
      if (job == nullptr) return false;
      job->header = {};
      job->header.battle = ended.battle;
      job->remove_all = true;
      snapshots_.submit(job);
    }
    committer_.request_prune({ended.battle, journal::kBattleOver});
    return true;
  });
}

void TickPipeline::count(TimeNs begun, TimeNs stepped, TimeNs encoded) {
  showing_.clear();
  snapshotting_.clear();
  counters_.ticks.add();
  counters_.battles.set(static_cast<i64>(battles_.size()));
  counters_.players.set(std::exchange(players_, 0));
  if (!battles_.empty()) counters_.tick.set(static_cast<i64>(battles_.front()->outcome.tick));
  counters_.step_ns.record(static_cast<u64>(stepped - begun));
  counters_.encode_ns.record(static_cast<u64>(encoded - stepped));
  counters_.work_ns.record(static_cast<u64>(clock_.now() - begun));
}

}  // namespace drumline::server

#include "server/tick_pipeline.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.hpp"
#include "battle/journal_records.hpp"
#include "server/frame_envelope.hpp"
#include "world/snapshot.hpp"

namespace drumline::server {
namespace {

/// Room for notices in a frame; what does not fit goes with the next one.
constexpr std::size_t kMessageRoomBytes = 64 << 10;

}  // namespace

std::size_t frame_room_bytes(const RunningBattle& battle) {
  return sizeof(FrameEnvelope) + battle.encoder->frame_bytes_most() + kMessageRoomBytes;
}

bool TickPipeline::run_tick() {
  journal::Batch* const batch = committer_.acquire();
  if (batch == nullptr) return false;
  const TimeNs begun = clock_.now();

  receive_inputs();  // gateway → battle
  for (RunningBattle& battle : battles_)
    battle.outcome = battle.actor->step();  // validate, order, step, hash
  const TimeNs stepped = clock_.now();

  append_finished_snapshots(*batch);
  for (const RunningBattle& battle : battles_) append_to_journal(*batch, battle);
  const u64 journal_sequence = committer_.submit(batch);  // battle → journal: one group commit for the shard

  for (RunningBattle& battle : battles_)
    publish_frame(battle, journal_sequence);  // shown once that is durable
  const TimeNs encoded = clock_.now();

  for (const RunningBattle& battle : battles_) take_snapshot(battle);

  counters_.ticks.add();
  counters_.tick.set(static_cast<i64>(battles_.front().outcome.tick));
  i64 players = 0;
  for (const RunningBattle& battle : battles_) players += battle.actor->battle().seats().live_count();
  counters_.players.set(players);
  counters_.step_ns.record(static_cast<u64>(stepped - begun));
  counters_.encode_ns.record(static_cast<u64>(encoded - stepped));
  counters_.work_ns.record(static_cast<u64>(clock_.now() - begun));
  return true;
}

TickPipeline::TickPipeline(std::vector<RunningBattle> battles, std::span<battle::InboundRing* const> inbound,
                           journal::GroupCommitter& committer, snapshot::SnapshotWriter& snapshots,
                           BroadcastRing& frames, const env::Clock& clock)
    : battles_(std::move(battles)),
      inbound_(inbound.begin(), inbound.end()),
      committer_(committer),
      snapshots_(snapshots),
      frames_(frames),
      clock_(clock) {
  covered_.reserve(battles_.size());
  std::sort(battles_.begin(), battles_.end(), [](const RunningBattle& a, const RunningBattle& b) {
    return a.actor->battle().info().id < b.actor->battle().info().id;
  });
}

void TickPipeline::receive_inputs() {
  for (battle::InboundRing* const ring : inbound_) {
    const std::size_t count = ring->consume(ring->capacity(), [&](const battle::Inbound& inbound) {
      const auto found = std::lower_bound(
          battles_.begin(), battles_.end(), inbound.battle,
          [](const RunningBattle& a, BattleId id) { return a.actor->battle().info().id < id; });
      if (found == battles_.end() || found->actor->battle().info().id != inbound.battle) return;
      found->actor->receive(inbound);
    });
    counters_.inputs.add(count);
  }
}

void TickPipeline::append_to_journal(journal::Batch& batch, const RunningBattle& running) {
  const battle::Battle& battle = running.actor->battle();
  const battle::TickOutcome& outcome = running.outcome;
  const MutableBytes room = batch.open(battle::max_tick_bytes(outcome.accepted.size()));
  // The server sizes a batch for every battle's largest tick.
  DRUM_ASSERT(!room.empty());
  ByteWriter out(room);
  battle::encode_tick(outcome.state_hash, 0, outcome.accepted, out);
  DRUM_ASSERT(out.ok());
  batch.close({journal::RecordKind::tick, battle.info().id, battle.info().epoch, outcome.tick}, out.size());
}

void TickPipeline::append_finished_snapshots(journal::Batch& batch) {
  while (auto done = snapshots_.poll()) {
    if (done->error) {
      counters_.snapshots_failed.add();
      log_warning("{}; the battle goes on, and recovery will start further back", done->error->message);
      continue;
    }
    const MutableBytes room = batch.open(battle::kMaxSnapshotTakenBytes);
    // The server leaves room for these beside every battle's largest tick.
    DRUM_ASSERT(!room.empty());
    ByteWriter out(room);
    battle::encode_snapshot_taken({done->header.state_hash, done->header.content_hash, std::move(done->name)},
                                  out);
    DRUM_ASSERT(out.ok());
    batch.close(
        {journal::RecordKind::snapshot_taken, done->header.battle, done->header.epoch, done->header.tick},
        out.size());
    if (done->oldest_kept != 0) let_journal_go(done->header.battle, done->oldest_kept);
  }
}

// What every battle's oldest kept snapshot covers: a segment goes when none needs it.
void TickPipeline::let_journal_go(BattleId battle, Tick up_to) {
  const auto known = std::find_if(covered_.begin(), covered_.end(), [&](const journal::PruneUpTo& covered) {
    return covered.battle == battle;
  });
  if (known != covered_.end())
    known->tick = up_to;
  else
    covered_.push_back({battle, up_to});
  committer_.request_prune(covered_);
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

void TickPipeline::publish_frame(RunningBattle& running, u64 journal_sequence) {
  battle::BattleActor& actor = *running.actor;
  const battle::Battle& battle = actor.battle();
  queue_notices(running);
  if (actor.take_resync_request()) running.encoder->request_full();
  for (u32 slot = 0; slot < running.seats.size(); ++slot) {
    running.seats[slot] = {battle.rules().entity_of(PlayerSlot{slot}), actor.processed_sequences()[slot]};
  }

  const MutableBytes room = frames_.begin(frame_room_bytes(running));
  const std::size_t size =
      running.encoder->encode({battle.world(), running.outcome.state_hash, battle.seats().live_count(),
                               running.seats, running.outcome.events, &running.messages},
                              room.subspan(sizeof(FrameEnvelope)));
  DRUM_ASSERT(size != 0);
  const FrameEnvelope envelope{journal_sequence, clock_.now()};
  std::memcpy(room.data(), &envelope, sizeof envelope);
  frames_.publish(sizeof envelope + size);
  counters_.frames.add();
  counters_.frame_bytes.add(size);
}

void TickPipeline::take_snapshot(const RunningBattle& running) {
  const battle::Battle& battle = running.actor->battle();
  if (!snapshots_.policy().due(battle.info().id, battle.tick())) return;
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

}  // namespace drumline::server

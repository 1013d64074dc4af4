#include "server/group_status.hpp"

#include <algorithm>

namespace drumline::server {
namespace {

// The order in which both ends name them.

template <class Mirror, class Fn>
void for_each_counter(Mirror& m, Fn fn) {
  auto& t = m.ticks;
  for (auto* counter : {&t.late_ticks, &t.schedule_shifts, &t.shifted_ns, &t.allocations, &t.disk_waits}) {
    fn(*counter);
  }
  auto& p = m.battles;
  for (auto* counter :
       {&p.ticks, &p.battle_ticks, &p.inputs, &p.inputs_astray, &p.frames, &p.frame_bytes, &p.notices_delayed,
        &p.snapshots_failed, &p.battles_created, &p.battles_ended, &p.battles_failed, &p.tells_lost}) {
    fn(*counter);
  }
}
template <class Mirror, class Fn>
void for_each_gauge(Mirror& m, Fn fn) {
  fn(m.ticks.realtime);
  for (auto* gauge : {&m.battles.tick, &m.battles.battles, &m.battles.players}) fn(*gauge);
}
template <class Mirror, class Fn>
void for_each_histogram(Mirror& m, Fn fn) {
  fn(m.ticks.lateness_ns);
  auto& p = m.battles;
  for (auto* histogram : {&p.step_ns, &p.encode_ns, &p.work_ns, &p.install_ns, &p.end_ns}) fn(*histogram);
}
/// Of the journal and the control, which keep theirs their own way.
template <class Fn>
void for_each_own_counter(GroupMirror& m, Fn fn) {
  for (Counter* counter : {&m.journal_bytes, &m.fenced_segments, &m.snapshots_written, &m.snapshots_skipped,
                           &m.snapshots_failed, &m.restarted, &m.given_up}) {
    fn(*counter);
  }
}

template <class Counters, class Fn>
void for_each_actor_counter(Counters& c, Fn fn) {
  for (auto* counter : {&c.commands_accepted, &c.commands_refused, &c.commands_repeated, &c.commands_stray,
                        &c.commands_held, &c.commands_late, &c.tells_accepted, &c.tells_refused,
                        &c.inputs_dropped, &c.joins, &c.leaves, &c.drops, &c.reconnects}) {
    fn(*counter);
  }
}

struct Figures {
  const ShardCounters& ticks;
  const PipelineCounters& battles;
};

std::vector<link::Status::Bucket> buckets_of(const Histogram& histogram) {
  std::vector<link::Status::Bucket> buckets;
  histogram.for_each_bucket([&](u64 lowest, u64 next, u64 count) {
    buckets.push_back({lowest + (next - lowest) / 2, count});
  });
  return buckets;
}

}  // namespace

link::Status StatusWriter::next(const Battles& battles, const battle::BattleDirectory& directory) {
  const std::vector<ShardFigures> shards = battles.shards();
  const std::vector<JournalFigures> journals = battles.journals();
  const Figures figures{*shards.front().ticks, *shards.front().battles};
  const JournalFigures& journal = journals.front();

  link::Status status;
  status.journal_state = static_cast<u8>(journal.state);
  status.journal_reason = journal.reason;
  std::size_t index = 0;
  const auto grown = [&](u64 value) {
    if (index == counters_.size()) counters_.push_back(0);
    status.counters.push_back(value - counters_[index]);
    counters_[index++] = value;
  };
  for_each_counter(figures, [&](const Counter& counter) { grown(counter.value()); });
  for (const u64 value :
       {journal.bytes, journal.fenced_segments, journal.snapshots_written, journal.snapshots_skipped,
        journal.snapshots_failed, battles.restarted(), battles.given_up()}) {
    grown(value);
  }
  for_each_gauge(figures, [&](const Gauge& gauge) { status.gauges.push_back(gauge.value()); });
  status.gauges.push_back(static_cast<i64>(journal.space_bytes));
  index = 0;
  const auto recorded = [&](const Histogram& histogram) {
    if (index == histograms_.size()) histograms_.emplace_back();
    const Histogram now = histogram;
    status.histograms.push_back(buckets_of(now.since(histograms_[index])));
    histograms_[index++] = now;
  };
  for_each_histogram(figures, recorded);
  recorded(*journal.commit_ns);

  const auto all = directory.all();
  for (std::size_t i = 0; i < std::min(all.size(), link::kMaxBattlesInStatus); ++i) {
    const battle::BattleEntry& entry = *all[i];
    link::Status::OfBattle of{entry.descriptor->id, entry.failures.load(std::memory_order_relaxed), {}};
    for_each_actor_counter(*entry.counters,
                           [&](const Counter& counter) { of.counters.push_back(counter.value()); });
    status.battles.push_back(std::move(of));
  }
  return status;
}

void apply_status(const link::Status& status, GroupMirror& mirror) {
  std::size_t index = 0;
  const auto add = [&](Counter& counter) {
    if (index < status.counters.size()) counter.add(status.counters[index++]);
  };
  for_each_counter(mirror, add);
  for_each_own_counter(mirror, add);
  index = 0;
  const auto set = [&](Gauge& gauge) {
    if (index < status.gauges.size()) gauge.set(status.gauges[index++]);
  };
  for_each_gauge(mirror, set);
  set(mirror.journal_space_bytes);
  index = 0;
  const auto record = [&](Histogram& histogram) {
    if (index >= status.histograms.size()) return;
    for (const link::Status::Bucket& bucket : status.histograms[index++]) {
      histogram.record(bucket.value, bucket.count);
    }
  };
  for_each_histogram(mirror, record);
  record(mirror.commit_ns);
}

void apply_counters(const std::vector<u64>& values, battle::ActorCounters& counters) {
  std::size_t index = 0;
  for_each_actor_counter(counters, [&](Counter& counter) {
    if (index >= values.size()) return;
    const u64 value = values[index++];
    if (value > counter.value()) counter.add(value - counter.value());
  });
}

}  // namespace drumline::server

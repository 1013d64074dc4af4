#include "recovery/recovery.hpp"

#include <cstring>
#include <map>

#include <fmt/format.h>

namespace drumline::recovery {
namespace {

constexpr Tick kAnyTick = ~Tick{0};
constexpr std::size_t kMaxTailBytes = 64 << 20;

/// Records of a battle whose snapshots are in the journal: what came before the newest
/// of them need not be stepped through, and which that is shows only at the end.
class Tail {
 public:
  void add(const journal::Record& record) {
    const bool all_that_counts = record.info.kind == journal::RecordKind::snapshot ||
                                 record.info.kind == journal::RecordKind::battle_disposed;
    if (all_that_counts) bytes_.clear();
    const Head head{record.info, record.payload.size()};
    const Bytes head_bytes = std::as_bytes(std::span(&head, 1));
    bytes_.insert(bytes_.end(), head_bytes.begin(), head_bytes.end());
    bytes_.insert(bytes_.end(), record.payload.begin(), record.payload.end());
  }

  std::size_t size_bytes() const { return bytes_.size(); }

  void feed(BattleReplay& replay) const {
    Bytes left = bytes_;
    while (!left.empty()) {
      Head head;
      std::memcpy(&head, left.data(), sizeof head);
      journal::Record record;
      record.info = head.info;
      record.payload = left.subspan(sizeof head, head.payload_bytes);
      (void)replay.feed(record);
      left = left.subspan(sizeof head + head.payload_bytes);
    }
  }

 private:
  struct Head {
    journal::RecordInfo info;
    std::size_t payload_bytes = 0;
  };
  std::vector<std::byte> bytes_;
};

struct Running {
  std::unique_ptr<BattleReplay> replay;
  std::optional<Tail> tail;  ///< it has no snapshot files
  Epoch epoch;
  TimeNs spent_ns = 0;
};

double milliseconds(TimeNs ns) {
  return static_cast<double>(ns) / 1e6;
}

/// Feeds every record of the battles that `running` has, or, when `all`, of all.
Result<std::unique_ptr<journal::Reader>> pass(env::FileSystem& files, const std::string& data,
                                              const GameLookup& lookup, const env::Clock& clock,
                                              const snapshot::SnapshotStore& store,
                                              std::map<BattleId, Running>& running, bool all) {
  auto reader = journal::Reader::open(files, journal_folder(data));
  if (!reader) return reader;
  for (;;) {
    auto next = (*reader)->next();
    if (!next) return std::move(next).error();
    if (*next == nullptr) break;
    const journal::Record& record = **next;
    if (record.info.battle == BattleId{}) continue;
    auto found = running.find(record.info.battle);
    if (found == running.end()) {
      if (!all) continue;
      found = running.try_emplace(record.info.battle).first;
      found->second.replay =
          std::make_unique<BattleReplay>(record.info.battle, lookup, store, Begin::newest, kAnyTick);
      auto files_of_it = store.ticks(record.info.battle);
      if (!files_of_it) return std::move(files_of_it).error();
      if (files_of_it->empty()) found->second.tail.emplace();
    }
    Running& battle = found->second;
    battle.epoch = record.info.epoch;
    if (battle.tail) {
      battle.tail->add(record);
      if (battle.tail->size_bytes() < kMaxTailBytes) continue;
      // Snapshots are so rare that stepping through is the lesser evil.
      battle.tail->feed(*battle.replay);
      battle.tail.reset();
      continue;
    }
    const TimeNs begun = clock.now();
    (void)battle.replay->feed(record);
    battle.spent_ns += clock.now() - begun;
  }
  for (auto& [id, battle] : running) {
    if (!battle.tail) battle.replay->end();
  }
  return reader;
}

void replay_tails(std::map<BattleId, Running>& running, const env::Clock& clock) {
  for (auto& [id, battle] : running) {
    if (!battle.tail) continue;
    const TimeNs begun = clock.now();
    battle.tail->feed(*battle.replay);
    battle.replay->end();
    battle.tail.reset();
    battle.spent_ns += clock.now() - begun;
  }
}

BattleReport report_of(const Running& running) {
  const BattleReplay& replay = *running.replay;
  BattleReport report;
  report.id = replay.id();
  report.epoch = running.epoch;
  report.snapshot_tick = replay.snapshot_tick();
  report.ticks_replayed = replay.replayed_ticks();
  report.milliseconds = milliseconds(running.spent_ns);
  report.failure = replay.failure();
  if (replay.battle() != nullptr) {
    report.game = replay.battle()->info().game;
    report.resumed_tick = replay.battle()->tick();
    report.state_hash = replay.battle()->state_hash();
  }
  report.equal = !report.failure && replay.battle() != nullptr;
  return report;
}

}  // namespace

std::string journal_folder(const std::string& data) {
  return data + "/journal";
}
std::string snapshot_folder(const std::string& data) {
  return data + "/snapshots";
}

Result<Recovery> recover_data_folder(env::FileSystem& files, const std::string& data,
                                     const GameLookup& lookup, const env::Clock& clock) {
  const TimeNs begun = clock.now();
  const snapshot::SnapshotStore store(files, snapshot_folder(data));
  std::map<BattleId, Running> running;
  auto reader = pass(files, data, lookup, clock, store, running, true);
  if (!reader) return std::move(reader).error();
  replay_tails(running, clock);

  // A snapshot may be of a tick that the crash kept from the journal. Nobody had
  // seen that tick: those battles begin at an older one.
  std::map<BattleId, Running> again;
  for (auto& [id, state] : running) {
    const BattleReplay& replay = *state.replay;
    if (replay.snapshot_tick() <= replay.journaled_tick() || replay.disposed()) continue;
    again[id].replay =
        std::make_unique<BattleReplay>(id, lookup, store, Begin::newest, replay.journaled_tick());
  }
  if (!again.empty()) {
    auto second = pass(files, data, lookup, clock, store, again, false);
    if (!second) return std::move(second).error();
    for (auto& [id, state] : again) {
      state.spent_ns += running[id].spent_ns;
      running[id] = std::move(state);
    }
  }

  Recovery recovery;
  bool all_well = true;
  for (auto& [id, state] : running) {
    for (const auto& damaged : state.replay->damaged()) recovery.damaged.push_back(damaged);
    if (state.replay->disposed()) {
      recovery.disposed.push_back(id);
      continue;
    }
    RecoveredBattle recovered;
    recovered.report = report_of(state);
    if (recovered.report.equal) {
      recovered.battle = state.replay->take_battle();
      recovered.battle->set_epoch(state.epoch);
    } else {
      all_well = false;
    }
    recovery.battles.push_back(std::move(recovered));
  }
  auto with_snapshots = store.battles();
  if (!with_snapshots) return std::move(with_snapshots).error();
  for (const BattleId id : *with_snapshots) {
    if (running.contains(id)) continue;
    auto ticks = store.ticks(id);
    if (!ticks) return std::move(ticks).error();
    if (ticks->empty()) continue;
    all_well = false;
    RecoveredBattle lost;
    lost.report.id = id;
    lost.report.snapshot_tick = ticks->back();
    lost.report.failure = Error{
        ErrorCode::not_found,
        fmt::format("battle {} has snapshots up to tick {} in {}, and the journal in {} has no record of it: "
                    "bring the journal back, or remove the snapshots to give the battle up",
                    id.value, ticks->back(), store.battle_folder(id), journal_folder(data))};
    recovery.battles.push_back(std::move(lost));
  }
  if (all_well) {
    if (auto repaired = (*reader)->repair(); !repaired) return std::move(repaired).error();
    recovery.repaired = true;
  }
  recovery.end = (*reader)->end();
  recovery.index = (*reader)->index();
  recovery.torn = (*reader)->torn();
  recovery.records = (*reader)->record_count();
  recovery.milliseconds = milliseconds(clock.now() - begun);
  return recovery;
}

}  // namespace drumline::recovery

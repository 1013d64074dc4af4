// Battles that play themselves into a data folder, as a server would: step, journal,
// commit, now and then a snapshot. What was acknowledged is remembered, so that a
// recovery can be held against it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "battle/journal_records.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "journal/reader.hpp"
#include "journal/writer.hpp"
#include "recovery/recovery.hpp"
#include "snapshot/store.hpp"
#include "support/counting_game.hpp"
#include "support/scripted_inputs.hpp"

namespace drumline::test {

inline constexpr char kData[] = "data";

class BattleLog {
 public:
  BattleLog(env::FileSystem& files, const env::Clock& clock, u64 segment_bytes = journal::kMinSegmentBytes)
      : files_(files),
        clock_(clock),
        segment_bytes_(segment_bytes),
        store_(files, recovery::snapshot_folder(kData)) {}

  CountingGame game;
  Tick snapshot_every = 0;  ///< 0: none
  u32 keep = 3;
  bool journal_snapshots = true;
  bool prune = true;
  bool inline_snapshots = false;  ///< in the journal instead of in files

  /// The hash of every tick that was acknowledged, by battle.
  std::map<BattleId, std::map<Tick, u64>> acknowledged;
  std::map<BattleId, std::map<Tick, u64>> attempted;

  recovery::GameLookup lookup() {
    return
        [this](std::string_view name) -> const world::Game* { return name == game.name() ? &game : nullptr; };
  }

  Result<void> open() {
    const std::string folder = recovery::journal_folder(kData);
    auto source = std::make_unique<journal::InlineSegmentSource>(files_, folder, segment_bytes_);
    auto recovered = recovery::recover_data_folder(files_, kData, lookup(), clock_);
    if (!recovered) return std::move(recovered).error();
    for (auto& battle : recovered->battles) {
      if (battle.report.failure) return *battle.report.failure;
      battle.battle->set_epoch(Epoch{battle.report.epoch.value + 1});
      battles_[battle.report.id] = std::move(battle.battle);
    }
    reports.clear();
    for (auto& battle : recovered->battles) reports.push_back(std::move(battle.report));
    damaged = recovered->damaged;
    auto writer = recovered->end.segment == 0
                      ? journal::Writer::create(files_, clock_, folder, 77, segment_bytes_, std::move(source))
                      : journal::Writer::resume(files_, clock_, folder, recovered->end, recovered->index,
                                                segment_bytes_, std::move(source));
    if (!writer) return std::move(writer).error();
    writer_ = std::move(writer).value();
    return {};
  }

  Result<void> create(BattleId id, u64 seed, u32 players) {
    battle::BattleInfo info;
    info.id = id;
    info.epoch = Epoch{1};
    info.game = "counting";
    info.rules_document = std::string(game.default_rules());
    info.seed = seed;
    info.max_players = players;
    info.build = "test";
    auto made = battle::Battle::create(game, info);
    if (!made) return std::move(made).error();
    const auto payload = battle::encode_created({info, (*made)->state_hash()});
    if (auto added = batch_.append({journal::RecordKind::battle_created, id, info.epoch, 0}, payload);
        !added) {
      return added;
    }
    attempted[id][0] = (*made)->state_hash();
    if (auto done = commit(); !done) return done;
    battles_[id] = std::move(made).value();
    return {};
  }

  /// One tick of every battle, one commit.
  Result<void> tick() {
    for (auto& [id, battle] : battles_) {
      // Some are beyond what the game allows, and refused.
      const battle::TickOutcome outcome = battle->step(scripted_inputs(*battle, 120));
      const MutableBytes space = batch_.open(battle::max_tick_bytes(outcome.accepted.size()));
      DRUM_ASSERT(space.data() != nullptr);
      ByteWriter out(space);
      battle::encode_tick(outcome.state_hash, 0, outcome.accepted, out);
      batch_.close({journal::RecordKind::tick, id, battle->info().epoch, outcome.tick}, out.size());
      attempted[id][outcome.tick] = outcome.state_hash;
    }
    if (auto done = commit(); !done) return done;
    for (auto& [id, battle] : battles_) {
      if (snapshot_every == 0 || battle->tick() % snapshot_every != 0) continue;
      if (auto done = snapshot(*battle); !done) return done;
    }
    return {};
  }

  Result<void> snapshot(battle::Battle& battle) {
    const BattleId id = battle.info().id;
    std::vector<std::byte> content;
    battle.encode_snapshot(content);
    const auto info = battle::encode_created({battle.info(), 0});
    if (inline_snapshots) {
      std::vector<std::byte> payload(battle::inline_snapshot_bytes(info.size(), content.size()));
      ByteWriter whole(payload);
      battle::encode_inline_snapshot({info, content}, whole);
      auto added =
          batch_.append({journal::RecordKind::snapshot, id, battle.info().epoch, battle.tick()}, payload);
      if (!added) return added;
      if (auto done = commit(); !done) return done;
      // The one before it is durable for long: what it covers may go.
      covered_[id] = std::exchange(last_inline_[id], battle.tick());
      auto pruned = writer_->prune(covered_);
      if (!pruned) return std::move(pruned).error();
      pruned_segments += *pruned;
      return {};
    }
    auto name = store_.write({.battle = id,
                              .epoch = battle.info().epoch,
                              .tick = battle.tick(),
                              .state_hash = battle.state_hash()},
                             info, content);
    if (!name) return std::move(name).error();
    if (!journal_snapshots) return {};
    std::array<std::byte, battle::kMaxSnapshotTakenBytes> memory;
    ByteWriter writer(memory);
    battle::encode_snapshot_taken({battle.state_hash(), snapshot::content_hash(content), *name}, writer);
    const Bytes record = writer.written();
    auto added =
        batch_.append({journal::RecordKind::snapshot_taken, id, battle.info().epoch, battle.tick()}, record);
    if (!added) return added;
    if (auto done = commit(); !done) return done;
    if (!prune) return {};
    auto oldest = store_.prune(id, keep);
    if (!oldest) return std::move(oldest).error();
    covered_[id] = *oldest;
    auto pruned = writer_->prune(covered_);
    if (!pruned) return std::move(pruned).error();
    pruned_segments += *pruned;
    return {};
  }

  Result<void> dispose(BattleId id) {
    const auto& info = battles_.at(id)->info();
    auto added =
        batch_.append({journal::RecordKind::battle_disposed, id, info.epoch, battles_.at(id)->tick()},
                      battle::encode_text("over"));
    if (!added) return added;
    if (auto done = commit(); !done) return done;
    battles_.erase(id);
    return store_.remove_all(id);
  }

  battle::Battle& battle(BattleId id) { return *battles_.at(id); }
  bool has(BattleId id) const { return battles_.contains(id); }
  snapshot::SnapshotStore& store() { return store_; }
  journal::Writer& writer() { return *writer_; }

  std::vector<recovery::BattleReport> reports;  ///< of open()
  std::vector<snapshot::DamagedSnapshot> damaged;
  u64 pruned_segments = 0;

 private:
  Result<void> commit() {
    if (auto done = writer_->commit(batch_); !done) return done;
    batch_.clear();
    acknowledged = attempted;
    return {};
  }

  env::FileSystem& files_;
  const env::Clock& clock_;
  u64 segment_bytes_;
  snapshot::SnapshotStore store_;
  std::unique_ptr<journal::Writer> writer_;
  journal::Batch batch_{1 << 20};
  std::map<BattleId, std::unique_ptr<battle::Battle>> battles_;
  journal::Coverage covered_;
  std::map<BattleId, Tick> last_inline_;
};

}  // namespace drumline::test

#include "recovery/battle_replay.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "recovery/describe.hpp"
#include "world/snapshot.hpp"

namespace drumline::recovery {

BattleReplay::BattleReplay(BattleId id, const GameLookup& lookup, const snapshot::SnapshotStore& store,
                           Begin begin, Tick latest_start)
    : id_(id), lookup_(lookup), store_(store), begin_(begin), latest_start_(latest_start) {}

std::string BattleReplay::where(Tick tick) const {
  return battle::tick_name(id_, tick);
}

void BattleReplay::fail(Tick tick, Error error) {
  if (failure_) return;
  failure_tick_ = tick;
  failure_ = std::move(error);
}

/// The battle as a snapshot holds it; `state_hash`: what else says that it has.
Result<std::unique_ptr<battle::Battle>> BattleReplay::restore(Bytes info, Bytes content, Epoch epoch,
                                                              Tick tick,
                                                              std::optional<u64> state_hash) const {
  auto created = battle::decode_created(info, id_, epoch);
  if (!created) return std::move(created).error();
  const world::Game* game = lookup_(created->info.game);
  if (game == nullptr) {
    return Error{ErrorCode::not_found,
                 fmt::format("battle {} is of game {}, which this program does not have", id_.value,
                             created->info.game)};
  }
  auto restored = battle::Battle::restore(*game, std::move(created->info), content);
  if (!restored) return restored;
  const battle::Battle& battle = **restored;
  if (battle.tick() != tick || (state_hash && battle.state_hash() != *state_hash)) {
    return Error{ErrorCode::mismatch,
                 fmt::format("the state is of tick {} with hash {}, and should be of tick {} with hash {}",
                             battle.tick(), hex(battle.state_hash()), tick,
                             state_hash ? hex(*state_hash) : std::string("any"))};
  }
  return restored;
}

void BattleReplay::begin_inline(const journal::Record& record) {
  const auto snapshot = battle::decode_inline_snapshot(record.payload);
  if (!snapshot) return fail(record.info.tick, Error(snapshot.error()).within(where(record.info.tick)));
  auto made = restore(snapshot->info, snapshot->content, record.info.epoch, record.info.tick, std::nullopt);
  if (!made) return fail(record.info.tick, std::move(made).error().within(where(record.info.tick)));
  battle_ = std::move(made).value();
  snapshot_tick_ = record.info.tick;
}

/// The snapshot stands right behind the tick that it is of.
void BattleReplay::compare_inline(const journal::Record& record) {
  const Tick tick = record.info.tick;
  const auto snapshot = battle::decode_inline_snapshot(record.payload);
  if (!snapshot) return fail(tick, Error(snapshot.error()).within(where(tick)));
  if (tick != battle_->tick()) return;
  const auto state = world::read_snapshot(snapshot->content);
  if (!state) return fail(tick, Error(state.error()).within(where(tick)));
  ++snapshots_compared_;
  if (state->hash != battle_->state_hash()) {
    fail(tick, {ErrorCode::mismatch, fmt::format("{}: the state hash is {}, the journal's snapshot has {}",
                                                 where(tick), hex(battle_->state_hash()), hex(state->hash))});
  }
}

/// False when there is no snapshot to begin at.
bool BattleReplay::begin_at_snapshot(const journal::Record& first) {
  Tick latest = latest_start_;
  Tick earliest = first.info.tick == 0 ? 0 : first.info.tick - 1;
  for (;;) {
    auto snapshot = begin_ == Begin::newest ? store_.load_latest(id_, latest, &damaged_)
                                            : store_.load_oldest(id_, earliest, &damaged_);
    if (!snapshot) {
      if (snapshot.error().code != ErrorCode::not_found) fail(0, std::move(snapshot).error());
      return false;
    }
    const snapshot::SnapshotHeader& header = snapshot->header;
    if (header.tick > latest_start_) return false;
    auto made = restore(snapshot->info(), snapshot->content(), header.epoch, header.tick, header.state_hash);
    if (made) {
      battle_ = std::move(made).value();
      snapshot_tick_ = header.tick;
      return true;
    }
    damaged_.push_back({snapshot->path, std::move(made).error()});
    if (begin_ == Begin::newest) {
      if (header.tick == 0) return false;
      latest = header.tick - 1;
    } else {
      earliest = header.tick + 1;
    }
  }
}

/// Makes the battle at its first record.
void BattleReplay::begin(const journal::Record& record) {
  begun_ = true;
  const bool created = record.info.kind == journal::RecordKind::battle_created;
  if (record.info.kind == journal::RecordKind::snapshot && record.info.tick <= latest_start_) {
    begin_inline(record);
    return;
  }
  if (begin_ == Begin::newest || !created) {
    if (begin_at_snapshot(record) || failure_) return;
  }
  if (!created) {
    std::string why = damaged_.empty()
                          ? "there is no snapshot to begin at"
                          : "the last snapshot tried was refused: " + damaged_.back().error.message;
    waiting_ = Error{ErrorCode::not_found, fmt::format("battle {}: the journal begins at tick {}, and {}",
                                                       id_.value, record.info.tick, why)};
    return;
  }
  auto decoded = battle::decode_created(record.payload, id_, record.info.epoch);
  if (!decoded) return fail(0, std::move(decoded).error().within(where(0)));
  const world::Game* game = lookup_(decoded->info.game);
  if (game == nullptr) {
    return fail(
        0, {ErrorCode::not_found, fmt::format("battle {} is of game {}, which this program does not have",
                                              id_.value, decoded->info.game)});
  }
  auto made = battle::Battle::create(*game, std::move(decoded->info));
  if (!made) return fail(0, std::move(made).error().within(where(0)));
  battle_ = std::move(made).value();
  if (battle_->state_hash() != decoded->state_hash) {
    fail(0,
         {ErrorCode::mismatch, fmt::format("{}: the state as created has hash {}, the journal has {}",
                                           where(0), hex(battle_->state_hash()), hex(decoded->state_hash))});
  }
}

std::optional<battle::TickOutcome> BattleReplay::feed_tick(const journal::Record& record) {
  const Tick tick = record.info.tick;
  const Tick reached = battle_->tick();
  if (tick < reached) return std::nullopt;
  if (tick > reached + 1) {
    fail(tick, {ErrorCode::corrupt, fmt::format("{}: the journal's last tick before it is {}", where(tick),
                                                std::max(reached, journaled_tick_))});
    return std::nullopt;
  }
  if (auto decoded = battle::decode_tick(record.payload, tick_); !decoded) {
    fail(tick, std::move(decoded).error().within(where(tick)));
    return std::nullopt;
  }
  std::optional<battle::TickOutcome> outcome;
  if (tick == reached + 1) {
    outcome = battle_->step(tick_.inputs);
    ++replayed_;
    hashes_[tick % hashes_.size()] = outcome->state_hash;
    if (auto difference = battle::compare_tick(*battle_, tick_, *outcome)) fail(tick, std::move(*difference));
  } else if (battle_->state_hash() != tick_.state_hash) {
    fail(tick, {ErrorCode::mismatch, fmt::format("{}: the state hash is {}, recorded is {}", where(tick),
                                                 hex(battle_->state_hash()), hex(tick_.state_hash))});
  }
  return outcome;
}

/// The record stands some ticks after the one that it is of.
void BattleReplay::compare_snapshot(const journal::Record& record) {
  const Tick tick = record.info.tick;
  const auto taken = battle::decode_snapshot_taken(record.payload);
  if (!taken) return fail(tick, Error(taken.error()).within(where(tick)));
  if (tick <= snapshot_tick_ || tick > battle_->tick() || tick + hashes_.size() <= battle_->tick()) return;
  ++snapshots_compared_;
  const u64 replayed = hashes_[tick % hashes_.size()];
  if (replayed != taken->state_hash) {
    fail(tick,
         {ErrorCode::mismatch, fmt::format("{}: the state hash is {}, snapshot {} was taken with {}",
                                           where(tick), hex(replayed), taken->file, hex(taken->state_hash))});
  }
}

std::optional<battle::TickOutcome> BattleReplay::feed(const journal::Record& record) {
  if (record.info.kind == journal::RecordKind::note) return std::nullopt;
  const bool begins = !begun_ || (waiting_ && record.info.kind == journal::RecordKind::snapshot);
  if (begins) {
    waiting_.reset();
    begin(record);
  }
  std::optional<battle::TickOutcome> outcome;
  switch (record.info.kind) {
    case journal::RecordKind::tick:
      if (!failure_ && battle_ != nullptr) outcome = feed_tick(record);
      journaled_tick_ = std::max(journaled_tick_, record.info.tick);
      break;
    case journal::RecordKind::snapshot_taken: {
      if (!failure_ && battle_ != nullptr) compare_snapshot(record);
      break;
    }
    case journal::RecordKind::snapshot:
      if (!failure_ && battle_ != nullptr && !begins) compare_inline(record);
      journaled_tick_ = std::max(journaled_tick_, record.info.tick);
      break;
    case journal::RecordKind::battle_disposed:
      disposed_ = true;
      break;
    case journal::RecordKind::battle_created:
    case journal::RecordKind::battle_failed:
    case journal::RecordKind::note:
      break;
  }
  return outcome;
}

void BattleReplay::end() {
  if (waiting_ && !disposed_) fail(0, std::move(*waiting_));
  waiting_.reset();
}

}  // namespace drumline::recovery

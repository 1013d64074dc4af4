#include "lockstep/rollback.hpp"

#include <algorithm>
#include <utility>

namespace drumline::lockstep {

Rollback::Rollback(std::unique_ptr<battle::Battle> confirmed, std::unique_ptr<battle::Battle> predicted,
                   PlayerSlot own, u32 max_ticks, RollbackListener& listener)
    : confirmed_(std::move(confirmed)),
      predicted_(std::move(predicted)),
      own_(own),
      max_ticks_(max_ticks),
      listener_(listener),
      newest_predicted_(confirmed_->tick()) {
  DRUM_ASSERT(max_ticks <= kMaxTicks);
  DRUM_ASSERT(confirmed_->state_hash() == predicted_->state_hash());
  pending_.reserve(kMaxPending);
  inputs_.reserve(kMaxPending);
}

void Rollback::schedule(const world::Command& command, Tick tick) {
  DRUM_ASSERT(own_ != kNoPlayer && command.sequence > last_sequence_ && tick >= last_tick_);
  last_sequence_ = command.sequence;
  last_tick_ = tick;
  if (pending_.size() == kMaxPending) pending_.erase(pending_.begin());
  pending_.push_back({command, tick});
  if (tick <= predicted_->tick()) wrong_ = true;
}

void Rollback::forget(u32 sequence) {
  std::erase_if(pending_, [&](const Pending& pending) { return pending.command.sequence == sequence; });
}

// Own commands that were applied, or never will be, wait no longer. One that the rules
// refused in the guess is not in its tick because they refused it there as well.
void Rollback::settle(const battle::TickOutcome& outcome) {
  u32 applied = 0;
  for (const battle::Input& input : outcome.accepted) {
    if (input.kind == battle::InputKind::command && input.player == own_) {
      applied = std::max(applied, input.command.sequence);
    }
  }
  std::erase_if(pending_, [&](const Pending& pending) {
    return pending.command.sequence <= applied || pending.tick + kLateTicks < outcome.tick ||
           (pending.tick <= outcome.tick && pending.refused);
  });
  for (Pending& pending : pending_) {
    if (pending.tick > outcome.tick) break;
    statistics_.late_commands += !std::exchange(pending.late, true);
  }
}

std::optional<HashMismatch> Rollback::confirm(std::span<const battle::Input> inputs, u64 server_hash) {
  const battle::TickOutcome outcome = confirmed_->step(inputs);
  ++statistics_.confirmed_ticks;
  settle(outcome);
  if (predicted_->tick() < outcome.tick || predicted_hash(outcome.tick) != outcome.state_hash) wrong_ = true;
  listener_.on_confirmed(outcome);
  if (outcome.state_hash == server_hash) return std::nullopt;
  return HashMismatch{outcome.tick, outcome.state_hash, server_hash};
}

void Rollback::predict_tick() {
  const Tick tick = predicted_->tick() + 1;
  const bool first = tick == confirmed_->tick() + 1;
  inputs_.clear();
  for (Pending& pending : pending_) {
    if (pending.tick > tick) break;
    if (pending.tick < tick && !first) continue;
    pending.refused = false;
    battle::Input input;
    input.player = own_;
    input.command = pending.command;
    inputs_.push_back(input);
  }
  const battle::TickOutcome outcome = predicted_->step(inputs_);
  predicted_hash(tick) = outcome.state_hash;
  for (const battle::RefusedInput& refused : outcome.refused) {
    for (Pending& pending : pending_) {
      if (pending.command.sequence == refused.input.command.sequence) pending.refused = true;
    }
  }
  if (tick <= newest_predicted_) return;
  newest_predicted_ = tick;
  listener_.on_predicted(outcome);
}

void Rollback::predict_to(Tick tick) {
  const Tick shown = predicted_->tick();
  const Tick target = std::min(std::max(tick, shown), confirmed_->tick() + max_ticks_);
  if (std::exchange(wrong_, false)) {
    predicted_->copy_from(*confirmed_);
    if (shown > confirmed_->tick()) {
      const u32 depth = static_cast<u32>(shown - confirmed_->tick());
      ++statistics_.rollbacks;
      statistics_.resimulated_ticks += depth;
      statistics_.deepest_ticks = std::max(statistics_.deepest_ticks, depth);
    }
  }
  newest_predicted_ = std::max(newest_predicted_, predicted_->tick());
  while (predicted_->tick() < target) predict_tick();
}

}  // namespace drumline::lockstep

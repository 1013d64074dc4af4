#include "lockstep/lockstep_client.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace drumline::lockstep {
namespace {

/// 500 years: what is above it is nonsense, and would overflow nanoseconds.
constexpr Tick kMostTick = Tick{1} << 39;

}  // namespace

LockstepClient::LockstepClient(const world::Game& game, const LockstepOptions& options,
                               LockstepListener& listener)
    : game_(game), options_(options), listener_(listener), delay_(options.input_delay) {
  DRUM_ASSERT(options.max_rollback_ticks <= Rollback::kMaxTicks);
}

void LockstepClient::begin(const wire::Welcome& welcome) {
  state_ = State::waiting;
  battle_ = welcome.battle;
  player_ = welcome.player;
  newest_tick_ = std::min(welcome.tick, kMostTick);
  last_apply_tick_ = 0;
  assembler_ = {};
  ticks_ = {};
  clock_ = {};
  messages_.clear();
}

// The tick with these low bits that is nearest to the newest.
Tick LockstepClient::whole_tick(u32 low) const {
  const i64 step = i64{static_cast<i32>(low - static_cast<u32>(newest_tick_))};
  return newest_tick_ + static_cast<Tick>(std::max(step, -static_cast<i64>(newest_tick_)));
}

Result<void> LockstepClient::on_frame(Bytes datagram, TimeNs now) {
  if (auto decoded = decode_lockstep_frame(datagram, frame_); !decoded) return decoded;
  const Tick newest = whole_tick(frame_.newest_tick);
  if (newest > kMostTick) {
    return Error{ErrorCode::malformed, "a lockstep frame of tick " + std::to_string(newest)};
  }
  newest_tick_ = std::max(newest_tick_, newest);
  clock_.note(newest, now);
  if (frame_.margin_ticks) delay_.on_margin(*frame_.margin_ticks, now);
  for (const LockstepFrame::Entry& entry : frame_.entries) {
    if (entry.age_ticks < newest) ticks_.put(newest - entry.age_ticks, entry.payload);
  }
  return {};
}

Result<void> LockstepClient::on_ticks(const wire::Ticks& ticks) {
  std::vector<Bytes> payloads;
  if (auto decoded = decode_ticks(ticks, payloads); !decoded) return decoded;
  for (std::size_t i = 0; i < payloads.size(); ++i) ticks_.put(ticks.first_tick + i, payloads[i]);
  return {};
}

void LockstepClient::on_refused(const wire::Refused& refused) {
  if (rollback_) rollback_->forget(refused.cmd_id);
}

Result<void> LockstepClient::on_snapshot_part(const wire::SnapshotPart& part) {
  auto added = assembler_.add(part);
  if (!added) return std::move(added).error();
  return *added ? start(**added) : Result<void>();
}

Result<void> LockstepClient::start(const StateTransfer& transfer) {
  // It was sent before the server heard how far this client is.
  if (running() && transfer.tick <= rollback_->confirmed().tick()) return {};
  const auto context = [&] { return "the state after tick " + std::to_string(transfer.tick); };
  if (transfer.tick > kMostTick) return Error{ErrorCode::malformed, context()};
  auto created = battle::decode_created(transfer.info(), battle_, Epoch{});
  if (!created) return std::move(created).error().within(context());
  std::array<std::unique_ptr<battle::Battle>, 2> battles;
  for (auto& battle : battles) {
    auto restored = battle::Battle::restore(game_, created->info, transfer.snapshot());
    if (!restored) return std::move(restored).error().within(context());
    battle = std::move(restored).value();
    if (battle->tick() != transfer.tick || battle->state_hash() != transfer.state_hash) {
      return Error{ErrorCode::mismatch, context() + " holds another tick or hash than was announced"};
    }
  }
  rollback_ = std::make_unique<Rollback>(std::move(battles[0]), std::move(battles[1]), player_,
                                         options_.max_rollback_ticks, listener_);
  ticks_.begin(transfer.tick + 1);
  newest_tick_ = std::max(newest_tick_, transfer.tick);
  state_ = State::running;
  listener_.on_started(transfer.tick);
  return {};
}

Result<void> LockstepClient::advance(TimeNs now) {
  if (!running()) return {};
  while (const auto payload = ticks_.front()) {
    if (auto decoded = battle::decode_tick(*payload, record_); !decoded) {
      return std::move(decoded).error().within("tick " + std::to_string(rollback_->confirmed().tick() + 1));
    }
    const auto mismatch = rollback_->confirm(record_.inputs, record_.state_hash);
    ticks_.pop();
    if (mismatch) {
      diverge(*mismatch);
      return {};
    }
  }
  rollback_->predict_to(next_apply_tick(now) - 1);
  return {};
}

void LockstepClient::diverge(const HashMismatch& mismatch) {
  state_ = State::diverged;
  messages_.emplace_back(wire::Desync{mismatch.tick, mismatch.own_hash, mismatch.server_hash});
  std::vector<std::byte> snapshot;
  rollback_->confirmed().encode_snapshot(snapshot);
  if (snapshot.size() <= wire::kMaxStateBytes) split_state(mismatch.tick, snapshot, messages_);
  listener_.on_mismatch(mismatch);
}

// What is shown is one tick before it, so that a command is seen in the very next one.
Tick LockstepClient::next_apply_tick(TimeNs now) const {
  const Tick shown = std::max(rollback_->predicted().tick(), rollback_->confirmed().tick());
  const Tick timed = clock_.running() ? clock_.tick_at(now) + delay_.ticks() : 0;
  return std::max({timed, last_apply_tick_, shown + 1});
}

world::Command LockstepClient::issue(world::Command command, TimeNs now) {
  if (!running()) return command;
  // A later command never before an earlier one, which would then count as a repeat.
  last_apply_tick_ = next_apply_tick(now);
  command.apply_tick = static_cast<u32>(last_apply_tick_);
  rollback_->schedule(command, last_apply_tick_);
  return command;
}

TimeNs LockstepClient::deadline() const {
  if (!running() || !clock_.running()) return kNever;
  const Tick shown = rollback_->predicted().tick();
  if (shown >= rollback_->confirmed().tick() + options_.max_rollback_ticks) return kNever;
  // Then the tick after the shown one is the last before the next command's.
  const Tick due = shown + 2;
  return clock_.time_of(due > delay_.ticks() ? due - delay_.ticks() : 0);
}

wire::SyncAck LockstepClient::sync() const {
  if (!running()) return {};
  return {static_cast<u32>(rollback_->confirmed().tick()), rollback_->confirmed().state_hash()};
}

u32 LockstepClient::confirmed_sequence() const {
  if (!running() || player_ == kNoPlayer) return 0;
  const auto seat = rollback_->confirmed().seat(player_);
  return seat ? seat->last_sequence : 0;
}

void LockstepClient::take_messages(std::vector<wire::ClientMessage>& out) {
  std::move(messages_.begin(), messages_.end(), std::back_inserter(out));
  messages_.clear();
}

}  // namespace drumline::lockstep

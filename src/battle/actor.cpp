#include "battle/actor.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace drumline::battle {
namespace {

/// How often seats past their grace are looked for.
constexpr Tick kExpiryPeriodTicks = 64;
/// Notices that wait at most, by player and at the least; refusals give way to the others.
constexpr std::size_t kNoticesPerPlayer = 8;
constexpr std::size_t kMinNotices = 16;
constexpr std::size_t kMaxNotices = 8192;

}  // namespace

BattleActor::BattleActor(std::unique_ptr<Battle> battle, ActorOptions options)
    : battle_(std::move(battle)),
      options_(std::move(options)),
      counters_(options_.counters ? options_.counters : std::make_shared<ActorCounters>()) {
  const u32 seats = battle_->info().max_players;
  candidates_.reserve(battle_->limits().inputs);
  held_.reserve(battle_->limits().inputs);
  candidate_sessions_.reserve(battle_->limits().inputs);
  notices_.reserve(std::min(kMaxNotices, kMinNotices + kNoticesPerPlayer * seats));
  session_of_.resize(seats);
  processed_.resize(seats);
  dropped_at_.resize(seats);
  battle_->seats().for_each(
      [&](u32 slot) { processed_[slot] = battle_->seats().at<&Seat::last_sequence>(slot); });
}

bool BattleActor::add(const Input& input, SessionId session) {
  if (candidates_.size() == battle_->limits().inputs) {
    counters_->inputs_dropped.add();
    return false;
  }
  candidates_.push_back(input);
  candidate_sessions_.push_back(session);
  return true;
}

bool BattleActor::plays(const Inbound& inbound) const {
  return inbound.player.value < session_of_.size() && inbound.session != SessionId{} &&
         session_of_[inbound.player.value] == inbound.session;
}

void BattleActor::receive(const Inbound& inbound) {
  const u32 slot = inbound.player.value;
  switch (inbound.kind) {
    case Inbound::Kind::command:
      receive_command(inbound);
      break;
    case Inbound::Kind::join:
      add({InputKind::join, kNoPlayer, {}, inbound.profile}, inbound.session);
      break;
    case Inbound::Kind::resume:
      receive_resume(inbound);
      break;
    case Inbound::Kind::drop:
      if (!plays(inbound)) break;
      session_of_[slot] = {};
      dropped_at_[slot] = std::max<Tick>(1, battle_->tick());
      add({InputKind::drop, inbound.player, {}, {}}, inbound.session);
      break;
    case Inbound::Kind::leave:
      if (!plays(inbound)) break;
      session_of_[slot] = {};
      add({InputKind::leave, inbound.player, {}, {}}, inbound.session);
      break;
    case Inbound::Kind::resync:
      resync_requested_ = true;
      break;
    case Inbound::Kind::watch:
    case Inbound::Kind::unwatch:
    case Inbound::Kind::resend_state:
      // Of frames and not of the battle: their maker sees to it.
      break;
  }
}

void BattleActor::receive_command(const Inbound& inbound) {
  const u32 slot = inbound.player.value;
  if (!plays(inbound)) {
    counters_->commands_stray.add();
    return;
  }
  if (inbound.command.sequence <= processed_[slot]) {
    counters_->commands_repeated.add();
    return;
  }
  const Input input{InputKind::command, inbound.player, inbound.command, {}};
  if (inbound.command.apply_tick == 0) {
    add(input, inbound.session);
    return;
  }
  // Ticks are compared by their low 32 bits, as the wire carries them.
  const Tick next = battle_->tick() + 1;
  const i32 ahead = static_cast<i32>(inbound.command.apply_tick - static_cast<u32>(next));
  if (ahead < -static_cast<i32>(options_.max_late_ticks)) {
    on_refused({input, world::kRefusedTooLate}, inbound.session);
    return;
  }
  if (ahead <= 0) {
    if (ahead < 0) counters_->commands_late.add();
    add(input, inbound.session);
    return;
  }
  if (held_.size() == held_.capacity()) {
    counters_->inputs_dropped.add();
    return;
  }
  counters_->commands_held.add();
  held_.push_back(
      {next + std::min<u32>(static_cast<u32>(ahead), options_.max_hold_ticks), input, inbound.session});
}

/// What was held for this tick joins its candidates, in the order in which it came.
void BattleActor::release_held() {
  const Tick next = battle_->tick() + 1;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const Held& held = held_[i];
    if (held.apply_tick > next) {
      held_[kept++] = held;
    } else if (session_of_[held.input.player.value] == held.session) {
      add(held.input, held.session);
    }
  }
  held_.resize(kept);
}

bool BattleActor::tell(Bytes message, u64 number) {
  if (tells_ == kMaxTellsPerTick || message.size() > world::kMaxTellBytes) return false;
  if (candidates_.size() == battle_->limits().inputs) return false;
  // What the last tick's inputs looked at is journaled by now.
  if (tells_ == 0) {
    told_.clear();
    tell_outcomes_.clear();
  }
  // Most battles are never told anything. Never moved after that: candidates are views into it.
  told_.reserve(kMaxTellsPerTick * world::kMaxTellBytes);
  const std::size_t at = told_.size();
  told_.insert(told_.end(), message.begin(), message.end());
  ++tells_;
  return add({.kind = InputKind::tell, .player = kNoPlayer, .message = Bytes(told_).subspan(at)},
             SessionId{number});
}

void BattleActor::receive_resume(const Inbound& inbound) {
  const u32 slot = inbound.player.value;
  const SeatTable& seats = battle_->seats();
  if (slot >= session_of_.size() || !seats.is_live(slot) ||
      seats.generations()[slot] != inbound.seat_generation ||
      seats.at<&Seat::account>(slot) != inbound.profile.account) {
    notices_.push_back({inbound.session, SeatRefused{world::kRefusedNoSeat}});
    return;
  }
  const SessionId before = session_of_[slot];
  session_of_[slot] = inbound.session;
  if (before != SessionId{}) {
    // The player came back before his old connection was missed.
    notices_.push_back({before, SeatTaken{inbound.player}});
    grant(inbound.session, inbound.player, true);
    return;
  }
  dropped_at_[slot] = 0;
  add({InputKind::reconnect, inbound.player, {}, {}}, inbound.session);
}

void BattleActor::drop_all() {
  battle_->seats().for_each([&](u32 slot) {
    dropped_at_[slot] = std::max<Tick>(1, battle_->tick());
    if (battle_->seats().at<&Seat::connected>(slot) != 0)
      add({InputKind::drop, PlayerSlot{slot}, {}, {}}, {});
  });
}

void BattleActor::set_pace(u32 percent) {
  if (pace_asked_ || percent == battle_->pace_percent()) return;
  Input input;
  input.kind = InputKind::pace;
  input.pace_percent = percent;
  pace_asked_ = add(input, {});
}

void BattleActor::announce_all() {
  if (battle_->pace_percent() != world::kNormalPacePercent)
    notices_.push_back({{}, PaceChange{battle_->pace_percent()}});
  const SeatTable& seats = battle_->seats();
  seats.for_each([&](u32 slot) {
    const std::array<u64, 3> words{seats.at<&Seat::name_0>(slot), seats.at<&Seat::name_1>(slot),
                                   seats.at<&Seat::name_2>(slot)};
    RosterChange who{PlayerSlot{slot}, battle_->rules().entity_of(PlayerSlot{slot}), {}};
    std::memcpy(who.name.data(), words.data(), who.name.size());
    notices_.push_back({{}, who});
  });
}

void BattleActor::take_over(const BattleActor& other, bool keep_joins) {
  session_of_ = other.session_of_;
  dropped_at_ = other.dropped_at_;
  processed_ = other.processed_;
  held_.assign(other.held_.begin(), other.held_.end());
  for (std::size_t i = 0; i < other.candidates_.size(); ++i) {
    const Input& input = other.candidates_[i];
    const SessionId session = other.candidate_sessions_[i];
    const bool suspect = input.kind == InputKind::command || input.kind == InputKind::tell ||
                         (input.kind == InputKind::join && !keep_joins);
    if (suspect)
      on_refused({input, world::kRefusedFailed}, session);
    else
      add(input, session);
  }
}

TickOutcome BattleActor::step() {
  release_held();
  const TickOutcome outcome = battle_->step(candidates_);
  for (std::size_t i = 0; i < outcome.accepted.size(); ++i) {
    on_accepted(outcome.accepted[i], candidate_sessions_[outcome.accepted_candidates[i]]);
  }
  for (const RefusedInput& refused : outcome.refused) {
    on_refused(refused, candidate_sessions_[refused.candidate]);
  }
  candidates_.clear();
  candidate_sessions_.clear();
  tells_ = 0;
  pace_asked_ = false;
  if (outcome.tick % kExpiryPeriodTicks == 0) expire_seats();
  if (outcome.tick % options_.scoreboard_period_ticks == 0) add_scoreboard();
  return outcome;
}

void BattleActor::grant(SessionId session, PlayerSlot player, bool resumed) {
  notices_.push_back({session, SeatGranted{player, battle_->rules().entity_of(player),
                                           battle_->seats().generations()[player.value], resumed}});
}

void BattleActor::on_accepted(const Input& input, SessionId session) {
  const u32 slot = input.player.value;
  switch (input.kind) {
    case InputKind::command:
      counters_->commands_accepted.add();
      processed_[slot] = std::max(processed_[slot], input.command.sequence);
      break;
    case InputKind::join:
      counters_->joins.add();
      session_of_[slot] = session;
      processed_[slot] = 0;
      dropped_at_[slot] = 0;
      grant(session, input.player, false);
      notices_.push_back(
          {{}, RosterChange{input.player, battle_->rules().entity_of(input.player), input.profile.name}});
      break;
    case InputKind::drop:
      counters_->drops.add();
      break;
    case InputKind::reconnect:
      counters_->reconnects.add();
      grant(session, input.player, true);
      break;
    case InputKind::tell:
      counters_->tells_accepted.add();
      tell_outcomes_.push_back({session.value, world::kAccepted});
      break;
    case InputKind::pace:
      notices_.push_back({{}, PaceChange{input.pace_percent}});
      break;
    case InputKind::leave:
      counters_->leaves.add();
      dropped_at_[slot] = 0;
      notices_.push_back({{}, RosterChange{input.player, {}, {}}});
      break;
  }
}

void BattleActor::on_refused(const RefusedInput& refused, SessionId session) {
  const Input& input = refused.input;
  switch (input.kind) {
    case InputKind::command: {
      if (refused.refusal == world::kRefusedOldSequence) {
        counters_->commands_repeated.add();
        break;
      }
      counters_->commands_refused.add();
      // A refused command is not state, so only this keeps its repeats quiet.
      u32& processed = processed_[input.player.value];
      processed = std::max(processed, input.command.sequence);
      if (notices_.size() < notices_.capacity() / 2) {
        notices_.push_back({session, CommandRefused{refused.refusal, input.command.sequence}});
      }
      break;
    }
    case InputKind::join:
      notices_.push_back({session, SeatRefused{refused.refusal}});
      break;
    case InputKind::reconnect:
      session_of_[input.player.value] = {};
      notices_.push_back({session, SeatRefused{refused.refusal}});
      break;
    case InputKind::tell:
      counters_->tells_refused.add();
      tell_outcomes_.push_back({session.value, refused.refusal});
      break;
    case InputKind::drop:
    case InputKind::leave:
    case InputKind::pace:
      break;
  }
}

void BattleActor::expire_seats() {
  const SeatTable& seats = battle_->seats();
  seats.for_each([&](u32 slot) {
    if (dropped_at_[slot] == 0 || session_of_[slot] != SessionId{}) return;
    if (battle_->tick() - dropped_at_[slot] < options_.reconnect_grace_ticks) return;
    add({InputKind::leave, PlayerSlot{slot}, {}, {}}, {});
  });
}

void BattleActor::add_scoreboard() {
  ScoreboardNotice board;
  battle_->seats().for_each([&](u32 slot) {
    const ScoreboardNotice::Entry entry{PlayerSlot{slot}, battle_->rules().score_of(PlayerSlot{slot})};
    u32 place = board.count;
    while (place > 0 && board.entries[place - 1].score < entry.score) --place;
    if (place == kScoreboardEntries) return;
    if (board.count < kScoreboardEntries) ++board.count;
    std::move_backward(board.entries.begin() + place, board.entries.begin() + board.count - 1,
                       board.entries.begin() + board.count);
    board.entries[place] = entry;
  });
  notices_.push_back({{}, board});
}

}  // namespace drumline::battle

// TickPipeline: what other threads ask of battles, taken in between two ticks, and the
// answers, given when what they speak of is durable.
#include <algorithm>

#include "battle/journal_records.hpp"
#include "server/tick_pipeline.hpp"

namespace drumline::server {
namespace {

/// Requests that one tick takes in: a flood of them delays itself and no tick.
constexpr std::size_t kRequestsPerTick = 128;
/// Messages that wait for a tick with room for them.
constexpr std::size_t kLaterTells = 1024;

Error not_here(BattleId battle) {
  return {ErrorCode::not_found, "battle " + std::to_string(battle.value) + " does not run here now"};
}

Error failing(BattleId battle) {
  return {ErrorCode::unavailable, "the message had no effect, as the rules of battle " +
                                      std::to_string(battle.value) +
                                      " failed in its tick; tell it again if it is not the cause"};
}

}  // namespace

void TickPipeline::receive_requests() {
  if (!later_tells_.empty()) receive_later_tells();
  if (mailbox_.empty()) return;
  for (ShardRequest& request : mailbox_.take(kRequestsPerTick)) {
    std::visit([this](auto& which) { receive(which); }, request);
  }
}

void TickPipeline::receive(InstallBattle& install) {
  const TimeNs begun = clock_.now();
  const battle::Battle& battle = install.battle->battle();
  const battle::BattleInfo& info = battle.info();
  RunningBattle* const failed = find(info.id);
  if (install.replaces) {
    // It may have been disposed of meanwhile.
    if (failed == nullptr || !failed->failed) return;
    append({journal::RecordKind::note, info.id, info.epoch, battle.tick()},
           battle::encode_text("started again at tick " + std::to_string(battle.tick())));
    install.battle->actor->take_over(*failed->actor, failed->failures <= 1);
    for (const battle::Inbound& inbound : failed->waiting) install.battle->actor->receive(inbound);
    install.battle->relays = failed->relays;
    for (const PartFeed& feed : failed->parts) install.battle->send_state_to(feed.session);
    std::swap(install.battle->messages, failed->messages);
    install.battle->failures = failed->failures;
    install.battle->failed_at = failed->failed_at;
    install.battle->last_inline_snapshot = failed->last_inline_snapshot;
    by_id_[info.id] = install.battle.get();
    *std::find_if(battles_.begin(), battles_.end(), [&](const auto& each) { return each.get() == failed; }) =
        std::move(install.battle);
  } else {
    DRUM_ASSERT(failed == nullptr);
    append({journal::RecordKind::battle_created, info.id, info.epoch, battle.tick()},
           battle::encode_created({info, battle.state_hash()}));
    counters_.battles_created.add();
    events_.on_installed(install.battle->entry);
    add(std::move(install.battle));
  }
  counters_.install_ns.record(static_cast<u64>(clock_.now() - begun));
}

void TickPipeline::receive(MakeBattle&) {
  DRUM_ASSERT(false);  // battles of this process are made before they come here
}

void TickPipeline::receive(DisposeBattle& dispose) {
  RunningBattle* const battle = find(dispose.battle);
  if (battle == nullptr || battle->ended) return;
  battle->ended = true;
  battle->end_reason = std::move(dispose.why);
  battle->entry->end.store(dispose.cause, std::memory_order_relaxed);
}

void TickPipeline::receive(Tell& tell) {
  RunningBattle* const battle = find(tell.battle);
  if (battle == nullptr) {
    counters_.tells_lost.add();
    tell.outcome.set_value(not_here(tell.battle));
  } else if (!battle->failed && battle->actor->tell(tell.message, next_tell_)) {
    tells_.push_back({next_tell_++, tell.battle, std::move(tell.outcome)});
  } else if (later_tells_.size() < kLaterTells) {
    // Its turn comes with a later tick, or when the battle has been started again.
    later_tells_.push_back(std::move(tell));
  } else {
    counters_.tells_lost.add();
    tell.outcome.set_value(
        Error{ErrorCode::exhausted, "too many messages wait for their ticks; try again later"});
  }
}

/// Those that the last tick could not take, in the order in which they came.
void TickPipeline::receive_later_tells() {
  std::vector<Tell> waiting = std::exchange(later_tells_, {});
  for (Tell& tell : waiting) receive(tell);
}

/// What became of those that were told, once that is durable. A failed battle says so when
/// it is started again, or when it is gone.
void TickPipeline::answer_tells() {
  if (tells_.empty() && told_.empty()) return;
  const u64 sequence = committer_.submitted_sequence(options_.lane);
  std::erase_if(tells_, [&](PendingTell& tell) {
    const RunningBattle* const battle = find(tell.battle);
    if (battle == nullptr) {
      counters_.tells_lost.add();
      told_.push_back({sequence, std::move(tell.promise), not_here(tell.battle)});
      return true;
    }
    if (battle->failed) return false;
    for (const battle::BattleActor::TellOutcome& outcome : battle->actor->tell_outcomes()) {
      if (outcome.number != tell.number) continue;
      Result<void> result;
      if (outcome.refusal == world::kRefusedFailed) {
        result = failing(tell.battle);
      } else if (!outcome.refusal.accepted()) {
        result = Error{ErrorCode::refused, "the rules refused the message: " +
                                               battle->entry->descriptor->refusal_name(outcome.refusal)};
      }
      told_.push_back({sequence, std::move(tell.promise), std::move(result)});
      return true;
    }
    return false;
  });
  const u64 durable = committer_.durable_sequence(options_.lane);
  std::erase_if(told_, [&](Told& told) {
    if (told.journal_sequence > durable) return false;
    told.promise.set_value(std::move(told.result));
    return true;
  });
}

void TickPipeline::receive(Ask& ask) {
  asks_.push_back(std::move(ask));
}

void TickPipeline::receive(TakeSnapshot& take) {
  snapshot_requests_.push_back(std::move(take));
}

void TickPipeline::answer_requests() {
  answer_tells();
  const u64 sequence = committer_.submitted_sequence(options_.lane);
  const TimeNs now = clock_.now();
  for (Ask& ask : asks_) {
    RunningBattle* const battle = find(ask.battle);
    Answer answer{sequence, std::move(ask.answer), {}};
    if (now >= ask.deadline) {
      answer.promise.set_value(
          Error{ErrorCode::timeout, "the battle came to the question after its deadline"});
    } else if (battle == nullptr || battle->failed) {
      answer.promise.set_value(not_here(ask.battle));
    } else {
      bool known = false;
      const auto put = [&] {
        known = std::as_const(battle->battle().rules()).on_ask(ask.question, answer.bytes);
      };
      std::optional<std::string> failed;
      if (guard_ != nullptr)
        failed = guard_->run(put);
      else
        put();
      if (failed) {
        answer.promise.set_value(Error{ErrorCode::internal, "the rules failed at the question: " + *failed});
      } else if (!known || answer.bytes.size() > world::kMaxAnswerBytes) {
        answer.promise.set_value(Error{ErrorCode::invalid_argument, "the game knows no such question"});
      } else {
        answers_.push_back(std::move(answer));
      }
    }
  }
  asks_.clear();
  for (TakeSnapshot& take : snapshot_requests_) {
    RunningBattle* const battle = find(take.battle);
    if (battle == nullptr || battle->failed) {
      take.snapshot.set_value(not_here(take.battle));
      continue;
    }
    SnapshotAnswer answer{sequence, std::move(take.snapshot), {}};
    answer.snapshot.tick = battle->outcome.tick;
    answer.snapshot.state_hash = battle->outcome.state_hash;
    answer.snapshot.info = battle->info;
    battle->battle().encode_snapshot(answer.snapshot.content);
    snapshot_answers_.push_back(std::move(answer));
  }
  snapshot_requests_.clear();
  if (answers_.empty() && snapshot_answers_.empty()) return;
  // Nobody hears of what a crash could undo.
  const u64 durable = committer_.durable_sequence(options_.lane);
  std::erase_if(answers_, [&](Answer& answer) {
    if (answer.journal_sequence > durable) return false;
    answer.promise.set_value(std::move(answer.bytes));
    return true;
  });
  std::erase_if(snapshot_answers_, [&](SnapshotAnswer& answer) {
    if (answer.journal_sequence > durable) return false;
    answer.promise.set_value(std::move(answer.snapshot));
    return true;
  });
}

}  // namespace drumline::server

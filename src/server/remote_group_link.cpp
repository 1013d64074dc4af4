// RemoteGroup: what its process says, which may be anything, and what it is told.
#include <algorithm>
#include <cstring>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "server/frame_packer.hpp"
#include "server/remote_group.hpp"
#include "wire/messages.hpp"

namespace drumline::server {
namespace {

/// A larger frame of many battles is not taken.
constexpr u32 kMaxFrameBytes = 16 << 20;
/// A battle's next frame is at most so many ticks on.
constexpr Tick kMaxTickJump = 4096;
constexpr std::size_t kMaxBattles = 20'000;
constexpr std::size_t kMaxNotes = 1000;
constexpr std::size_t kRequestsInARow = 128;
constexpr std::size_t kInputsInARow = 4096;
constexpr std::size_t kInputsReported = 64;
/// Of a tick's payload in a frame: what a message to a client may carry, with its length.
constexpr u32 kMaxTickPayloadBytes = static_cast<u32>(wire::kMaxTicksBytes) - 16;

Error must_not(const std::string& what) {
  return {ErrorCode::malformed, what};
}

Error told(u8 code, std::string why) {
  const bool known = code <= static_cast<u8>(ErrorCode::internal);
  return {known ? static_cast<ErrorCode>(code) : ErrorCode::internal, std::move(why)};
}

}  // namespace

void RemoteGroup::send(Life& life, const link::ToGroup& message) {
  link::encode(message, scratch_);
  life.channel.send(static_cast<u16>(link::kind_of(message)), scratch_);
}

// ---- what the process says

Result<void> RemoteGroup::on_message(Life& life, u16 kind, Bytes payload) {
  life.heard_at = clock_.now();
  if (kind == static_cast<u16>(link::Kind::frames)) {
    return life.begun ? on_frames(payload) : must_not("frames before it was told to begin");
  }
  auto message = link::decode_from_group(kind, payload);
  if (!message) return std::move(message).error();
  return std::visit([&](auto& which) { return on(life, which); }, *message);
}

Result<void> RemoteGroup::on(Life& life, link::Resumed& resumed) {
  if (life.ready || life.report.recovered.size() == kMaxBattles) return must_not("too much of recovery");
  recovery::BattleReport report;
  report.id = resumed.battle;
  report.game = std::move(resumed.game);
  report.epoch = Epoch{resumed.epoch};
  report.resumed_tick = resumed.tick;
  report.state_hash = resumed.state_hash;
  report.equal = resumed.equal;
  report.snapshot_tick = resumed.snapshot_tick;
  report.ticks_replayed = resumed.ticks_replayed;
  report.milliseconds = resumed.milliseconds;
  if (was_opened_) {
    log_warning("battle {} resumed at tick {}, state hash {} {} the journal's; {} ticks replayed",
                report.id.value, report.resumed_tick, to_hex(report.state_hash),
                report.equal ? "equal to" : "DIFFERS from", report.ticks_replayed);
  }
  life.report.recovered.push_back(std::move(report));
  return {};
}

Result<void> RemoteGroup::on(Life& life, link::Note& note) {
  if (life.ready || life.report.warnings.size() == kMaxNotes) return must_not("too much of recovery");
  life.report.warnings.push_back(std::move(note.text));
  return {};
}

Result<void> RemoteGroup::on(Life& life, link::Installed& installed) {
  const BattleId id = installed.descriptor.id;
  auto entry = std::make_shared<battle::BattleEntry>();
  entry->descriptor = std::make_shared<const battle::BattleDescriptor>(std::move(installed.descriptor));
  entry->shard = options_.group;
  entry->seated.store(installed.seated);
  entry->tick.store(installed.tick);
  if (!life.ready) {
    if (life.found.size() == kMaxBattles || !life.found.emplace(id, installed.tick).second)
      return must_not("a battle too many");
    life.entries.push_back(std::move(entry));
    return {};
  }
  if (coming_.erase(id) == 0) return must_not("battle " + std::to_string(id.value) + ", which nobody wanted");
  battles_[id] = {entry, 0};
  control_.load()->on_installed(entry);
  return {};
}

Result<void> RemoteGroup::on(Life& life, link::Ready& ready) {
  if (life.ready || ready.protocol != link::kProtocolVersion) return must_not("ready for another protocol");
  if (ready.frame_bytes_most < FramePacker::kPackBytes || ready.frame_bytes_most > kMaxFrameBytes)
    return must_not("frames of up to " + std::to_string(ready.frame_bytes_most) + " bytes");
  life.ready = true;
  life.report.recovery_ms = ready.recovery_ms;
  if (was_opened_) {
    if (ready.frame_bytes_most > frames_->max_frame_bytes())
      return must_not("its battles need larger frames than before");
    return {};
  }
  BroadcastRing::Options ring;
  ring.consumers = options_.gateways;
  ring.max_frame_bytes = ready.frame_bytes_most;
  frames_ = std::make_unique<BroadcastRing>(ring);
  was_opened_ = true;
  opened_.set_value(Opened{life.report, life.entries, ready.highest});
  return {};
}

Result<void> RemoteGroup::on(Life&, link::Over& over) {
  lose(over.battle, "it is over");
  return {};
}

Result<void> RemoteGroup::on(Life&, link::NotMade& not_made) {
  if (coming_.erase(not_made.battle) == 0) return {};
  log_error("battle {} cannot be made by battle group {}: {}", not_made.battle.value, options_.group,
            not_made.why);
  control_.load()->on_gone(not_made.battle, std::move(not_made.why));
  return {};
}

Result<void> RemoteGroup::on(Life&, link::Answer& answer) {
  if (const auto tell = tells_.find(answer.request); tell != tells_.end()) {
    tell->second.promise.set_value(answer.error.empty()
                                       ? Result<void>()
                                       : Result<void>(told(answer.error_code, std::move(answer.error))));
    tells_.erase(tell);
    return {};
  }
  const auto found = asks_.find(answer.request);
  if (found == asks_.end()) return {};  // it was answered by its deadline
  if (answer.error.empty())
    found->second.promise.set_value(std::move(answer.bytes));
  else
    found->second.promise.set_value(told(answer.error_code, std::move(answer.error)));
  asks_.erase(found);
  return {};
}

Result<void> RemoteGroup::on(Life&, link::Snapshot& snapshot) {
  const auto found = snapshots_.find(snapshot.request);
  if (found == snapshots_.end()) return {};
  if (snapshot.error.empty()) {
    found->second.promise.set_value(BattleSnapshot{snapshot.tick, snapshot.state_hash,
                                                   std::move(snapshot.info), std::move(snapshot.content)});
  } else {
    found->second.promise.set_value(told(snapshot.error_code, std::move(snapshot.error)));
  }
  snapshots_.erase(found);
  return {};
}

Result<void> RemoteGroup::on(Life&, link::Status& status) {
  apply_status(status, mirror_);
  for (const link::Status::OfBattle& of : status.battles) {
    const auto known = battles_.find(of.battle);
    if (known != battles_.end()) apply_counters(of.counters, *known->second.entry->counters);
  }
  if (status.journal_state > static_cast<u8>(journal::WriterState::failed))
    return must_not("a journal state");
  const std::lock_guard lock(journal_mutex_);
  journal_state_ = static_cast<journal::WriterState>(status.journal_state);
  journal_reason_ = std::move(status.journal_reason);
  return {};
}

Result<void> RemoteGroup::on(Life& life, link::Failed& failed) {
  life.told = told(failed.error_code, std::move(failed.error));
  return {};
}

/// Frames go into the ring as they came; gateways parse them once more, as they do all frames.
Result<void> RemoteGroup::on_frames(Bytes payload) {
  FrameEnvelope envelope;
  if (payload.size() <= sizeof envelope.published_at ||
      payload.size() - sizeof envelope.published_at + sizeof envelope > frames_->max_frame_bytes()) {
    return must_not("frames of " + std::to_string(payload.size()) + " bytes");
  }
  const TimeNs now = clock_.now();
  std::memcpy(&envelope.published_at, payload.data(), sizeof envelope.published_at);
  envelope.published_at = std::clamp(envelope.published_at, now - kSecondNs, now);
  const Bytes frames = payload.subspan(sizeof envelope.published_at);
  const MutableBytes room = frames_->begin(sizeof envelope + frames.size());
  std::memcpy(room.data(), &envelope, sizeof envelope);
  std::memcpy(room.data() + sizeof envelope, frames.data(), frames.size());

  std::vector<BattleId> ended;
  Result<void> checked;
  const bool whole = for_each_packed(room.subspan(sizeof envelope), [&](Bytes frame) {
    if (checked) checked = check_frame(frame, ended);
  });
  if (!whole) return must_not("frames that do not follow each other");
  if (!checked) return checked;
  frames_->publish(sizeof envelope + frames.size());
  for (const BattleId id : ended) {
    battles_.erase(id);
    control_.load()->on_gone(id, "it is over");
  }
  if (options_.on_frames) options_.on_frames();
  return {};
}

/// What a gateway would believe: whose frame it is, and its tick.
Result<void> RemoteGroup::check_frame(Bytes frame, std::vector<BattleId>& ended) {
  broadcast::BattleFrameHeader head;
  if (frame.size() < sizeof head) return must_not("a frame shorter than its header");
  std::memcpy(&head, frame.data(), sizeof head);
  const BattleId id{head.battle};
  const auto found = battles_.find(id);
  if (found == battles_.end()) {
    if (coming_.contains(id)) return {};  // nobody is in it before it is announced
    return must_not("a frame of battle " + std::to_string(id.value) + ", which it does not run");
  }
  Known& known = found->second;
  if (head.tick <= known.tick || head.tick - known.tick > kMaxTickJump) {
    return must_not("a frame of tick " + std::to_string(head.tick) + " after tick " +
                    std::to_string(known.tick));
  }
  if (head.tick_bytes > kMaxTickPayloadBytes) return must_not("a tick's payload too large for clients");
  known.tick = head.tick;
  const u32 seated = std::min(head.players, known.entry->descriptor->max_players);
  known.entry->tick.store(head.tick, std::memory_order_relaxed);
  known.entry->seated.store(seated, std::memory_order_relaxed);
  if ((head.flags & broadcast::BattleFrameHeader::kEnded) != 0) {
    const u32 cause = (u32{head.flags} >> broadcast::BattleFrameHeader::kEndCauseShift) &
                      broadcast::BattleFrameHeader::kEndCauseMask;
    if (cause > static_cast<u32>(wire::EndCause::failed)) return must_not("an end for no known cause");
    known.entry->end.store(static_cast<wire::EndCause>(cause), std::memory_order_relaxed);
    known.entry->open.store(false, std::memory_order_relaxed);
    ended.push_back(id);
  }
  return {};
}

// ---- what it is told

void RemoteGroup::send_inputs(Life& life) {
  for (const auto& ring : inbound_) {
    if (!life.channel.has_room()) return;  // they wait where gateways see that it is full
    scratch_.clear();
    ring->consume(kInputsInARow, [&](const battle::Inbound& inbound) {
      link::append_inbound(inbound, scratch_);
      if (inputs_.size() == kInputsReported) inputs_.pop_front();
      inputs_.push_back(inbound);
    });
    if (!scratch_.empty()) life.channel.send(static_cast<u16>(link::Kind::inputs), scratch_);
  }
}

void RemoteGroup::send_requests(Life& life) {
  if (mailbox_.empty() || !life.channel.has_room()) return;
  for (ShardRequest& each : mailbox_.take(kRequestsInARow)) {
    std::visit([&](auto& which) { request(life, which); }, each);
  }
}

void RemoteGroup::request(Life&, InstallBattle&) {
  DRUM_ASSERT(false);  // the node makes no battle for another process
}
void RemoteGroup::request(Life& life, MakeBattle& make) {
  coming_.insert(make.battle);
  send(life, link::Make{make.battle});
}
void RemoteGroup::request(Life& life, DisposeBattle& dispose) {
  send(life, link::Dispose{dispose.battle, std::move(dispose.why)});
}
void RemoteGroup::request(Life& life, Tell& tell) {
  const u64 number = ++requests_;
  send(life, link::Tell{number, tell.battle, std::move(tell.message)});
  tells_.emplace(number, PendingTell{std::move(tell.outcome), INT64_MAX});
}
void RemoteGroup::request(Life& life, Ask& ask) {
  const u64 number = ++requests_;
  if (ask.question.size() > link::kMaxConfigurationBytes) {
    ask.answer.set_value(Error{ErrorCode::invalid_argument, "the question is too long"});
    return;
  }
  send(life, link::Ask{number, ask.battle, ask.deadline - clock_.now(), std::move(ask.question)});
  asks_.emplace(number, PendingAsk{std::move(ask.answer), ask.deadline});
}
void RemoteGroup::request(Life& life, TakeSnapshot& take) {
  const u64 number = ++requests_;
  send(life, link::TakeSnapshot{number, take.battle, take.deadline - clock_.now()});
  snapshots_.emplace(number, PendingSnapshot{std::move(take.snapshot), take.deadline});
}

namespace {

/// Those past their deadline, or all of them, get `why`.
template <class Requests>
void end_requests(Requests& requests, TimeNs past, const Error& why) {
  for (auto each = requests.begin(); each != requests.end();) {
    if (each->second.deadline > past) {
      ++each;
      continue;
    }
    each->second.promise.set_value(Error(why));
    each = requests.erase(each);
  }
}

}  // namespace

void RemoteGroup::expire_requests() {
  if (asks_.empty() && snapshots_.empty()) return;
  const Error late{ErrorCode::timeout, "the battle did not answer before the deadline"};
  // The group's own answer to a deadline is the better one, if it comes.
  const TimeNs past = clock_.now() - kSecondNs / 4;
  end_requests(asks_, past, late);
  end_requests(snapshots_, past, late);
}

void RemoteGroup::fail_requests(const Error& why) {
  end_requests(tells_, INT64_MAX, why);
  end_requests(asks_, INT64_MAX, why);
  end_requests(snapshots_, INT64_MAX, why);
}

/// Nobody is there to take them any more.
void RemoteGroup::refuse_requests() {
  const Error gone{ErrorCode::unavailable, "the battle group is given up"};
  for (ShardRequest& each : mailbox_.take(kRequestsInARow)) {
    if (auto* const tell = std::get_if<Tell>(&each)) tell->outcome.set_value(Error(gone));
    if (auto* const ask = std::get_if<Ask>(&each)) ask->answer.set_value(Error(gone));
    if (auto* const take = std::get_if<TakeSnapshot>(&each)) take->snapshot.set_value(Error(gone));
    if (auto* const make = std::get_if<MakeBattle>(&each))
      control_.load()->on_gone(make->battle, gone.message);
  }
}

}  // namespace drumline::server

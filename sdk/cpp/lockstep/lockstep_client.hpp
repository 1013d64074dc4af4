// A client's side of lockstep: runs the battle that the server relays, shows it ahead of
// the server's word, times the player's commands and notices when its state is another.
// For a client that has the game's rules linked in. Sans-I/O: what was heard comes by
// calls with the time, what is to be said is asked for.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "battle/journal_records.hpp"
#include "lockstep/input_delay.hpp"
#include "lockstep/lockstep_frame.hpp"
#include "lockstep/rollback.hpp"
#include "lockstep/state_transfer.hpp"
#include "lockstep/tick_buffer.hpp"
#include "lockstep/tick_clock.hpp"
#include "wire/command.hpp"
#include "wire/messages.hpp"

namespace drumline::lockstep {

struct LockstepOptions {
  /// The player sees his commands at once, as long as what is shown is no more than so
  /// many ticks ahead of the server's word: 0 .. Rollback::kMaxTicks. What the input
  /// delay takes beyond that is felt. More is prompter for the distant; less is calmer,
  /// as fewer guesses are taken back. A spectator wants 0.
  u32 max_rollback_ticks = 8;
  InputDelayOptions input_delay{};
};

class LockstepListener : public RollbackListener {
 public:
  /// The battle runs from the state after `tick` on; again after each mismatch, and
  /// whenever the server sends the state anew. Earlier references into it are gone.
  virtual void on_started(Tick /*tick*/) {}
  /// It runs no longer, until on_started(); see LockstepClient::take_messages().
  virtual void on_mismatch(const HashMismatch&) {}
};

/// One thread. Game and listener outlive it. Beside a client::Client:
///
///     in the ClientListener's calls: begin(welcome), on_frame(), on_snapshot_part() …
///     each frame that is drawn: advance(now), draw *predicted(), client.set_sync(sync()),
///       client.confirm(confirmed_sequence()), client.tell() what take_messages() gives;
///     the player acts: command.sequence = client.next_sequence(),
///       client.send(issue(command, now)).
///
/// An error of a call says that the server's bytes are of no use: end the session.
class LockstepClient {
 public:
  static constexpr TimeNs kNever = INT64_MAX;

  LockstepClient(const world::Game& game, const LockstepOptions& options, LockstepListener& listener);

  /// A session begins. Nothing runs until the battle's state is whole.
  void begin(const wire::Welcome& welcome);

  Result<void> on_snapshot_part(const wire::SnapshotPart& part);
  /// A datagram whose first byte is wire::kLockstepFrameKind.
  Result<void> on_frame(Bytes datagram, TimeNs now);
  Result<void> on_ticks(const wire::Ticks& ticks);
  /// A Ping took so long to be answered.
  void on_round_trip(i64 sample_ns, TimeNs now) { delay_.on_round_trip(sample_ns, now); }
  void on_refused(const wire::Refused& refused);

  /// Steps the ticks that have come, and what is shown to where it should be by now.
  Result<void> advance(TimeNs now);
  /// When advance() has something to do next, unless something is heard before.
  TimeNs deadline() const;

  /// The command as it is to be sent: with the tick in which it wants to be applied. It
  /// is shown from there on. Its sequence is above all before (asserted). While nothing
  /// runs it comes back as it was.
  world::Command issue(world::Command command, TimeNs now);

  /// What was stepped last; nothing while nothing runs.
  wire::SyncAck sync() const;
  /// The ticks contain every command of one's own up to this one; 0: none, or a spectator.
  u32 confirmed_sequence() const;
  /// Moves what is to be said on the reliable channel to the end of `out`: after a
  /// mismatch a Desync and the client's own state in parts.
  void take_messages(std::vector<wire::ClientMessage>& out);

  bool running() const { return state_ == State::running; }
  /// As the server confirmed it, and as it is shown. Null before the first on_started().
  const battle::Battle* confirmed() const { return rollback_ ? &rollback_->confirmed() : nullptr; }
  const battle::Battle* predicted() const { return rollback_ ? &rollback_->predicted() : nullptr; }
  const InputDelay& input_delay() const { return delay_; }
  /// Since the last on_started(); zeros before.
  RollbackStatistics statistics() const { return rollback_ ? rollback_->statistics() : RollbackStatistics{}; }

 private:
  enum class State : u8 { waiting, running, diverged };

  Tick whole_tick(u32 low) const;
  Tick next_apply_tick(TimeNs now) const;
  Result<void> start(const StateTransfer& transfer);
  void diverge(const HashMismatch& mismatch);

  const world::Game& game_;
  LockstepOptions options_;
  LockstepListener& listener_;
  State state_ = State::waiting;
  BattleId battle_;
  PlayerSlot player_ = kNoPlayer;
  Tick newest_tick_ = 0;  ///< heard of
  Tick last_apply_tick_ = 0;

  StateAssembler assembler_;
  TickBuffer ticks_;
  TickClock clock_;
  InputDelay delay_;
  std::unique_ptr<Rollback> rollback_;
  std::vector<wire::ClientMessage> messages_;
  // Kept for their memory.
  LockstepFrame frame_;
  battle::TickRecord record_;
};

}  // namespace drumline::lockstep

// A battle that a client runs twice: once as the server confirmed it, and once ahead of
// that with what it guesses. A wrong guess is taken back and the ticks are run again
// (rollback, as in GGPO: Cannon, "Fight the Lag!", Game Developer, September 2012).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "battle/battle.hpp"

namespace drumline::lockstep {

/// The client's state after `tick` is another than the server's: from here on it plays
/// another battle.
struct HashMismatch {
  Tick tick = 0;
  u64 own_hash = 0;
  u64 server_hash = 0;
};

/// Told of ticks, from inside Rollback's calls; must not call back. What an outcome
/// views holds for the call.
class RollbackListener {
 public:
  virtual ~RollbackListener() = default;
  /// What really happened in a tick; each once, in order.
  virtual void on_confirmed(const battle::TickOutcome&) {}
  /// A tick was simulated ahead for the first time: what seems to happen, to be shown at
  /// once. Not called again when it is simulated again, nor for a tick that was
  /// confirmed before it was its turn.
  virtual void on_predicted(const battle::TickOutcome&) {}
};

struct RollbackStatistics {
  u64 confirmed_ticks = 0;
  u64 rollbacks = 0;
  u64 resimulated_ticks = 0;  ///< by rollbacks
  u32 deepest_ticks = 0;      ///< of a rollback
  u64 late_commands = 0;      ///< own ones that were not in the tick that they were meant for
};

/// What is guessed of the others is that they do nothing new: what they hold (a walk, a
/// guard) is state and goes on. One's own commands are known and applied in their tick.
///
/// The late-input rule: a command that its tick did not bring is guessed for the next
/// tick to be confirmed, which is where the server puts what comes late, and so on for
/// kLateTicks; then it counts as lost. So it does once a later one was accepted, and when
/// the rules refused it in the guess too.
///
/// Whether a guess was right is told by the state hash, so a command that changes
/// nothing costs nothing. One thread. A steady tick does not allocate.
class Rollback {
 public:
  static constexpr u32 kMaxTicks = 16;            ///< of max_ticks
  static constexpr std::size_t kMaxPending = 64;  ///< own commands that are not confirmed yet
  static constexpr u32 kLateTicks = 16;

  /// `confirmed` and `predicted` are the same battle in the same state. `own` is the
  /// player whose commands come by schedule(), kNoPlayer for a spectator. No more than
  /// `max_ticks` (asserted: at most kMaxTicks) are simulated ahead of the newest
  /// confirmed one; with 0 nothing is guessed. The listener outlives this.
  Rollback(std::unique_ptr<battle::Battle> confirmed, std::unique_ptr<battle::Battle> predicted,
           PlayerSlot own, u32 max_ticks, RollbackListener& listener);

  /// One's own command, to be applied in `tick`. Its sequence is above all before, its
  /// tick not below the last one's (asserted). When too many wait the oldest is forgotten.
  void schedule(const world::Command& command, Tick tick);
  /// The server refused it.
  void forget(u32 sequence);

  /// Steps the confirmed battle with the next tick's accepted inputs. A mismatch is of
  /// this very tick; after one there is no use in going on.
  std::optional<HashMismatch> confirm(std::span<const battle::Input> inputs, u64 server_hash);

  /// Brings the predicted battle to `tick`, or as far ahead of the confirmed one as it
  /// may go; never back. Takes back and runs again what turned out to be wrong.
  void predict_to(Tick tick);

  const battle::Battle& confirmed() const { return *confirmed_; }
  /// What to show. As old as the last predict_to().
  const battle::Battle& predicted() const { return *predicted_; }
  const RollbackStatistics& statistics() const { return statistics_; }

 private:
  struct Pending {
    world::Command command;
    Tick tick = 0;
    bool late = false;
    bool refused = false;  ///< by the rules, in the last guess
  };

  void settle(const battle::TickOutcome& outcome);
  void predict_tick();
  u64& predicted_hash(Tick tick) { return predicted_hashes_[tick % predicted_hashes_.size()]; }

  std::unique_ptr<battle::Battle> confirmed_;
  std::unique_ptr<battle::Battle> predicted_;
  PlayerSlot own_;
  u32 max_ticks_;
  RollbackListener& listener_;
  std::vector<Pending> pending_;  ///< ascending by sequence and by tick
  u32 last_sequence_ = 0;
  Tick last_tick_ = 0;
  std::vector<battle::Input> inputs_;                  ///< of the tick that is predicted
  std::array<u64, kMaxTicks + 1> predicted_hashes_{};  ///< by tick, of those ahead of the confirmed one
  bool wrong_ = false;  ///< what is predicted does not follow from what is confirmed
  Tick newest_predicted_ = 0;
  RollbackStatistics statistics_;
};

}  // namespace drumline::lockstep

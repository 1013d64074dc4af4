// A battle and those who play it: turns what gateways hand in into a tick's
// inputs, keeps which session plays which seat, and says what to tell whom.
// Nothing here is state of the battle; a recovered battle starts with none of it.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/counter.hpp"
#include "battle/battle.hpp"
#include "battle/inbound.hpp"
#include "battle/notices.hpp"

namespace drumline::battle {

/// Counted on the battle's thread, read by any.
struct ActorCounters {
  Counter commands_accepted;
  Counter commands_refused;
  Counter commands_repeated;  ///< sequences seen before: repeats against loss
  Counter commands_stray;     ///< of a session that does not have the seat
  Counter commands_held;      ///< that came before the tick for which they were meant
  Counter commands_late;      ///< that came after it, and were applied all the same
  Counter tells_accepted, tells_refused;
  Counter inputs_dropped;  ///< more than one tick may hold
  Counter joins, leaves, drops, reconnects;
};

struct ActorOptions {
  Tick reconnect_grace_ticks = 60 * 62;  ///< how long a dropped player's seat is kept
  Tick scoreboard_period_ticks = 62;
  /// A command may ask to be applied so many ticks ahead at most; it is held till then.
  u32 max_hold_ticks = 32;
  /// One that comes so much after its tick is refused; up to there it is applied at once.
  u32 max_late_ticks = 32;
  /// Where it counts; null: in some of its own. Of two actors that share them, one after the
  /// other counts.
  std::shared_ptr<ActorCounters> counters{};
};

/// A notice and who gets it; session 0 is everybody in the battle.
struct AddressedNotice {
  SessionId session;
  Notice notice;
};

/// One thread.
class BattleActor {
 public:
  BattleActor(std::unique_ptr<Battle> battle, ActorOptions options);

  /// Takes one entry of the input ring for the next tick. When the tick holds as
  /// many inputs as it may, further commands are dropped and counted.
  void receive(const Inbound& inbound);

  /// A message from outside for the next tick; `number` names it in tell_outcomes(). False
  /// when so many wait already that it would have to wait for later ones: try again after
  /// the next.
  bool tell(Bytes message, u64 number);

  struct TellOutcome {
    u64 number = 0;
    world::Refusal refusal;
  };
  /// What became of the messages of the last step, or of those that a failed battle was
  /// told: until the first one for a further tick.
  std::span<const TellOutcome> tell_outcomes() const { return tell_outcomes_; }

  /// How long ticks take from the next one on, in percent. A change is an input of that tick.
  void set_pace(u32 percent);

  /// Steps the battle with what came in, and prepares notices().
  TickOutcome step();

  /// To whom what must be told when the last step's effects are shown; gathered
  /// since they were last told.
  std::span<const AddressedNotice> notices() const { return notices_; }
  /// The first `count` were told; the others wait.
  void notices_told(std::size_t count) {
    notices_.erase(notices_.begin(), notices_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  /// Tells all who is who, and the pace: a gateway that comes late knows neither.
  void announce_all();
  /// A gateway asked for all that a newcomer needs, since the last call.
  bool take_resync_request() { return std::exchange(resync_requested_, false); }
  /// By seat: the highest sequence that the state contains or that was refused.
  std::span<const u32> processed_sequences() const { return processed_; }
  /// By seat: the session that plays it, or 0.
  std::span<const SessionId> sessions() const { return session_of_; }

  /// After recovery: no session is left, so every seat is dropped at the next tick.
  void drop_all();
  /// The sessions of another actor, whose battle failed and is ours now, play on here.
  /// Commands and tells of the tick that failed are refused, as they may be what it failed
  /// on; so are, unless `keep_joins`, those who wanted to join. Commands that are held for
  /// later ticks are held on.
  void take_over(const BattleActor& other, bool keep_joins);
  /// What the next step is going to be given; of one that failed, what it was given.
  std::span<const Input> candidates() const { return candidates_; }

  Battle& battle() { return *battle_; }
  const Battle& battle() const { return *battle_; }
  const ActorCounters& counters() const { return *counters_; }
  /// A client has just been seated or has come back, so that it should hear soon.
  bool has_news() const { return !notices_.empty(); }

 private:
  struct Held {
    Tick apply_tick;
    Input input;
    SessionId session;
  };

  bool add(const Input& input, SessionId session);
  void receive_command(const Inbound& inbound);
  void release_held();
  void receive_resume(const Inbound& inbound);
  bool plays(const Inbound& inbound) const;
  void on_accepted(const Input& input, SessionId session);
  void on_refused(const RefusedInput& refused, SessionId session);
  void grant(SessionId session, PlayerSlot player, bool resumed);
  void expire_seats();
  void add_scoreboard();

  std::unique_ptr<Battle> battle_;
  ActorOptions options_;
  std::shared_ptr<ActorCounters> counters_;
  std::vector<Input> candidates_;
  std::vector<SessionId> candidate_sessions_;  ///< of a tell its number
  std::vector<Held> held_;                     ///< bounded by the inputs of a tick
  std::vector<std::byte> told_;                ///< the messages of this tick's tells
  std::size_t tells_ = 0;
  std::vector<TellOutcome> tell_outcomes_;
  std::vector<SessionId> session_of_;
  std::vector<u32> processed_;
  std::vector<Tick> dropped_at_;  ///< by seat; 0 not dropped
  std::vector<AddressedNotice> notices_;
  bool resync_requested_ = false;
  bool pace_asked_ = false;  ///< a change is among the candidates
};

}  // namespace drumline::battle

// One battle and its one step. Live play, recovery, replay and verify all run
// this: what it makes of a state and a tick's inputs depends on nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fixed_vector.hpp"
#include "battle/input.hpp"
#include "battle/seats.hpp"
#include "world/rules.hpp"
#include "world/sync_model.hpp"

namespace drumline::battle {

/// What a battle is made of; journaled when it is created.
struct BattleInfo {
  BattleId id;
  Epoch epoch;
  std::string game;
  std::string rules_document;  ///< as the game's create() takes it
  u64 seed = 1;
  u32 max_players = 64;           ///< 1 .. kMaxBattlePlayers
  u32 max_commands_per_tick = 8;  ///< of one player
  std::string build;              ///< of the program that created it
  world::SyncSettings sync;       ///< how clients are kept in step; no part of the state

  u64 rules_hash() const;
};
inline constexpr u32 kMaxBattlePlayers = 16'384;

/// What one tick takes at most.
struct TickLimits {
  std::size_t inputs = 0;
  u32 commands_per_player = 0;
};

struct RefusedInput {
  Input input;
  world::Refusal refusal;
  u32 candidate = 0;  ///< its index in what step() was given
};

/// What a step did. The spans are the battle's own and hold until its next step.
struct TickOutcome {
  Tick tick = 0;
  u64 state_hash = 0;                        ///< after the tick
  std::span<const Input> accepted;           ///< in the order applied: what is journaled
  std::span<const u32> accepted_candidates;  ///< for each accepted one, its index in what step() was given
  std::span<const RefusedInput> refused;
  std::span<const world::Event> events;
  u32 duplicates = 0;  ///< commands dropped because their sequence was seen before
  u32 overflow = 0;    ///< inputs beyond limits().inputs, dropped unseen
};

/// Looks on while a step runs, for tools that ask which input or what part of a tick
/// changed something. It reads the battle and changes nothing.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// An input was applied; `index` is its place in TickOutcome::accepted.
  virtual void on_input(const Input& input, std::size_t index) = 0;
  /// The rules have stepped: the state is that of the tick's end.
  virtual void on_step() = 0;
};

/// One thread at a time. A steady tick does not allocate.
class Battle {
 public:
  /// A new battle at tick 0. An error names what in `info` or the rules document is wrong.
  static Result<std::unique_ptr<Battle>> create(const world::Game& game, BattleInfo info);
  /// The battle as a snapshot (world::encode_snapshot's bytes) holds it; checks its state hash.
  static Result<std::unique_ptr<Battle>> restore(const world::Game& game, BattleInfo info, Bytes snapshot);

  const BattleInfo& info() const { return info_; }
  /// A new term of office begins; never a lower one.
  void set_epoch(Epoch epoch);

  /// Advances by one tick. `candidates` in order of arrival; the order in which they
  /// are applied is: all but commands first, as they arrived;
  /// then commands by (player slot, sequence). So a tick's accepted inputs, given
  /// again, are accepted again in the same order.
  ///
  /// join: `player` is kNoPlayer for any seat, or must be find_free_seat(); the
  /// accepted copy names the seat. drop and reconnect: the seat must be connected,
  /// or not; to take over a connected one, drop it first. command: the seat must be
  /// connected, the sequence above all seen from it (else it is counted as a
  /// duplicate), no more than info().max_commands_per_tick, and the entity the
  /// player's own, or 0 for that; then the rules decide. tell: no more than
  /// kMaxTellsPerTick; its message must outlive the outcome.
  /// `observer`, if any, is told of each input applied and of the end.
  TickOutcome step(std::span<const Input> candidates, StepObserver* observer = nullptr);

  /// Takes over the whole state of another battle made from the same info, and what it
  /// has seen of commands, so that both go on alike. Never allocates; for clients that
  /// take predicted ticks back.
  void copy_from(const Battle& other);

  Tick tick() const { return world().tick(); }
  /// How long ticks take since the last pace input: world::kNormalPacePercent before any.
  u32 pace_percent() const { return pace_percent_; }
  /// Of the state as it stands.
  u64 state_hash() const { return state_hash_; }
  const TickLimits& limits() const { return limits_; }

  world::Rules& rules() { return *rules_; }
  const world::Rules& rules() const { return *rules_; }
  const world::World& world() const { return std::as_const(*rules_).world(); }

  const SeatTable& seats() const { return *seats_; }
  /// The seat that the next join gets, or kNoPlayer when all are taken.
  PlayerSlot find_free_seat() const;
  std::optional<SeatView> seat(PlayerSlot player) const;
  /// The seat of an account that is not 0, or kNoPlayer.
  PlayerSlot seat_of(u64 account) const;
  u32 seated_count() const { return seats_->live_count(); }
  u32 connected_count() const;
  /// Calls visit(PlayerSlot) for every seat taken, ascending.
  template <class Visit>
  void for_each_seat(Visit visit) const {
    seats_->for_each([&](u32 slot) { visit(PlayerSlot{slot}); });
  }

  /// Replaces `out` by a snapshot of the state as it stands.
  void encode_snapshot(std::vector<std::byte>& out) const;

 private:
  struct Ordered {
    u64 key;
    u32 index;
  };

  Battle(BattleInfo info, std::unique_ptr<world::Rules> rules);
  static Result<std::unique_ptr<Battle>> make(const world::Game& game, BattleInfo info);
  void order(std::span<const Input> candidates);
  world::Refusal admit(Input& input, bool& duplicate);
  world::Refusal admit_join(Input& input);
  world::Refusal admit_tell(Input& input);
  world::Refusal admit_pace(Input& input);
  world::Refusal admit_command(Input& input, bool& duplicate);

  BattleInfo info_;
  std::unique_ptr<world::Rules> rules_;
  SeatTable* seats_ = nullptr;  ///< in the rules' world
  u64 state_hash_ = 0;
  TickLimits limits_;
  std::vector<u32>
      seen_;  ///< by seat: highest sequence seen, applied or not; not state, as it decides only what is tried
  std::vector<u32> counts_;  ///< by seat: commands in this tick
  std::size_t tells_ = 0;    ///< accepted in this tick
  u32 pace_percent_ = world::kNormalPacePercent;
  FixedVector<Ordered> order_;
  FixedVector<Input> accepted_;
  FixedVector<u32> accepted_candidates_;
  FixedVector<RefusedInput> refused_;
  world::EventList events_;
};

}  // namespace drumline::battle

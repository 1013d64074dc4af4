// One's own entity ahead of the server's word: moved at once by one's own commands, and
// brought back in line with each authoritative state by applying again what that state
// does not contain yet (Bernier, "Latency Compensating Methods in Client/Server In-game
// Protocol Design and Optimization", GDC 2001). Sans-I/O.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include "base/assert.hpp"
#include "prediction/correction.hpp"
#include "world/rules.hpp"

namespace drumline::prediction {

/// What a game supplies: how one entity moves, by the code that its rules use.
/// - State: all that the entity's movement follows from; copied often.
/// - Sighting: what a state frame says of it.
template <class M>
concept MovementModel = std::copyable<typename M::State> && std::default_initializable<typename M::State> &&
    requires(const M& model, typename M::State& state, const typename M::State& is,
             const typename M::Sighting& seen, const world::Command& command, Tick tick) {
  /// As the rules do in `tick`, before its step; nothing if they would refuse it.
  model.apply(state, command, tick);
  /// One tick of movement.
  model.step(state, tick);
  /// Changes the state of `tick` by the least that makes it agree with what was
  /// seen. A sighting is rounded, so a state that rounds to it stays as it is.
  model.reconcile(state, seen, tick);
  { model.place_of(is) } -> std::same_as<world::Vector>;
};

/// Commands carry the tick in which they are to be applied (Command::apply_tick), which
/// is why an undisturbed prediction is exact. One that comes late is applied by the
/// server in its next tick, and so it is here: in the first tick after the newest
/// authoritative one, for kLateTicks; then it counts as lost.
template <MovementModel Model>
class Predictor {
 public:
  using State = typename Model::State;
  using Sighting = typename Model::Sighting;

  static constexpr std::size_t kMaxPending = 64;  ///< own commands that are not acknowledged
  static constexpr u32 kMaxTicks = 64;            ///< ahead of the newest authoritative state
  static constexpr u32 kLateTicks = 16;
  static constexpr u32 kMaxGapTicks = 256;  ///< between two states; past it the prediction starts anew

  /// The model outlives this.
  explicit Predictor(const Model& model, const CorrectionOptions& correction = {})
      : model_(model), correction_(correction) {
    pending_.reserve(kMaxPending);
  }

  /// There is none before the first authoritative state.
  bool running() const { return running_; }
  Tick tick() const { return predicted_tick_; }
  Tick confirmed_tick() const { return confirmed_tick_; }
  const State& state() const { return predicted_; }
  world::Vector place() const { return model_.place_of(predicted_); }
  /// Where it will be a tick later, by the commands issued so far: what is drawn between
  /// two ticks lies between both, so a command shows before its tick has come.
  world::Vector next_place() const {
    State next = predicted_;
    move(next, predicted_tick_ + 1);
    return model_.place_of(next);
  }
  /// What to show.
  world::Vector shown(TimeNs now) const { return place() + correction_.offset(now); }
  const Correction& correction() const { return correction_; }
  std::size_t pending() const { return pending_.size(); }

  /// The tick for the next command: `wanted`, or the first later one that a command may
  /// be issued for.
  Tick apply_tick(Tick wanted) const { return std::max({wanted, predicted_tick_ + 1, last_issued_tick_}); }
  /// One's own command, to be applied in `tick`, which is one that apply_tick() allows and
  /// the command carries. Sequences rise (both asserted). When too many wait the oldest is
  /// forgotten.
  void issue(const world::Command& command, Tick tick) {
    DRUM_ASSERT(tick == apply_tick(tick) && command.apply_tick == static_cast<u32>(tick));
    DRUM_ASSERT(pending_.empty() || command.sequence > pending_.back().command.sequence);
    last_issued_tick_ = tick;
    if (pending_.size() == kMaxPending) pending_.erase(pending_.begin());
    pending_.push_back({command, tick});
  }
  /// The server refused it: it is not applied again with the next state.
  void forget(u32 sequence) {
    std::erase_if(pending_, [&](const Pending& p) { return p.command.sequence == sequence; });
  }

  /// Brings the prediction to `tick`, or as far as it may go; never back.
  void predict_to(Tick tick) {
    if (!running_) return;
    tick = std::min<Tick>(tick, confirmed_tick_ + kMaxTicks);
    while (predicted_tick_ < tick) move(predicted_, ++predicted_tick_);
  }

  /// An authoritative state of `tick`, which contains the own commands up to
  /// `last_sequence`. One that is older than the newest is passed over.
  void on_state(Tick tick, u32 last_sequence, const Sighting& seen, TimeNs now) {
    if (running_ && tick <= confirmed_tick_) return;
    if (!running_ || tick - confirmed_tick_ > kMaxGapTicks) {
      start(tick, last_sequence, seen);
      return;
    }
    predict_to(tick);
    const world::Vector was = place();
    confirm(tick, last_sequence);
    model_.reconcile(confirmed_, seen, tick);
    std::erase_if(pending_, [&](const Pending& p) { return p.tick + kLateTicks < tick; });
    const Tick ahead = std::max(predicted_tick_, tick);
    predicted_ = confirmed_;
    predicted_tick_ = tick;
    predict_to(ahead);
    correction_.add(was, place(), now);
  }

 private:
  struct Pending {
    world::Command command;
    Tick tick = 0;
  };

  // One tick of the prediction, with the commands that are expected in it.
  void move(State& state, Tick tick) const {
    for (const Pending& p : pending_) {
      if (std::max(p.tick, confirmed_tick_ + 1) == tick) model_.apply(state, p.command, tick);
    }
    model_.step(state, tick);
  }

  void start(Tick tick, u32 last_sequence, const Sighting& seen) {
    std::erase_if(pending_, [&](const Pending& p) { return p.command.sequence <= last_sequence; });
    confirmed_ = State{};
    model_.reconcile(confirmed_, seen, tick);
    confirmed_tick_ = predicted_tick_ = tick;
    predicted_ = confirmed_;
    running_ = true;
  }

  // Moves what is confirmed to `tick` by the commands that the server has applied. Where
  // one came late its tick is guessed; the sighting puts that right.
  void confirm(Tick tick, u32 last_sequence) {
    std::size_t applied = 0;
    const auto apply_until = [&](Tick due, Tick in) {
      for (; applied < pending_.size() && pending_[applied].command.sequence <= last_sequence &&
             pending_[applied].tick <= due;
           ++applied) {
        model_.apply(confirmed_, pending_[applied].command, in);
      }
    };
    while (confirmed_tick_ < tick) {
      ++confirmed_tick_;
      apply_until(confirmed_tick_, confirmed_tick_);
      model_.step(confirmed_, confirmed_tick_);
    }
    apply_until(~Tick{0}, tick);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(applied));
  }

  const Model& model_;
  Correction correction_;
  bool running_ = false;
  State confirmed_{};
  State predicted_{};
  Tick confirmed_tick_ = 0;
  Tick predicted_tick_ = 0;
  Tick last_issued_tick_ = 0;
  std::vector<Pending> pending_;  ///< ascending by sequence and by tick
};

}  // namespace drumline::prediction

// A client's side of frame sync and of state broadcast: predicts the own entity, times the
// player's commands, and shows the others a little behind the server's word. Sans-I/O: what
// was heard comes by calls with the time.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "lockstep/input_delay.hpp"
#include "lockstep/tick_clock.hpp"
#include "prediction/interpolator.hpp"
#include "prediction/playback_clock.hpp"
#include "prediction/predictor.hpp"

namespace drumline::prediction {

struct FrameSyncOptions {
  CorrectionOptions correction{};
  lockstep::InputDelayOptions input_delay{};
  PlaybackOptions playback{};
  InterpolatorOptions interpolator{};
};

/// One thread. `now` does not fall from call to call. In a new session a new one begins.
///
///     a state frame came: on_frame(), then on_self() when it shows the own entity, and
///       on_other() for each other that it tells of;
///     each frame that is drawn: advance(now), draw shown_self(now) and shown_other(id);
///     the player acts: send(issue(command, now)), with a sequence above all before.
template <MovementModel Model>
class FrameSyncClient {
 public:
  using Sighting = typename Model::Sighting;

  /// The model outlives this.
  explicit FrameSyncClient(const Model& model, const FrameSyncOptions& options = {})
      : predictor_(model, options.correction),
        delay_(options.input_delay),
        playback_(options.playback),
        others_(options.interpolator),
        margin_late_(static_cast<int>(options.input_delay.target_margin_ticks) - 1),
        margin_in_time_(margin_late_ + 1 + static_cast<int>(options.input_delay.spare_ticks)) {
    issued_.reserve(kMaxIssued);
  }

  /// A Ping took so long to be answered.
  void on_round_trip(i64 sample_ns, TimeNs now) { delay_.on_round_trip(sample_ns, now); }

  /// A state frame of `tick` came, which contains the own commands up to `last_sequence`.
  void on_frame(Tick tick, u32 last_sequence, TimeNs now) {
    ticks_.note(tick, now);
    playback_.note(tick, now);
    others_.forget(tick);
    std::erase_if(issued_, [&](const Issued& command) {
      if (command.tick > tick) return false;
      // By how much is not said. A late one makes the delay a tick longer and no more, as one
      // stall of this machine is no longer way; when all are in time a shorter one is tried.
      const bool late = command.sequence > last_sequence;
      late_commands_ += late ? 1 : 0;
      delay_.on_margin(late ? margin_late_ : margin_in_time_, now);
      return true;
    });
  }
  /// What the frame says of the own entity. After on_frame().
  void on_self(Tick tick, u32 last_sequence, const Sighting& seen, TimeNs now) {
    predictor_.on_state(tick, last_sequence, seen, now);
  }
  /// Where another one was in that tick. After on_frame().
  void on_other(EntityId id, Tick tick, world::Vector place) { others_.add(id, tick, place); }
  /// The server refused a command.
  void on_refused(u32 sequence) {
    predictor_.forget(sequence);
    std::erase_if(issued_, [&](const Issued& command) { return command.sequence == sequence; });
  }

  /// Brings what is shown to `now`. Returns the moment of the battle at which the others are
  /// shown (ticks in nanoseconds, PlaybackClock); 0 before the first frame.
  TimeNs advance(TimeNs now) {
    if (predictor_.running()) predictor_.predict_to(next_apply_tick(now) - 1);
    return shown_ns_ = playback_.advance(now);
  }

  /// The command as it is to be sent: with the tick in which it wants to be applied and the
  /// one that its sender is shown. It shows at once. Before the first on_self() it comes
  /// back as it was. Sequences rise (asserted).
  world::Command issue(world::Command command, TimeNs now) {
    if (!predictor_.running()) return command;
    advance(now);
    const Tick tick = predictor_.apply_tick(next_apply_tick(now));
    command.apply_tick = static_cast<u32>(tick);
    command.view_tick = static_cast<u32>(playback_.view_tick());
    predictor_.issue(command, tick);
    if (issued_.size() == kMaxIssued) issued_.erase(issued_.begin());
    issued_.push_back({command.sequence, tick});
    return command;
  }

  /// There is something to show of the own entity.
  bool running() const { return predictor_.running(); }
  /// Where to draw the own entity, as of the last advance(). Smooth between ticks.
  world::Vector shown_self(TimeNs now) const {
    const world::Vector from = predictor_.place();
    const world::Vector way = predictor_.next_place() - from;
    const i64 since =
        std::clamp<i64>(now - ticks_.time_of(predictor_.tick() + 1 - delay_.ticks()), 0, kTickNs);
    const auto share = [&](world::Fixed whole) {
      return world::Fixed::from_raw(whole.raw * since / kTickNs);
    };
    return from + world::Vector{share(way.x), share(way.y)} + predictor_.correction().offset(now);
  }

  /// Where to draw another one, as of the last advance(); none when nothing is known of it.
  std::optional<world::Vector> shown_other(EntityId id) const { return others_.place_at(id, shown_ns_); }

  const Predictor<Model>& predictor() const { return predictor_; }
  const PlaybackClock& playback() const { return playback_; }
  const lockstep::InputDelay& input_delay() const { return delay_; }
  /// Commands that the tick that they were meant for did not contain.
  u64 late_commands() const { return late_commands_; }

 private:
  static constexpr std::size_t kMaxIssued = Predictor<Model>::kMaxPending;

  struct Issued {
    u32 sequence = 0;
    Tick tick = 0;
  };

  Tick next_apply_tick(TimeNs now) const { return ticks_.tick_at(now) + delay_.ticks(); }

  Predictor<Model> predictor_;
  lockstep::TickClock ticks_;
  lockstep::InputDelay delay_;
  PlaybackClock playback_;
  Interpolator others_;
  TimeNs shown_ns_ = 0;
  int margin_late_;     ///< what InputDelay is told of a command that was not in its tick
  int margin_in_time_;  ///< … that was
  u64 late_commands_ = 0;
  std::vector<Issued> issued_;  ///< whose tick no frame has shown yet
};

}  // namespace drumline::prediction

// A client's side of frame sync as a whole: when commands are to be applied, the own
// entity ahead of the server's word, the others a little behind it. Sans-I/O.
#pragma once

#include <algorithm>
#include <optional>

#include "lockstep/input_delay.hpp"
#include "lockstep/tick_clock.hpp"
#include "prediction/interpolator.hpp"
#include "prediction/playback_clock.hpp"
#include "prediction/predictor.hpp"

namespace drumline::prediction {

struct FrameSyncOptions {
  lockstep::InputDelayOptions input_delay{};
  CorrectionOptions correction{};
  PlaybackOptions playback{};
  InterpolatorOptions interpolator{};
};

/// One thread. The model outlives it. Beside a client::Client:
///
///     on_frame:  on_frame(tick, now), then for each entity that the frame told of
///                on_self(…) or on_other(…);
///     on_refused: on_refused(refused.cmd_id);
///     each drawn frame: advance(now), draw shown_self(now) and shown_other(id);
///     the player acts: command.sequence = client.next_sequence(),
///       client.send(issue(command, now)).
///
/// In a new session a new one begins.
template <MovementModel Model>
class FrameSyncClient {
 public:
  explicit FrameSyncClient(const Model& model, const FrameSyncOptions& options = {})
      : delay_(options.input_delay),
        predictor_(model, options.correction),
        others_(options.interpolator),
        playback_(options.playback) {}

  /// A Ping took so long to be answered.
  void on_round_trip(i64 sample_ns, TimeNs now) { delay_.on_round_trip(sample_ns, now); }
  /// A state frame of `tick` came.
  void on_frame(Tick tick, TimeNs now) {
    ticks_.note(tick, now);
    playback_.note(tick, now);
    others_.forget(tick);
  }
  void on_self(Tick tick, u32 last_sequence, const typename Model::Sighting& seen, TimeNs now) {
    predictor_.on_state(tick, last_sequence, seen, now);
  }
  void on_other(EntityId id, Tick tick, world::Vector place) { others_.add(id, tick, place); }
  void on_refused(u32 sequence) { predictor_.forget(sequence); }

  /// Nothing is shown before.
  bool running() const { return predictor_.running() && ticks_.running(); }
  /// Brings what is shown to `now`.
  void advance(TimeNs now) {
    shown_ns_ = playback_.advance(now);
    if (running()) predictor_.predict_to(wanted_tick(now));
  }
  world::Vector shown_self(TimeNs now) const { return predictor_.shown(now); }
  /// None when nothing is known of it.
  std::optional<world::Vector> shown_other(EntityId id) const { return others_.place_at(id, shown_ns_); }

  /// The command as it is to be sent: with the tick in which it wants to be applied and
  /// the one that its sender saw. It is shown from there on. Its sequence is above all
  /// before (asserted). While nothing runs it comes back as it was.
  world::Command issue(world::Command command, TimeNs now) {
    if (!running()) return command;
    const Tick tick = predictor_.apply_tick(wanted_tick(now));
    command.apply_tick = static_cast<u32>(tick);
    command.view_tick = static_cast<u32>(playback_.view_tick());
    predictor_.issue(command, tick);
    return command;
  }

  const Predictor<Model>& predictor() const { return predictor_; }
  const PlaybackClock& playback() const { return playback_; }
  const lockstep::InputDelay& input_delay() const { return delay_; }

 private:
  Tick wanted_tick(TimeNs now) const { return ticks_.tick_at(now) + delay_.ticks(); }

  lockstep::TickClock ticks_;
  lockstep::InputDelay delay_;
  Predictor<Model> predictor_;
  Interpolator others_;
  PlaybackClock playback_;
  TimeNs shown_ns_ = 0;
};

}  // namespace drumline::prediction

// A player whose delays are measured: a whole client as a game would have one, that does
// what its script says. The synchronisation models differ in how a player knows what to
// show (see the classes that follow).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "bench/sync/input_probe.hpp"
#include "bench/sync/script.hpp"
#include "client/client.hpp"
#include "env/clock.hpp"
#include "world/fixed_math.hpp"
#include "world/sync_model.hpp"

namespace drumline::bench {

/// What showing ahead of the server's word costs, since restart().
struct PredictionCost {
  /// A body stood elsewhere from one look to the next than it can have moved to, by more
  /// than kJump: in frame sync one's own, in lockstep the others'.
  u64 jumps = 0;
  double jumped = 0;          ///< units of length, all together
  u64 rollbacks = 0;          ///< lockstep
  u64 resimulated_ticks = 0;  ///< by them
  u64 late_commands = 0;      ///< own ones that came after their tick; lockstep

  static constexpr i64 kJump = world::Fixed::from_int(1).raw / 16;
  /// Counts it if it is one. Raw fixed-point.
  void note_jump(i64 by);
  void add(const PredictionCost& other);
};

/// One thread.
class SyncPlayer : public client::ClientListener {
 public:
  SyncPlayer(const Script& script, const env::Clock& clock, u64 seed)
      : script_(script), clock_(clock), rng_(seed), probe_(script.least_motion) {}

  /// One drawn frame: looks at what there is to see, and acts when it is time.
  void play(client::Client& client);

  /// It has something to show.
  bool shows() const { return shows_; }
  /// Not empty: what the server sent was of no use.
  const std::string& failure() const { return failure_; }

  /// From now on the figures begin anew.
  void restart();
  const InputProbe::Delays& delays() const { return probe_.delays(); }
  PredictionCost prediction_cost() const;
  u64 commands() const { return commands_; }
  /// By which it places its commands ahead; 0: it does not.
  virtual u32 input_delay_ticks() const { return 0; }
  /// The longest time in which nothing new was confirmed.
  i64 longest_stall_ns() const { return longest_stall_ns_; }

 protected:
  struct Body {
    InputProbe::Places places;  ///< raw fixed-point
    bool free = false;
    Tick confirmed_tick = 0;
  };
  const Script& script() const { return script_; }
  TimeNs now() const { return clock_.now(); }
  bool sees_itself_free(const broadcast::StateDecoder::Entity& entity) const {
    return script_.is_free(entity.value(script_.state_field));
  }
  void expect(const Result<void>& result) {
    if (!result && failure_.empty()) failure_ = result.error().message;
  }

 private:
  /// Brings what is shown to `now`; nothing while there is nothing to show.
  virtual std::optional<Body> draw(client::Client& client, TimeNs now) = 0;
  /// As it is to be sent: timed, and noted for prediction.
  virtual world::Command issue(const world::Command& command, TimeNs) { return command; }
  /// The client measured a round trip.
  virtual void on_round_trip(i64 /*sample_ns*/, TimeNs) {}
  /// Since the beginning.
  virtual PredictionCost cost() const { return {}; }

  void act(client::Client& client, const Body& body, TimeNs now);
  void send(client::Client& client, world::Command command, TimeNs now);

  const Script& script_;
  const env::Clock& clock_;
  world::Rng rng_;
  InputProbe probe_;
  bool shows_ = false;
  std::string failure_;
  i32 direction_ = 0;  ///< of his walk: 1, -1; 0: not yet
  TimeNs walk_at_ = 0;
  TimeNs act_at_ = 0;
  i64 round_trip_ns_ = 0;
  u64 commands_ = 0;
  Tick confirmed_tick_ = 0;
  TimeNs confirmed_at_ = 0;
  i64 longest_stall_ns_ = 0;
  PredictionCost cost_before_;
};

/// How a program plays by `model`. Frame sync needs a MovementModel of the game: nothing
/// where there is none.
std::unique_ptr<SyncPlayer> make_sync_player(world::SyncModel model, const Script& script,
                                             const env::Clock& clock, u64 seed);

}  // namespace drumline::bench

// How long a player waits for what he does.
#pragma once

#include <array>

#include "base/histogram.hpp"
#include "base/types.hpp"

namespace drumline::bench {

/// Of one player who walks along an axis and turns round now and then. From outside, so
/// that it is the same for every synchronisation model: the press, and then the first
/// look at which his body has moved the new way. One thread.
class InputProbe {
 public:
  /// One look at the body: along the axis, as it is shown, and as the server confirmed it.
  struct Places {
    i64 shown = 0;
    i64 confirmed = 0;
  };

  /// So much is motion, > 0, in the unit of the places.
  explicit InputProbe(i64 least_motion) : least_motion_(least_motion) {}

  /// He turns to `direction`, 1 or -1. Only while none is open.
  void press(i64 direction, const Places& places, TimeNs now);
  /// Each drawn frame.
  void look(const Places& places, TimeNs now);
  /// Something else moves or holds him: this press is not counted.
  void disturb();

  bool open() const { return pressed_at_ != 0; }

  struct Delays {
    Histogram shown_ns, confirmed_ns;
    u64 unanswered = 0;  ///< no motion within kPatienceNs
    u64 disturbed = 0;
    void add(const Delays& other);
  };
  const Delays& delays() const { return delays_; }
  /// From now on the figures begin anew; an open press is not counted.
  void restart();

  static constexpr i64 kPatienceNs = 2 * kSecondNs;

 private:
  struct Awaited {
    i64 turned_at = 0;  ///< the furthest that he still came the old way
    bool seen = false;
  };
  void look_at(Awaited& awaited, i64 place, Histogram& delays_ns, TimeNs now) const;

  const i64 least_motion_;
  i64 direction_ = 1;
  TimeNs pressed_at_ = 0;
  Awaited shown_, confirmed_;
  Delays delays_;
};

}  // namespace drumline::bench

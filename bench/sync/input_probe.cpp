#include "bench/sync/input_probe.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::bench {

void InputProbe::press(i64 direction, const Places& places, TimeNs now) {
  DRUM_ASSERT(!open());
  direction_ = direction;
  pressed_at_ = now;
  shown_ = {direction * places.shown};
  confirmed_ = {direction * places.confirmed};
}

void InputProbe::look_at(Awaited& awaited, i64 place, Histogram& delays_ns, TimeNs now) const {
  if (awaited.seen) return;
  awaited.turned_at = std::min(awaited.turned_at, direction_ * place);
  if (direction_ * place - awaited.turned_at < least_motion_) return;
  awaited.seen = true;
  delays_ns.record(static_cast<u64>(now - pressed_at_));
}

void InputProbe::look(const Places& places, TimeNs now) {
  if (!open()) return;
  look_at(shown_, places.shown, delays_.shown_ns, now);
  look_at(confirmed_, places.confirmed, delays_.confirmed_ns, now);
  const bool done = shown_.seen && confirmed_.seen;
  if (!done && now - pressed_at_ < kPatienceNs) return;
  delays_.unanswered += !done;
  pressed_at_ = 0;
}

void InputProbe::disturb() {
  if (!open()) return;
  ++delays_.disturbed;
  pressed_at_ = 0;
}

void InputProbe::restart() {
  delays_ = {};
  pressed_at_ = 0;
}

void InputProbe::Delays::add(const Delays& other) {
  shown_ns.merge(other.shown_ns);
  confirmed_ns.merge(other.confirmed_ns);
  unanswered += other.unanswered;
  disturbed += other.disturbed;
}

}  // namespace drumline::bench

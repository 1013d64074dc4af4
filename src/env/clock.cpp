#include "env/clock.hpp"

#include <ctime>

namespace drumline::env {

namespace {

TimeNs read_clock(clockid_t which) {
  timespec time{};
  clock_gettime(which, &time);
  return TimeNs{time.tv_sec} * kSecondNs + time.tv_nsec;
}

}  // namespace

TimeNs SystemClock::now() const {
  return read_clock(CLOCK_MONOTONIC);
}
TimeNs SystemClock::wall_now() const {
  return read_clock(CLOCK_REALTIME);
}

}  // namespace drumline::env

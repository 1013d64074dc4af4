#include "env/phase_clock.hpp"

#include <algorithm>
#include <ctime>

namespace drumline::env {
namespace {

TimeNs now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return i64{time.tv_sec} * kSecondNs + time.tv_nsec;
}

/// What asking for the time takes, which is none of any phase's.
i64 cost_of_now() {
  static const i64 cost = [] {
    i64 least = kMicrosecondNs;
    for (int i = 0; i < 64; ++i) {
      const TimeNs before = now();
      least = std::min(least, now() - before);
    }
    return least;
  }();
  return cost;
}

}  // namespace

thread_local PhaseClock* PhaseClock::timing_ = nullptr;

std::string_view phase_name(Phase phase) {
  constexpr std::array<std::string_view, kPhases> kNames = {
      "other",          "assemble",    "write_packet", "seal",   "header_protection", "kernel_send",
      "kernel_receive", "read_packet", "open",         "timers", "handshakes",        "wait"};
  return kNames[static_cast<std::size_t>(phase)];
}

Phase PhaseClock::enter(Phase phase) {
  const TimeNs at = now();
  total_ns_[static_cast<std::size_t>(phase_)].add(
      static_cast<u64>(std::max<i64>(at - since_ - cost_of_now(), 0)) * kRoundsPerTimed);
  since_ = at;
  const Phase before = phase_;
  phase_ = phase;
  return before;
}

void PhaseClock::begin_round() {
  end_round();
  // By chance, as rounds of a kind may follow each other at regular distances.
  lottery_ = lottery_ * 1664525U + 1013904223U;
  if ((lottery_ >> 16) % kRoundsPerTimed != 0) return;
  phase_ = Phase::other;
  since_ = now();
  timing_ = this;
}

void PhaseClock::end_round() {
  if (timing_ != this) return;
  enter(Phase::other);
  timing_ = nullptr;
}

}  // namespace drumline::env

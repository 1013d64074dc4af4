// Where a thread's time goes, by phase: what a round of the gateway does besides sealing, say.
// One round in some is timed, chosen at random, and stands for the others; in the rest a phase
// costs a load and a branch.
#pragma once

#include <array>
#include <string_view>

#include "base/counter.hpp"
#include "base/types.hpp"

namespace drumline::env {

enum class Phase : u8 {
  other,              ///< a timed round's rest
  assemble,           ///< choosing and copying what a client is sent
  write_packet,       ///< QUIC's own work for a packet that goes out
  seal,               ///< encryption of a packet
  header_protection,  ///< of packets that go out and of those that come in
  kernel_send,        ///< system calls that send
  kernel_receive,     ///< system calls that receive
  read_packet,        ///< QUIC's own work for a packet that came in, and what the gateway makes of it
  open,               ///< decryption of a packet
  timers,             ///< acknowledgements, repeats and other timers of connections
  handshakes,
  wait,  ///< nothing was due
};
inline constexpr std::size_t kPhases = static_cast<std::size_t>(Phase::wait) + 1;
std::string_view phase_name(Phase phase);

/// Of one thread. Its times are read by any.
class PhaseClock {
 public:
  /// Begins a round of this thread; ends the one before.
  void begin_round();
  /// Ends the last round.
  void end_round();

  /// Estimate of the time spent in the phase so far, ns: exclusive of phases entered within it.
  u64 total_ns(Phase phase) const { return total_ns_[static_cast<std::size_t>(phase)].value(); }

 private:
  friend class PhaseScope;
  static constexpr u32 kRoundsPerTimed = 16;

  Phase enter(Phase phase);

  /// The thread's clock while it times a round; null otherwise.
  static thread_local PhaseClock* timing_;

  std::array<Counter, kPhases> total_ns_;
  Phase phase_ = Phase::other;
  TimeNs since_ = 0;
  u32 lottery_ = 0x9E3779B9;
};

/// This thread is in `phase` for the scope's life. Nests.
class PhaseScope {
 public:
  explicit PhaseScope(Phase phase) : clock_(PhaseClock::timing_) {
    if (clock_ != nullptr) before_ = clock_->enter(phase);
  }
  ~PhaseScope() {
    if (clock_ != nullptr) clock_->enter(before_);
  }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  PhaseClock* const clock_;
  Phase before_ = Phase::other;
};

}  // namespace drumline::env

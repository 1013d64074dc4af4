// What one client in lockstep has stepped, and the choice of the ticks it is sent next
// (docs/formats/lockstep-frame.md). Lives on a gateway shard beside a TickLog.
#pragma once

#include <optional>

#include "gateway/tick_log.hpp"
#include "wire/command.hpp"
#include "wire/lockstep_frame.hpp"

namespace drumline::gateway {

/// One thread.
class LockstepView {
 public:
  /// Each tick goes out so many times at first, in datagrams that follow each other …
  static constexpr u32 kCopies = 3;
  /// … and again in every so-many-th while it is not acknowledged.
  static constexpr u32 kRepeatTicks = 4;
  /// A client that says the same tick again so much later waits for the next one, all
  /// copies of which were lost: it comes at once, and for some time there are more copies.
  static constexpr u32 kStuckTicks = 4;
  static constexpr u32 kLossyCopies = 5;
  static constexpr u32 kLossyTicks = 3750;  ///< a minute
  /// A client so far behind starts anew from the state.
  static constexpr u32 kMaxAgeTicks = 250;

  /// The client is being given the state after `tick`: it wants the ticks from there on.
  void begin(Tick tick);
  bool begun() const { return from_ != 0; }

  enum class Verdict : u8 {
    fine,
    unknown,   ///< of a tick that it was not sent, or that is forgotten: worth counting
    diverged,  ///< its state hash is another than the battle's
  };
  /// What the client says that it has stepped.
  Verdict acknowledge(const wire::CommandAcks& acks, const TickLog& log);
  Tick acknowledged() const { return acknowledged_; }

  /// A command came that wanted to be applied in `apply_tick` (low 32 bits), when the
  /// battle's last tick known here was `newest`.
  void note_arrival(u32 apply_tick, Tick newest);

  /// Writes the datagram of the log's newest tick; its size, 0 when there is nothing to
  /// say. A tick that does not fit is passed over: it goes by the reliable channel.
  std::size_t assemble(const TickLog& log, MutableBytes out, std::size_t budget);
  /// The next tick that no datagram can hold and that was not handed out yet.
  std::optional<Tick> next_large(const TickLog& log, std::size_t budget);

  /// It is so far behind that it must begin anew.
  bool lost(const TickLog& log) const;

 private:
  Tick from_ = 0;  ///< one past the state that it was given; 0: none
  Tick acknowledged_ = 0;
  Tick large_until_ = 0;   ///< large ticks up to this one were handed out
  Tick progress_at_ = 0;   ///< the log's newest tick when `acknowledged_` last rose
  bool stuck_ = false;     ///< it waits for the tick after `acknowledged_`
  Tick lossy_until_ = 0;   ///< until then each tick goes out kLossyCopies times
  u32 ack_lag_ticks_ = 8;  ///< how long an acknowledgement takes, about
  i8 margin_ = wire::kNoMargin;
};

}  // namespace drumline::gateway

// What a client still has to tell the server over the unreliable channel: its
// newest commands until a state frame shows them, each sent a few times over.
// Sans-I/O.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "base/types.hpp"
#include "wire/command.hpp"
#include "world/rules.hpp"

namespace drumline::client {

/// Never allocates. One thread.
class CommandQueue {
 public:
  static constexpr std::size_t kFramesPerDatagram = 3;
  /// How often a command is sent before it is given up: it is stale by then.
  static constexpr u32 kSends = 3;
  /// It is sent again when the state frame that should have confirmed it has not: a tick until
  /// the battle takes it, a send period at most until the next frame, a tick for the ways.
  /// Where frames are rare that is too late to be meant: then it is sent again before.
  static constexpr i64 repeat_ns(u32 send_period_ticks) {
    return std::min<i64>(i64{send_period_ticks} + 2, kLatestRepeatTicks) * kTickNs;
  }
  static constexpr i64 kLatestRepeatTicks = 8;
  /// One that is meant for a tick (Command::apply_tick) is worth most in that tick: it is
  /// sent again after one tick, then after two and four more, which also outlasts a burst
  /// of losses.
  static constexpr u32 kTimedSends = 4;
  static constexpr i64 kTimedRepeatNs = kTickNs;
  static constexpr std::size_t kMaxKept = 16;
  static constexpr std::size_t kMaxDatagramBytes = kFramesPerDatagram * wire::kMaxCommandFrameBytes;

  /// Numbers the command and keeps it; it is due at once. When the server shows
  /// nothing for long the oldest is forgotten. Returns its sequence.
  u32 push(world::Command command, TimeNs now);
  /// The server's state contains every command up to this one.
  void confirm(u32 sequence);
  /// The server refused this one: it is not repeated.
  void refuse(u32 sequence);
  /// Forgets them all: in a new session those of the old one are stale.
  void clear();
  /// The battle's state frames are so far apart, 1 or more.
  void set_send_period(u32 ticks) { repeat_ns_ = repeat_ns(ticks); }

  /// When write() has something to say; kNever when it has not.
  static constexpr TimeNs kNever = INT64_MAX;
  TimeNs deadline() const { return deadline_; }
  /// Writes a datagram into at least kMaxDatagramBytes, oldest command first; its
  /// size, or 0 when there is nothing to say. `key_acks` (at most
  /// wire::kMaxKeyAcks) travel with the newest command, or with one of none.
  /// So does `sync`, unless its tick is 0. `visit` is the Welcome's.
  std::size_t write(MutableBytes out, std::span<const u32> key_acks, TimeNs now,
                    const wire::SyncAck& sync = {}, u8 visit = 0);

  u32 last_sequence() const { return last_sequence_; }
  std::size_t unconfirmed() const { return count_; }

 private:
  struct Kept {
    world::Command command;
    u32 sends = 0;
  };

  static bool sent_often_enough(const Kept& kept);
  void remove(std::size_t at);
  void drop_oldest(std::size_t how_many);

  // What is looked at most comes first: the array is large.
  std::size_t count_ = 0;
  TimeNs deadline_ = kNever;
  u32 last_sequence_ = 0;
  i64 repeat_ns_ = repeat_ns(1);
  std::array<Kept, kMaxKept> kept_{};  // ascending sequence
};

}  // namespace drumline::client

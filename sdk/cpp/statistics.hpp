// What a client counts about what it receives.
#pragma once

#include "base/histogram.hpp"
#include "base/types.hpp"

namespace drumline::client {

struct ClientStatistics {
  u64 frames = 0;            ///< state frames decoded
  u64 frames_due = 0;        ///< ticks that passed between the first and the last frame of each session
  u64 frames_late = 0;       ///< older than one that came before
  u64 frames_malformed = 0;  ///< state frames and reliable messages that did not decode
  u64 frame_bytes = 0;
  u64 commands_sent = 0;  ///< each counted once
  u64 command_datagrams = 0;
  u64 commands_refused = 0;
  u64 session_losses = 0;  ///< sessions that ended without our doing
  u64 reconnects = 0;      ///< sessions got back after a loss: by token or by joining anew
  u64 seats_lost = 0;      ///< joined anew because the seat could not be taken again
  u64 battles_over = 0;    ///< that ended while the session went on
  u64 visits = 0;          ///< further battles that were joined on the same session
  u64 early_frames = 0;    ///< state frames of a seat that was not yet given back
  u64 frames_stale = 0;    ///< of a battle that the session had left
  i64 round_trip_ns = 0;   ///< of the newest ping

  void add(const ClientStatistics& other) {
    frames += other.frames;
    frames_due += other.frames_due;
    frames_late += other.frames_late;
    frames_malformed += other.frames_malformed;
    frame_bytes += other.frame_bytes;
    commands_sent += other.commands_sent;
    command_datagrams += other.command_datagrams;
    commands_refused += other.commands_refused;
    session_losses += other.session_losses;
    reconnects += other.reconnects;
    seats_lost += other.seats_lost;
    battles_over += other.battles_over;
    visits += other.visits;
    early_frames += other.early_frames;
    frames_stale += other.frames_stale;
    round_trip_ns = round_trip_ns > other.round_trip_ns ? round_trip_ns : other.round_trip_ns;
  }

  /// Takes an earlier sum away.
  void subtract(const ClientStatistics& earlier) {
    frames -= earlier.frames;
    frames_due -= earlier.frames_due;
    frames_late -= earlier.frames_late;
    frames_malformed -= earlier.frames_malformed;
    frame_bytes -= earlier.frame_bytes;
    commands_sent -= earlier.commands_sent;
    command_datagrams -= earlier.command_datagrams;
    commands_refused -= earlier.commands_refused;
    session_losses -= earlier.session_losses;
    reconnects -= earlier.reconnects;
    seats_lost -= earlier.seats_lost;
    battles_over -= earlier.battles_over;
    visits -= earlier.visits;
    frames_stale -= earlier.frames_stale;
  }
};

}  // namespace drumline::client

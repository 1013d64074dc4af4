// A client in lockstep for a host that has no C++: lockstep::LockstepClient
// (sdk/cpp/lockstep) with rollback and input delay. Exported by simulation.wasm beside
// simulation_api.hpp, whose conventions hold here too. sdk/typescript/src/lockstep.ts is
// the host's side.
//
// Times are the host's, in nanoseconds from any beginning; they do not fall. A call that
// answers -1 says that the server's bytes are of no use: end the session.
#pragma once

#include "base/types.hpp"

namespace drumline {

struct DrumlineBattle;
/// One session; opaque to the host.
struct DrumlineLockstep;

extern "C" {

/// `battle`, `player` and `tick` are the Welcome's. Null: there is no such game.
DrumlineLockstep* drumline_lockstep_create(const char* game, std::size_t game_size, u64 battle, u32 player,
                                           u64 tick);
void drumline_lockstep_free(DrumlineLockstep* lockstep);

/// LockstepClient's calls of the same names.
i32 drumline_lockstep_on_snapshot_part(DrumlineLockstep* lockstep, u64 tick, u64 state_hash, u32 info_bytes,
                                       u32 total_bytes, u32 offset, const std::byte* bytes, std::size_t size);
i32 drumline_lockstep_on_frame(DrumlineLockstep* lockstep, const std::byte* datagram, std::size_t size,
                               i64 now);
i32 drumline_lockstep_on_ticks(DrumlineLockstep* lockstep, u64 first_tick, const std::byte* bytes,
                               std::size_t size);
void drumline_lockstep_on_refused(DrumlineLockstep* lockstep, u32 sequence);
void drumline_lockstep_on_round_trip(DrumlineLockstep* lockstep, i64 sample_ns, i64 now);
i32 drumline_lockstep_advance(DrumlineLockstep* lockstep, i64 now);
/// Gives the command's apply_tick (low 32 bits); 0 while nothing runs. Sequences rise (asserted).
u32 drumline_lockstep_issue(DrumlineLockstep* lockstep, u32 sequence, u64 entity, u64 target, u32 action,
                            u32 skill, i32 x, i32 y, i64 now);

/// Holds until the next call.
struct DrumlineLockstepState {
  i64 running;  ///< 0: the battle's state is not here yet, and what follows is 0
  i64 confirmed_tick;
  u64 confirmed_hash;
  i64 confirmed_sequence;  ///< of the own commands
  i64 predicted_tick;
  i64 input_delay_ticks;
  i64 rollbacks;
  i64 resimulated_ticks;
  i64 late_commands;
  i64 mismatches;
};
const DrumlineLockstepState* drumline_lockstep_state(DrumlineLockstep* lockstep);

/// The battle as it is to be shown, and as its events those of the ticks that were shown
/// first by the last advance(). To be read only; null before it runs. Holds until the next
/// call for the lockstep client.
DrumlineBattle* drumline_lockstep_shown(DrumlineLockstep* lockstep);

/// What the client has to tell the server after a mismatch, piece by piece; null: nothing
/// more. Holds until the next call.
struct DrumlineLockstepMessage {
  u64 is_part;  ///< 0: a Desync; 1: a StatePart
  u64 tick;
  u64 hash;      ///< Desync: the own one …
  u64 expected;  ///< … and the server's
  u64 total_bytes;
  u64 offset;
  u64 address;  ///< of the StatePart's bytes
  u64 size;
};
const DrumlineLockstepMessage* drumline_lockstep_take_message(DrumlineLockstep* lockstep);

}  // extern "C"

}  // namespace drumline

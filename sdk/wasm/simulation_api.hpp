// What simulation.wasm exports: the kernel, the one step and the games, for a host
// that has no C++. sdk/typescript/src/simulation.ts is that host's side.
//
// An instance has no imports and runs on one thread. Numbers are little-endian;
// a u64 is WebAssembly's i64. What the host passes lies in memory from
// drumline_allocate(). What a function returns by address belongs to the battle (or
// is constant) and holds until the next call for that battle, or, where it says
// so, longer; how many bytes it has tells drumline_result_size().
//
// A call that fails returns null or -1, changes nothing, and leaves a sentence in
// drumline_error(). A broken invariant (DRUM_ASSERT) leaves its sentence there too
// and traps; such an instance must not be called again.
#pragma once

#include "base/types.hpp"

namespace drumline {

/// One battle (battle_handle.hpp); opaque to the host.
struct DrumlineBattle;

extern "C" {

/// battle::simulation_id(): 16 hex digits and a zero. A host may only run battles of
/// a server that names the same (docs/determinism.md).
const char* drumline_simulation_id();
/// The last failure, zero-terminated.
const char* drumline_error();

void* drumline_allocate(std::size_t size);
void drumline_release(void* memory);

/// Makes a battle from a journal's battle_created payload (docs/formats/journal.md)
/// and, with a snapshot (docs/formats/snapshot.md), puts it at the snapshot's tick;
/// without one (size 0) it stands at tick 0, and its state hash must be the one in the
/// payload. Null: it cannot be made.
DrumlineBattle* drumline_create(const std::byte* created, std::size_t created_size, const std::byte* snapshot,
                                std::size_t snapshot_size);
void drumline_free(DrumlineBattle* battle);

/// Advances by one tick with the inputs of a journal's tick payload; the state hash
/// in it is not looked at. 1: all inputs were accepted; 0: some were not (and had no
/// effect); -1: the payload does not parse, and the battle did not move.
i32 drumline_step(DrumlineBattle* battle, const std::byte* payload, std::size_t size);

u64 drumline_tick(const DrumlineBattle* battle);
/// Of the state as it stands (docs/determinism.md, "State hash").
u64 drumline_state_hash(const DrumlineBattle* battle);

/// Bytes of what the last of the following functions returned.
std::size_t drumline_result_size(const DrumlineBattle* battle);

/// What the battle consists of, as JSON in UTF-8:
/// {"game", "max_players", "map": [width, height], "tables": [{"name", "capacity",
/// "fields": [{"name", "type", "role"}]}], "events": [name]}. Type is one of i8 u8 i16
/// u16 i32 u32 i64 u64 fixed; role is "", "x" or "y"; map sizes are fixed-point raw.
const char* drumline_schema(DrumlineBattle* battle);

/// What a client is told once of the map and the rules: the game's own format
/// (docs/formats/arena-map.md).
const std::byte* drumline_map_description(DrumlineBattle* battle);

/// A snapshot of the state as it stands.
const std::byte* drumline_snapshot(DrumlineBattle* battle);

/// The live rows of a table, ascending: u32 slots, u32 generations, and the i64 values
/// of one column (sign-extended for signed types; fixed as raw). Null: there is no
/// such table or column.
const u32* drumline_slots(DrumlineBattle* battle, u32 table);
const u32* drumline_generations(DrumlineBattle* battle, u32 table);
const i64* drumline_column(DrumlineBattle* battle, u32 table, u32 column);

/// The last step's events, 48 bytes each: u64 kind, u64 source, u64 target, i64 x,
/// i64 y (fixed-point raw), i32 a, i32 b.
const std::byte* drumline_events(DrumlineBattle* battle);

}  // extern "C"

}  // namespace drumline

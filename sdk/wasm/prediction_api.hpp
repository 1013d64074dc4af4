// Prediction of the own entity for a host that has no C++: prediction::FrameSyncClient
// (sdk/cpp/prediction) with the games' own movement. Exported by simulation.wasm beside
// simulation_api.hpp, whose conventions hold here too. sdk/typescript/src/prediction.ts
// is the host's side.
//
// Times are the host's, in nanoseconds from any beginning; they do not fall.
#pragma once

#include "base/types.hpp"

namespace drumline {

/// One session's prediction; opaque to the host.
struct DrumlinePrediction;

extern "C" {

/// `rules` is the battle's rules document (empty: the game's default one), the rest is the
/// Welcome's: `map` its map_description, `map_width` fixed-point raw. Null: the game does not
/// say how its entities move, the rules have another hash, or the bytes do not hold up.
DrumlinePrediction* drumline_prediction_create(const char* game, std::size_t game_size, const char* rules,
                                               std::size_t rules_size, u64 rules_hash, const std::byte* map,
                                               std::size_t map_size, i64 map_width);
void drumline_prediction_free(DrumlinePrediction* prediction);

/// FrameSyncClient's calls of the same names.
void drumline_prediction_on_round_trip(DrumlinePrediction* prediction, i64 sample_ns, i64 now);
void drumline_prediction_on_frame(DrumlinePrediction* prediction, u64 tick, u32 last_sequence, i64 now);
/// `values` are the own entity's fields as sent, in the order of the Welcome's schema. -1:
/// they are too few.
i32 drumline_prediction_on_self(DrumlinePrediction* prediction, u64 tick, u32 last_sequence,
                                const i64* values, std::size_t value_count, i64 now);
void drumline_prediction_on_refused(DrumlinePrediction* prediction, u32 sequence);
/// Gives the command's apply_tick (low 32 bits) and view_tick (high 32 bits); 0 before the
/// first on_self(). Sequences rise (asserted).
u64 drumline_prediction_issue(DrumlinePrediction* prediction, u32 sequence, u64 entity, u64 target,
                              u32 action, u32 skill, i32 x, i32 y, i64 now);

/// What to show at `now`. Holds until the next call for this prediction.
struct DrumlineShown {
  i64 running;             ///< 0: nothing is known of the own entity yet, and what follows is 0
  i64 x, y;                ///< where to draw the own entity, fixed-point raw
  i64 offset_x, offset_y;  ///< of it, what still hides a correction
  i64 others_ns;           ///< the moment of the battle at which to show the others
  i64 others_delay_ns;     ///< how far back of the newest state that is meant to lie
  i64 input_delay_ticks;
  i64 tick;            ///< of the prediction
  i64 confirmed_tick;  ///< of the newest authoritative state
  i64 corrections;     ///< since the beginning, jumps (`teleports`) included
  i64 teleports;
  i64 longest;  ///< correction that was no jump, fixed-point raw
  i64 late_commands;
};
const DrumlineShown* drumline_prediction_advance(DrumlinePrediction* prediction, i64 now);

}  // extern "C"

}  // namespace drumline

// What changes a battle: inputs. A tick's accepted inputs, in the order in which
// they were applied, are what the journal holds of it.
#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "world/rules.hpp"
#include "world/sync_model.hpp"

namespace drumline::battle {

enum class InputKind : u8 { command = 0, join = 1, drop = 2, reconnect = 3, leave = 4, tell = 5, pace = 6 };

struct Input {
  InputKind kind = InputKind::command;
  PlayerSlot player = kNoPlayer;
  world::Command command{};  ///< kind == command
  world::Profile profile{};  ///< kind == join
  Bytes message{};           ///< kind == tell; a view into memory of whoever made the input
  u32 pace_percent = world::kNormalPacePercent;  ///< kind == pace
};

/// Largest encoded input but for a tell, bytes.
inline constexpr std::size_t kMaxInputBytes = 72;
/// Tells of one tick at most, and the largest one encoded.
inline constexpr std::size_t kMaxTellsPerTick = 16;
inline constexpr std::size_t kMaxEncodedTellBytes = world::kMaxTellBytes + 16;

/// Appends one input in the journal's format (docs/formats/journal.md, "tick").
void encode_input(const Input& input, ByteWriter& out);

/// Parses `count` inputs, whose messages are views into what is read; malformed says
/// which one and why.
Result<void> decode_inputs(ByteReader& in, u32 count, std::vector<Input>& out);

}  // namespace drumline::battle

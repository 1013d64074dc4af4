// What a battle tells gateways besides state: who got a seat, what was refused,
// who is who, the score table. Notices travel inside the battle frame of their
// tick, so that they become visible with it and never before it is durable.
#pragma once

#include <array>
#include <variant>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "battle/input.hpp"
#include "world/rules.hpp"

namespace drumline::battle {

/// To one session: it now plays `player`.
struct SeatGranted {
  PlayerSlot player;
  EntityId entity;
  u32 seat_generation = 0;  ///< changes with each new owner of the seat; sealed into the reconnect token
  bool resumed = false;
};

/// To one session: no seat; the gateway closes it.
struct SeatRefused {
  world::Refusal refusal;
};

/// To one session: this command had no effect.
struct CommandRefused {
  world::Refusal refusal;
  u32 sequence = 0;
};

/// To one session: its seat is played by another session now; the gateway closes it.
struct SeatTaken {
  PlayerSlot player;
};

/// To all: a seat has a new owner, or none (entity 0).
struct RosterChange {
  PlayerSlot player;
  EntityId entity;
  std::array<char, 24> name{};
};

/// To one session: a piece of the whole state after `tick`, which frames' tick payloads go
/// on from. Together the pieces are `info_bytes` of what the battle is made of (a
/// battle_created payload), then a snapshot.
struct StatePart {
  Tick tick = 0;
  u64 state_hash = 0;
  u32 info_bytes = 0;
  u32 total_bytes = 0;
  u32 offset = 0;
  Bytes bytes;  ///< a view into memory of whoever made or decoded the notice
};
inline constexpr std::size_t kMaxStatePartBytes = 4096;
inline constexpr std::size_t kMaxStatePartNoticeBytes = kMaxStatePartBytes + 64;

inline constexpr std::size_t kScoreboardEntries = 10;

/// For all, about once a second: best first. Gateways tell it on when it has changed.
struct ScoreboardNotice {
  struct Entry {
    PlayerSlot player;
    i64 score = 0;
  };
  u32 count = 0;
  std::array<Entry, kScoreboardEntries> entries{};
};

/// To all: from this tick on ticks take so long (Input::pace_percent).
struct PaceChange {
  u32 percent = world::kNormalPacePercent;
};

using Notice = std::variant<SeatGranted, SeatRefused, CommandRefused, SeatTaken, RosterChange,
                            ScoreboardNotice, StatePart, PaceChange>;

/// Largest encoded notice but for a StatePart, bytes.
inline constexpr std::size_t kMaxNoticeBytes = 192;

void encode_notice(const Notice& notice, ByteWriter& out);
Result<Notice> decode_notice(Bytes bytes);

}  // namespace drumline::battle

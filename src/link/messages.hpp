// What a node and the process of a battle group say to each other, as plain structs.
// Decoding answers bytes that are not such a message by a malformed error: the group's
// process runs rules, and its memory may be corrupt. Format: docs/formats/group-link.md.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "battle/descriptor.hpp"
#include "battle/inbound.hpp"
#include "world/sync_model.hpp"

namespace drumline::link {

inline constexpr u16 kProtocolVersion = 1;

// Limits of what is taken; an encoder shortens texts to theirs.
inline constexpr std::size_t kMaxTextBytes = 4096;
inline constexpr std::size_t kMaxConfigurationBytes = 1 << 20;
inline constexpr std::size_t kMaxAnswerBytes = 60 << 20;  // a whole snapshot
inline constexpr std::size_t kMaxRefusalNames = 256;
inline constexpr std::size_t kMaxCounters = 64;
inline constexpr std::size_t kMaxHistograms = 16;
inline constexpr std::size_t kMaxBuckets = 4096;
inline constexpr std::size_t kMaxBattlesInStatus = 64;
inline constexpr u32 kMaxPlayers = 20000;
/// Sent at least this often by a group that lives.
inline constexpr i64 kStatusPeriodNs = 250 * kMillisecondNs;

enum class Kind : u16 {
  // to the group
  start = 1,
  begin,
  inputs,
  make,
  dispose,
  tell,
  ask,
  take_snapshot,
  stop,
  pace,
  // from the group
  resumed = 64,
  note,
  installed,
  ready,
  frames,
  over,
  not_made,
  answer,
  snapshot,
  status,
  failed,
};

// ---- to the group

/// First message: who it is, and all that it runs by.
struct Start {
  u16 protocol = kProtocolVersion;
  u32 group = 0;
  u32 shards = 1;  ///< battle shards of the whole node
  std::string build_id;
  std::string data;           ///< the group's own folder
  std::string failures;       ///< where reports go
  std::string configuration;  ///< TOML
};
/// Clients can come: journal and tick from here on.
struct Begin {};
/// A battle as the configuration says.
struct Make {
  BattleId battle;
};
struct Dispose {
  BattleId battle;
  std::string why;
};
struct Tell {
  u64 request = 0;
  BattleId battle;
  std::vector<std::byte> message;
};
struct Ask {
  u64 request = 0;
  BattleId battle;
  i64 patience_ns = 0;  ///< from its arrival on
  std::vector<std::byte> question;
};
struct TakeSnapshot {
  u64 request = 0;
  BattleId battle;
  i64 patience_ns = 0;
};
/// Finish the tick, make all durable, exit.
struct Stop {};

/// How long ticks take from the next one on (battle::Input::pace_percent).
struct Pace {
  u32 percent = world::kNormalPacePercent;
};

using ToGroup = std::variant<Start, Begin, Make, Dispose, Tell, Ask, TakeSnapshot, Stop, Pace>;

// ---- from the group

/// A battle that its folder held (recovery::BattleReport).
struct Resumed {
  BattleId battle;
  std::string game;
  u64 epoch = 0;
  Tick tick = 0;
  u64 state_hash = 0;
  bool equal = false;
  Tick snapshot_tick = 0;
  u64 ticks_replayed = 0;
  double milliseconds = 0;
};
/// Of recovery: a warning.
struct Note {
  std::string text;
};
/// A battle runs here: gateways may send players to it.
struct Installed {
  battle::BattleDescriptor descriptor;
  u32 seated = 0;
  Tick tick = 0;
};
/// All that was recovered has been told; waits for Begin.
struct Ready {
  u16 protocol = kProtocolVersion;
  u32 frame_bytes_most = 0;  ///< of a Frames message
  BattleId highest;          ///< of all battles that its folder ever had, as far as it knows
  double recovery_ms = 0;
};
/// A battle has had its last frame; all its frames were sent before.
struct Over {
  BattleId battle;
};
struct NotMade {
  BattleId battle;
  std::string why;
};
/// To an Ask, or without bytes to a Tell.
struct Answer {
  u64 request = 0;
  u8 error_code = 0;
  std::string error;  ///< empty: there is an answer
  std::vector<std::byte> bytes;
};
struct Snapshot {
  u64 request = 0;
  u8 error_code = 0;
  std::string error;
  Tick tick = 0;
  u64 state_hash = 0;
  std::vector<std::byte> info;
  std::vector<std::byte> content;
};
/// Figures since the last one. What each is, both ends know by its place (server/group_status.hpp).
struct Status {
  u8 journal_state = 0;
  std::string journal_reason;
  std::vector<u64> counters;  ///< how much each has grown
  std::vector<i64> gauges;    ///< as they are
  struct Bucket {
    u64 value = 0;  ///< within the bucket
    u64 count = 0;
  };
  std::vector<std::vector<Bucket>> histograms;  ///< what each has got
  struct OfBattle {
    BattleId battle;
    u32 failures = 0;
    std::vector<u64> counters;  ///< as they are
  };
  std::vector<OfBattle> battles;
};
/// It cannot go on; its process ends.
struct Failed {
  u8 error_code = 0;
  std::string error;
};

using FromGroup =
    std::variant<Resumed, Note, Installed, Ready, Over, NotMade, Answer, Snapshot, Status, Failed>;

// ---- codec

Kind kind_of(const ToGroup& message);
Kind kind_of(const FromGroup& message);
/// Replaces `out` by the payload.
void encode(const ToGroup& message, std::vector<std::byte>& out);
void encode(const FromGroup& message, std::vector<std::byte>& out);
Result<ToGroup> decode_to_group(u16 kind, Bytes payload);
Result<FromGroup> decode_from_group(u16 kind, Bytes payload);

/// Kind::inputs: entries of input rings, one after the other.
inline constexpr std::size_t kMaxInboundBytes = 80;
void append_inbound(const battle::Inbound& inbound, std::vector<std::byte>& out);
/// The next entry; nothing when the bytes are none.
std::optional<battle::Inbound> read_inbound(ByteReader& in);

}  // namespace drumline::link

// What client and server say on the reliable channel besides commands, as plain
// structs. Encoding appends a whole frame; decoding takes a frame's payload,
// verified with limits, and answers hostile bytes with a malformed error that
// names the field. Format: docs/formats/messages.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "wire/visit.hpp"
#include "world/sync_model.hpp"
#include "world/world.hpp"

namespace drumline::wire {

inline constexpr u16 kProtocolVersion = 1;

// Limits of what is taken from a peer; an encoder asserts the same ones.
inline constexpr std::size_t kMaxNameBytes = 23;  // one less than world::Profile::name
inline constexpr std::size_t kMaxGameNameBytes = 64;
inline constexpr std::size_t kMaxTokenBytes = 512;
inline constexpr std::size_t kMaxReasonBytes = 512;
inline constexpr std::size_t kMaxMapDescriptionBytes = 64 << 10;
inline constexpr std::size_t kMaxSchemaTables = world::kMaxTables;
inline constexpr std::size_t kMaxSchemaFields = 64;  // of one table
inline constexpr std::size_t kMaxEventNames = 256;
inline constexpr std::size_t kMaxRosterEntries = 1024;  // of one message; more go in a further one
inline constexpr std::size_t kMaxScoreEntries = 1024;
inline constexpr std::size_t kMaxPartBytes = 16 << 10;    // of a snapshot or state, in one message
inline constexpr std::size_t kMaxStateBytes = 64 << 20;   // a whole snapshot or state in parts
inline constexpr std::size_t kMaxTicksBytes = 256 << 10;  // of one Ticks message

// ---- client to server

enum class SeatKind : u8 { player = 0, spectator = 1 };

/// First message of a session, and of each further battle in it.
struct Hello {
  u16 protocol = kProtocolVersion;
  std::string game;  ///< empty: whatever the battle plays
  BattleId battle;   ///< 0: any that has room
  std::string name;  ///< UTF-8 without control characters, at most kMaxNameBytes
  SeatKind seat = SeatKind::player;
  std::vector<std::byte> reconnect_token;   ///< from an earlier Welcome: the same seat again
  std::optional<world::SyncModel> model{};  ///< none: as the battle is; another one is for spectators
  std::string simulation_id{};              ///< of the simulation that the client runs; empty: none
  u64 rules_hash = 0;                       ///< of the rules that it runs; 0: it takes the battle's
  bool keeps_session = false;               ///< a BattleOver or a refusal does not end the session
  PlayerSlot follow = kNoPlayer;  ///< a spectator is sent what this seat is sent; kNoPlayer: the whole map
};

/// Gives the seat up. The session ends with it, unless its Hello said keeps_session.
struct Leave {};

struct Ping {
  u64 nonce = 0;
};

/// In lockstep: the client's state after `tick` has another hash than the server said.
struct Desync {
  Tick tick = 0;
  u64 hash = 0;
  u64 expected = 0;
};

/// A piece of the client's own state at `tick`.
struct StatePart {
  Tick tick = 0;
  u32 total_bytes = 0;
  u32 offset = 0;
  std::vector<std::byte> bytes;
};

using ClientMessage = std::variant<Hello, Leave, Ping, Desync, StatePart>;

// ---- server to client

/// A field as state frames carry it: value = wire value << shift.
struct FieldSchema {
  std::string name;
  u8 bits = 0;
  u8 shift = 0;
  bool is_signed = false;
  bool is_fixed = false;  ///< 16 fractional bits
  world::FieldRole role = world::FieldRole::none;
  friend bool operator==(const FieldSchema&, const FieldSchema&) = default;
};

/// A table that is sent, with only those of its fields that are.
struct TableSchema {
  u8 index = 0;
  std::string name;
  std::vector<FieldSchema> fields;
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};

struct Welcome {
  u16 protocol = kProtocolVersion;
  SessionId session;
  BattleId battle;
  PlayerSlot player = kNoPlayer;  ///< kNoPlayer for a spectator
  EntityId entity;
  Tick tick = 0;
  u64 tick_ns = kTickNs;
  bool resumed = false;
  std::string game;
  std::string build_id;
  i64 map_width = 0;  ///< fixed point, 16 fractional bits
  i64 map_height = 0;
  std::vector<std::byte> map_description;
  std::vector<TableSchema> schema;
  std::vector<std::string> event_names;
  std::vector<std::byte> reconnect_token;
  world::SyncModel model = world::SyncModel::state_broadcast;
  u8 send_period_ticks = 1;
  std::string simulation_id;
  u64 rules_hash = 0;
  u8 visit = 0;  ///< battles of this session before it, modulo kVisits
  /// What a seat sees, before it is given back: its reconnect token came with the first packets, and
  /// the handshake is not complete. The seat's own Welcome follows.
  bool early = false;
};

/// The Hello (cmd_id 0) or one command was refused.
struct Refused {
  u16 code = 0;
  std::string reason;
  u32 cmd_id = 0;
  u32 retry_after_ms = 0;  ///< of a Hello; 0: no hint
};

struct RosterEntry {
  PlayerSlot player;
  EntityId entity;  ///< 0: the player left
  std::string name;
};

/// Changes to who is who; `complete` replaces what was known.
struct Roster {
  bool complete = false;
  std::vector<RosterEntry> entries;
};

struct ScoreEntry {
  PlayerSlot player;
  i64 score = 0;
  bool operator==(const ScoreEntry&) const = default;
};

/// Best first.
struct Scoreboard {
  Tick tick = 0;
  std::vector<ScoreEntry> entries;
};

struct Pong {
  u64 nonce = 0;
  Tick tick = 0;
};

/// The server ends the session.
struct Goodbye {
  u32 code = 0;  ///< transport::CloseCode
  std::string reason;
  u32 retry_after_ms = 0;
};

/// Lockstep: a piece of what a client needs to run the battle from `tick` on.
struct SnapshotPart {
  Tick tick = 0;
  u64 state_hash = 0;
  u32 info_bytes = 0;
  u32 total_bytes = 0;
  u32 offset = 0;
  std::vector<std::byte> bytes;
};

/// Lockstep: ticks that do not fit a datagram.
struct Ticks {
  Tick first_tick = 0;
  std::vector<std::byte> bytes;
};

enum class EndCause : u8 {
  finished = 0,  ///< it came to its end
  ended = 1,     ///< by whoever runs the server
  failed = 2,    ///< its rules did, and it was given up
};

/// The session's battle is over; the session goes on, without one.
struct BattleOver {
  BattleId battle;
  u8 visit = 0;  ///< the Welcome's: one of an earlier battle is stale
  EndCause cause = EndCause::finished;
  std::string reason;
};

/// From `tick` on ticks take so long.
struct Pace {
  Tick tick = 0;
  u32 percent = world::kNormalPacePercent;  ///< of the Welcome's tick_ns
};

using ServerMessage =
    std::variant<Welcome, Refused, Roster, Scoreboard, Pong, Goodbye, SnapshotPart, Ticks, BattleOver, Pace>;

// ---- codec

/// True when a frame's payload is a ClientMessage; otherwise it is a command.
bool is_client_message(Bytes payload);

/// Appends a whole frame. Fields above their limits are the caller's bug and asserted.
void encode_message(const ClientMessage& message, std::vector<std::byte>& out);
void encode_message(const ServerMessage& message, std::vector<std::byte>& out);

/// At most 256 tables of depth 16.
Result<ClientMessage> decode_client_message(Bytes payload);
/// At most 4096 tables of depth 16: a roster has many.
Result<ServerMessage> decode_server_message(Bytes payload);

/// The tables of a world that clients are sent: those with a place on the map, and
/// of them the fields that have wire bits.
std::vector<TableSchema> wire_schema_of(const world::World& world);

/// Well-formed UTF-8 (RFC 3629) without control characters.
bool is_clean_text(std::string_view text);

/// The longest prefix of `name` that may stand in a message: clean, at most kMaxNameBytes.
std::string clean_name(std::string_view name);

}  // namespace drumline::wire

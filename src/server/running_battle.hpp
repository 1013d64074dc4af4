// A battle on its shard, with what turns its ticks into journal records and frames.
#pragma once

#include <memory>
#include <vector>

#include "battle/actor.hpp"
#include "battle/directory.hpp"
#include "battle/last_good.hpp"
#include "broadcast/cell_encoder.hpp"

namespace drumline::server {

/// A session's way to the whole state: what it was sent of it so far.
struct PartFeed {
  SessionId session;
  std::shared_ptr<const std::vector<std::byte>> bytes{};  ///< null until the next tick's end
  Tick tick = 0;
  u64 state_hash = 0;
  u32 info_bytes = 0;
  u32 offset = 0;
};

struct RunningBattle {
  std::vector<const std::byte*> hot_lines;  ///< of a small battle: the cache lines that each tick reads
  std::shared_ptr<battle::BattleEntry> entry;
  const world::Game* game = nullptr;
  std::unique_ptr<battle::BattleActor> actor;
  std::unique_ptr<broadcast::CellEncoder> encoder;
  std::vector<std::byte> info;              ///< as snapshots carry it
  std::vector<broadcast::SeatState> seats;  ///< by player slot, for the encoder
  broadcast::MessageQueue messages;         ///< notices on their way into a frame
  battle::LastGood last_good;
  u32 encode_period_ticks = 1;  ///< state is encoded in every so-many-th tick
  std::size_t max_snapshot_bytes = 0;
  Tick last_inline_snapshot = 0;
  u32 relays = 0;               ///< sessions in lockstep that want the ticks relayed
  std::vector<PartFeed> parts;  ///< of those that have just come, or have lost their way
  u32 failures = 0;             ///< in a row, without a while of good ticks between
  Tick failed_at = 0;           ///< of the last failure

  // Of the tick under way.
  battle::TickOutcome outcome;
  std::vector<std::byte> tick_payload;  ///< as journaled, when it is relayed
  bool failed = false;                  ///< its rules have failed: it stands still
  bool torn = false;                    ///< … in the middle of something: nothing of them is to run again
  bool ended = false;                   ///< its last frame is to be sent
  std::string end_reason;
  std::vector<battle::Inbound> waiting;  ///< what came since it failed

  explicit RunningBattle(std::size_t message_bytes) : messages(message_bytes) {}
  ~RunningBattle();

  const battle::Battle& battle() const { return actor->battle(); }
  BattleId id() const { return battle().info().id; }
  /// Begins to fetch what a tick of it reads, in two steps some battles ahead: with
  /// thousands of battles waiting for memory would otherwise be most of a tick.
  void prefetch_list() const {
    for (std::size_t i = 0; i < hot_lines.size(); i += 8) __builtin_prefetch(&hot_lines[i]);
  }
  void prefetch() const {
    for (const std::byte* const line : hot_lines) __builtin_prefetch(line);
  }
  void find_hot_lines();

  /// The whole state to a session, from the next tick's end on; what it has of another is void.
  void send_state_to(SessionId session);
  void stop_sending_state_to(SessionId session);
  /// Of one that failed. False when as much waits already as may.
  bool keep_for_later(const battle::Inbound& inbound);
  bool relays_ticks() const { return relays > 0 || battle().info().sync.model == world::SyncModel::lockstep; }
};

/// Room for a frame of the battle as it is now.
std::size_t frame_room_bytes(const RunningBattle& battle, bool with_state, std::size_t tick_payload_bytes);
/// The most that this ever is.
std::size_t max_frame_room_bytes(const RunningBattle& battle);

struct RunningBattleSettings {
  world::Fixed cell_size{};      ///< 0: chosen by the number of players
  world::Fixed near_distance{};  ///< 0: by the cell size
  u32 key_period_ticks = 96;
  u32 datagram_budget_bytes = 1100;
  Tick reconnect_grace_ticks = 60 * 62;
  u32 max_hold_ticks = 32;
  u32 max_late_ticks = 32;
};

/// `instance`: another number each time that a battle's encoder is made anew.
/// `recovered`: players are seated in it, and none of them is connected.
Result<std::unique_ptr<RunningBattle>> make_running(std::unique_ptr<battle::Battle> battle,
                                                    const world::Game& game,
                                                    std::shared_ptr<battle::BattleEntry> entry,
                                                    const RunningBattleSettings& settings, u32 instance,
                                                    bool recovered);

/// What gateways must know of a battle.
std::shared_ptr<const battle::BattleDescriptor> describe(const world::Game& game, battle::Battle& battle);

}  // namespace drumline::server

// One client on a gateway shard: who it is, which seat it has, what it was sent.
#pragma once

#include <map>
#include <memory>

#include "base/deadline_heap.hpp"
#include "base/ids.hpp"
#include "broadcast/client_view.hpp"
#include "gateway/desync.hpp"
#include "gateway/lockstep_view.hpp"
#include "gateway/token_bucket.hpp"
#include "transport/session.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace drumline::gateway {

class BattleFeed;

enum class SessionState : u8 {
  greeting,  ///< open; its Hello has not come
  outside,   ///< its battle is over, was left, or refused it: a further Hello may come
  waiting,   ///< said Hello; a battle is being made for it
  seating,   ///< asked a battle for a seat; the answer comes with a battle frame
  playing,
  watching,
  closing,  ///< told to go; nothing it says counts
};

/// Its deadline, in the shard's heap, is that of a state without a battle, or of an upload.
struct GatewaySession : DeadlineSlot {
  GatewaySession(SessionId session_id, transport::Session& session, const wire::FrameReaderLimits& limits,
                 TokenBucket command_bucket, TokenBucket hello_bucket)
      : id(session_id), transport(&session), reader(limits), commands(command_bucket), hellos(hello_bucket) {}

  SessionId id;
  transport::Session* transport;
  std::map<env::Address, u32>::value_type* behind = nullptr;  ///< its address and how many sessions are there
  SessionState state = SessionState::greeting;
  BattleFeed* feed = nullptr;  ///< of its battle; not null while seating, playing and watching
  world::SyncModel model = world::SyncModel::state_broadcast;
  PlayerSlot player = kNoPlayer;
  PlayerSlot followed = kNoPlayer;  ///< of a spectator: whose state frames he wants; kNoPlayer: the whole map
  u32 seat_generation = 0;          ///< of the player's seat
  EntityId entity;
  bool early = false;            ///< its peer has not proven yet that it is there
  bool outlives_battle = false;  ///< it wants to: Hello::keeps_session
  u32 visits = 0;                ///< battles before this one
  u32 highest_sequence = 0;      ///< of the commands handed to the battle
  u32 excess_commands = 0;       ///< dropped by the bucket since the last full second
  TimeNs outside_since = 0;      ///< without a battle, attempts to enter one included; 0: in one, or never
  TimeNs excess_since = 0;
  wire::FrameReader reader;
  TokenBucket commands;
  TokenBucket hellos;
  wire::Hello hello;          ///< while waiting or seating
  bool sought_again = false;  ///< its battle failed once while it was seating
  bool has_claim = false;     ///< on a seat of the feed's battle, until it is answered
  Tick last_state_tick = 0;   ///< whose frame it was sent
  /// What the client was sent and holds, by its model: made when the seat is granted.
  std::unique_ptr<broadcast::ClientView> view;
  std::unique_ptr<LockstepView> lockstep;
  std::unique_ptr<StateUpload> upload;  ///< of its own state, after a desync
  TimeNs next_desync_report = 0;        ///< a further one before it is not recorded

  /// Whose state frames it is sent; kNoPlayer: the whole map.
  PlayerSlot seen_player() const { return player == kNoPlayer ? followed : player; }
  /// What its datagrams say, in both directions.
  u8 visit() const { return static_cast<u8>(visits % wire::kVisits); }
};

/// Playing or watching.
constexpr bool is_in_battle(SessionState state) {
  return state == SessionState::playing || state == SessionState::watching;
}

}  // namespace drumline::gateway

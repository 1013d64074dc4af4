// One client on a gateway shard: who it is, which seat it has, what it was sent.
#pragma once

#include <memory>

#include "base/ids.hpp"
#include "broadcast/client_view.hpp"
#include "gateway/token_bucket.hpp"
#include "transport/session.hpp"
#include "wire/frame.hpp"

namespace drumline::gateway {

enum class SessionState : u8 {
  greeting,  ///< open; its Hello has not come
  seating,   ///< asked a battle for a seat; the answer comes with a battle frame
  playing,
  watching,
  closing,  ///< told to go; nothing it says counts
};

struct GatewaySession {
  GatewaySession(SessionId session_id, transport::Session& session, const wire::FrameReaderLimits& limits,
                 TokenBucket command_bucket)
      : id(session_id), transport(&session), reader(limits), commands(command_bucket) {}

  SessionId id;
  transport::Session* transport;
  SessionState state = SessionState::greeting;
  u32 battle = 0;  ///< index of the battle link; valid from seating on
  PlayerSlot player = kNoPlayer;
  EntityId entity;
  u32 highest_sequence = 0;  ///< of the commands handed to the battle
  u32 excess_commands = 0;   ///< dropped by the bucket since the last full second
  TimeNs deadline = 0;       ///< of greeting and seating
  TimeNs excess_since = 0;
  wire::FrameReader reader;
  TokenBucket commands;
  /// What the client was sent and holds. Made when the seat is granted.
  std::unique_ptr<broadcast::ClientView> view;
};

}  // namespace drumline::gateway

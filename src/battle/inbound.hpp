// What a gateway shard hands to a battle: one fixed-size entry of a bounded
// single-producer, single-consumer ring, filled in place.
#pragma once

#include "base/ids.hpp"
#include "base/spsc_ring.hpp"
#include "world/rules.hpp"

namespace drumline::battle {

struct Inbound {
  enum class Kind : u8 {
    command,  ///< `player` and `command`
    join,     ///< `profile`: wants a seat
    resume,   ///< `player`, `seat_generation`, `profile.account`: wants its seat again
    drop,     ///< `player`: the session is gone, the player may come back
    leave,    ///< `player`: gone for good
    resync,   ///< the gateway shard lacks key frames, and may lack names: the next frames are to carry all
    watch,    ///< `session` is in lockstep: it is to get the state, and every tick from then on
    unwatch,  ///< … and is no longer
    resend_state,  ///< … and needs the state anew
  };
  Kind kind = Kind::command;
  PlayerSlot player = kNoPlayer;
  u32 seat_generation = 0;
  BattleId battle;
  SessionId session;
  union {
    world::Command command;
    world::Profile profile;
  };

  Inbound() : command() {}
};

using InboundRing = SpscRing<Inbound>;

}  // namespace drumline::battle

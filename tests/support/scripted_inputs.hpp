// Players who do something, for battles that play themselves.
#pragma once

#include <vector>

#include "battle/battle.hpp"

namespace drumline::test {

/// The next tick's inputs, from the battle's own state only, so that it plays on alike
/// after a recovery: joins at first, then moves of up to `reach`, now and then a drop, a
/// reconnect or a leave.
inline std::vector<battle::Input> scripted_inputs(const battle::Battle& battle, i32 reach = 100) {
  std::vector<battle::Input> inputs;
  const Tick tick = battle.tick();
  if (battle.find_free_seat() != kNoPlayer && tick % 3 == 0) {
    battle::Input join;
    join.kind = battle::InputKind::join;
    join.profile.account = 1000 + tick;
    join.profile.name = {'p', static_cast<char>('a' + tick % 26)};
    inputs.push_back(join);
  }
  battle.for_each_seat([&](PlayerSlot player) {
    const auto seat = battle.seat(player);
    battle::Input input;
    input.player = player;
    if ((tick + player.value) % 50 == 0) {
      input.kind = seat->connected ? battle::InputKind::drop : battle::InputKind::reconnect;
      inputs.push_back(input);
    } else if ((tick + player.value * 7) % 173 == 1) {
      input.kind = battle::InputKind::leave;
      inputs.push_back(input);
    } else if (seat->connected) {
      input.command.sequence = seat->last_sequence + 1 + tick % 2;
      input.command.action = world::Action::move;
      input.command.x = static_cast<i32>((tick * 31 + player.value * 17) % (2 * reach)) - reach;
      input.command.timestamp_ms = tick;
      inputs.push_back(input);
    }
  });
  return inputs;
}

}  // namespace drumline::test

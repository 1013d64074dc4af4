// A command as the host (a page) says it, in numbers.
#pragma once

#include "world/rules.hpp"

namespace drumline {

inline world::Command host_command(u32 sequence, u64 entity, u64 target, u32 action, u32 skill, i32 x,
                                   i32 y) {
  world::Command command;
  command.sequence = sequence;
  command.entity = EntityId{entity};
  command.target = EntityId{target};
  command.action = static_cast<world::Action>(action);
  command.skill = static_cast<u8>(skill);
  command.x = x;
  command.y = y;
  return command;
}

}  // namespace drumline

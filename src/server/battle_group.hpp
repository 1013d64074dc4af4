// The process of a battle group (battle.isolation = "process"): one battle shard with its
// journal, control and watchdog, and a link to the node in place of gateways.
#pragma once

#include <vector>

#include "env/linked_process.hpp"
#include "world/rules.hpp"

namespace drumline::server {

/// Runs a group until the node says stop or is gone; the process's exit status. `games`: the
/// same as the node's. `link`: as env::LinkedProcess::start() gives it.
int run_battle_group(const std::vector<const world::Game*>& games, int link = env::kLinkDescriptor);

}  // namespace drumline::server

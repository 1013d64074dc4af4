// A server on free ports over a data folder of the test's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "arena/arena.hpp"
#include "server/server.hpp"

namespace drumline::testing {

inline Result<std::unique_ptr<server::Server>> start_server(
    const std::string& data, std::vector<config::Sources::Flag> flags = {},
    const world::Game& game = arena::arena_game(), std::vector<std::string> group = {"battle-group"}) {
  config::Sources sources;
  sources.flags = {{"test", "listen.port", "0"},
                   {"test", "listen.admin_port", "0"},
                   {"test", "battle.game", std::string(game.name())},
                   {"test", "battle.max_players", "64"},
                   {"test", "battle.seed", "7"},
                   {"test", "journal.segment_size_mib", "1"},
                   {"test", "threads.realtime", "off"},
                   // A test's machine may be busy, and nothing is to be given up for that.
                   {"test", "overload.enabled", "false"}};
  for (config::Sources::Flag& flag : flags) sources.flags.push_back(std::move(flag));
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  server::ServerOptions options;
  options.configuration = std::move(*configuration);
  options.data = data;
  options.games = {&game};
  // For a test whose main() is one of battle groups too.
  options.group_arguments = std::move(group);
  return server::Server::start(std::move(options));
}

}  // namespace drumline::testing

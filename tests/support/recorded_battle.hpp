// Battles that are recorded while they play, by whatever game.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "battle/battle.hpp"
#include "env/simulated_files.hpp"
#include "recording/player.hpp"
#include "recording/reader.hpp"
#include "recording/writer.hpp"
#include "support/scripted_inputs.hpp"

namespace drumline::test {

inline battle::BattleInfo battle_info(const world::Game& game, u64 seed = 11, u32 players = 4) {
  battle::BattleInfo info;
  info.id = BattleId{3};
  info.epoch = Epoch{2};
  info.game = std::string(game.name());
  info.rules_document = std::string(game.default_rules());
  info.seed = seed;
  info.max_players = players;
  info.build = "test";
  return info;
}

/// Plays and records `ticks` ticks; returns the hash of each, [0] the beginning's.
inline std::vector<u64> record_ticks(env::FileSystem& files, const std::string& path, const world::Game& game,
                                     int ticks, const recording::WriterOptions& options = {},
                                     battle::BattleInfo info = {}) {
  if (info.game.empty()) info = battle_info(game);
  auto battle = battle::Battle::create(game, info);
  EXPECT_TRUE(battle.ok()) << battle.error().message;
  std::vector<u64> hashes{(*battle)->state_hash()};
  auto writer = recording::RecordingWriter::begin(files, path, **battle, options);
  EXPECT_TRUE(writer.ok()) << writer.error().message;
  for (int i = 0; i < ticks; ++i) {
    const battle::TickOutcome outcome = (*battle)->step(scripted_inputs(**battle));
    hashes.push_back(outcome.state_hash);
    EXPECT_TRUE((*writer)->add(**battle, outcome).ok());
  }
  EXPECT_TRUE((*writer)->finish().ok());
  return hashes;
}

inline std::vector<std::byte> bytes_of(env::FileSystem& files, const std::string& path) {
  return env::read_file(files, path, u64{1} << 30).value();
}

inline void put_file(env::FileSystem& files, const std::string& path, Bytes bytes) {
  ASSERT_TRUE(env::write_file_atomic(files, path, bytes).ok());
}

}  // namespace drumline::test

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

/// Inputs from the battle's own state only: joins at first, then moves, now and then a
/// drop, a reconnect or a leave.
inline std::vector<battle::Input> scripted_inputs(const battle::Battle& battle) {
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
      input.command.x = static_cast<i32>((tick * 31 + player.value * 17) % 200) - 100;
      inputs.push_back(input);
    }
  });
  return inputs;
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

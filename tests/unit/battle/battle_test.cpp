#include "battle/battle.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/counting_game.hpp"

namespace drumline::battle {
namespace {

struct BattleStep : ::testing::Test {
  test::CountingGame game;
  std::unique_ptr<Battle> battle = make(4);

  std::unique_ptr<Battle> make(u32 players) {
    BattleInfo info;
    info.id = BattleId{1};
    info.epoch = Epoch{1};
    info.game = "counting";
    info.seed = 7;
    info.max_players = players;
    info.max_commands_per_tick = 3;
    info.rules_document = std::string(game.default_rules());
    return Battle::create(game, info).value();
  }
  static Input join(u64 account, PlayerSlot player = kNoPlayer) {
    Input input;
    input.kind = InputKind::join;
    input.player = player;
    input.profile.account = account;
    input.profile.name = {'b', 'o', 'b'};
    return input;
  }
  static Input of(InputKind kind, u32 player) {
    Input input;
    input.kind = kind;
    input.player = PlayerSlot{player};
    return input;
  }
  static Input move(u32 player, u32 sequence, i32 x = 1) {
    Input input;
    input.player = PlayerSlot{player};
    input.command.sequence = sequence;
    input.command.action = world::Action::move;
    input.command.x = x;
    return input;
  }
  TickOutcome step(std::vector<Input> inputs) {
    given = std::move(inputs);
    return battle->step(given);
  }
  std::vector<Input> given;
};

TEST_F(BattleStep, a_join_gets_the_lowest_free_seat_and_is_told_which) {
  auto outcome = step({join(10), join(11)});
  ASSERT_EQ(outcome.accepted.size(), 2U);
  EXPECT_EQ(outcome.tick, 1U);
  EXPECT_EQ(outcome.accepted[1].player, PlayerSlot{1});
  EXPECT_EQ(outcome.accepted_candidates[1], 1U);
  const auto seat = battle->seat(PlayerSlot{1});
  ASSERT_TRUE(seat.has_value());
  EXPECT_EQ(seat->profile.account, 11U);
  EXPECT_EQ(seat->profile.name_view(), "bob");
  EXPECT_EQ(seat->joined_tick, 1U);
  EXPECT_TRUE(seat->connected);
  EXPECT_EQ(battle->seat_of(11), PlayerSlot{1});
  EXPECT_EQ(battle->seat_of(12), kNoPlayer);

  step({of(InputKind::leave, 0)});
  EXPECT_FALSE(battle->seat(PlayerSlot{0}).has_value());
  EXPECT_EQ(battle->find_free_seat(), PlayerSlot{0});
  outcome = step({join(12)});
  EXPECT_EQ(outcome.accepted[0].player, PlayerSlot{0});
  EXPECT_EQ(battle->seat(PlayerSlot{0})->generation, 2U);
}

TEST_F(BattleStep, a_full_battle_and_a_wrong_seat_are_refused) {
  auto outcome = step({join(1, PlayerSlot{2})});
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(outcome.refused[0].refusal, world::kRefusedNoSeat);
  outcome = step({join(1), join(2), join(3), join(4), join(5)});
  EXPECT_EQ(outcome.accepted.size(), 4U);
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(outcome.refused[0].candidate, 4U);
  EXPECT_EQ(battle->find_free_seat(), kNoPlayer);
}

TEST_F(BattleStep, a_join_that_the_game_refuses_changes_nothing) {
  auto other = make(4);
  Input nobody = join(1);
  nobody.profile.name = {'n', 'o', 'b', 'o', 'd', 'y'};
  const auto outcome = step({nobody});
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(battle->rules().refusal_name(outcome.refused[0].refusal), "much");
  EXPECT_EQ(outcome.state_hash, other->step({}).state_hash);
}

TEST_F(BattleStep, commands_are_applied_by_player_and_sequence_after_what_changes_seats) {
  step({join(1), join(2)});
  const auto outcome = step({move(1, 2), move(1, 1), move(0, 1), join(3)});
  ASSERT_EQ(outcome.accepted.size(), 4U);
  EXPECT_EQ(outcome.accepted[0].kind, InputKind::join);
  EXPECT_EQ(outcome.accepted[1].player, PlayerSlot{0});
  EXPECT_EQ(outcome.accepted[2].command.sequence, 1U);
  EXPECT_EQ(outcome.accepted[3].command.sequence, 2U);
  EXPECT_EQ(outcome.accepted_candidates[1], 2U);
}

TEST_F(BattleStep, a_sequence_counts_once) {
  step({join(1)});
  auto outcome = step({move(0, 1), move(0, 1), move(0, 2)});
  EXPECT_EQ(outcome.accepted.size(), 2U);
  EXPECT_EQ(outcome.duplicates, 1U);
  outcome = step({move(0, 1), move(0, 2)});
  EXPECT_EQ(outcome.accepted.size(), 0U);
  EXPECT_EQ(outcome.duplicates, 2U);
  EXPECT_TRUE(outcome.refused.empty());
  EXPECT_EQ(battle->seat(PlayerSlot{0})->last_sequence, 2U);
}

TEST_F(BattleStep, a_refused_command_is_said_once_and_leaves_no_trace) {
  auto other = make(4);
  given = {join(1)};
  battle->step(given);
  other->step(given);
  auto outcome = step({move(0, 5, 1000)});
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(outcome.state_hash, other->step({}).state_hash);
  outcome = step({move(0, 5, 1000)});
  EXPECT_TRUE(outcome.refused.empty());
  EXPECT_EQ(outcome.duplicates, 1U);
  EXPECT_EQ(battle->seat(PlayerSlot{0})->last_sequence, 0U);
}

TEST_F(BattleStep, a_command_needs_a_connected_seat_and_its_own_entity) {
  step({join(1), join(2)});
  Input foreign = move(0, 1);
  foreign.command.entity = battle->rules().entity_of(PlayerSlot{1});
  Input odd = move(1, 1);
  odd.command.action = world::Action::none;
  auto outcome = step({foreign, odd, move(3, 1), move(77, 1), move(kNoPlayer.value, 1)});
  ASSERT_EQ(outcome.refused.size(), 5U);
  EXPECT_EQ(outcome.refused[0].refusal, world::kRefusedNotYours);
  EXPECT_EQ(outcome.refused[1].refusal, world::kRefusedUnknownAction);
  for (int i = 2; i < 5; ++i) EXPECT_EQ(outcome.refused[i].refusal, world::kRefusedNoSeat);
  outcome = step({of(InputKind::drop, 0), move(0, 2)});
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(outcome.refused[0].refusal, world::kRefusedNoSeat);
  outcome = step({of(InputKind::reconnect, 0), move(0, 2)});
  EXPECT_EQ(outcome.accepted.size(), 2U);
  EXPECT_EQ(outcome.accepted[1].command.entity, battle->rules().entity_of(PlayerSlot{0}));
}

TEST_F(BattleStep, too_many_commands_of_one_player_are_refused_and_the_others_are_not) {
  step({join(1), join(2)});
  const auto outcome = step({move(0, 1), move(0, 2), move(0, 3), move(0, 4), move(1, 1)});
  EXPECT_EQ(outcome.accepted.size(), 4U);
  ASSERT_EQ(outcome.refused.size(), 1U);
  EXPECT_EQ(outcome.refused[0].refusal, world::kRefusedTooMany);
}

TEST_F(BattleStep, what_a_tick_cannot_hold_is_counted) {
  step({join(1)});
  std::vector<Input> flood(battle->limits().inputs + 5, move(0, 1));
  const auto outcome = step(flood);
  EXPECT_EQ(outcome.overflow, 5U);
  EXPECT_EQ(outcome.accepted.size(), 1U);
}

TEST_F(BattleStep, drops_and_reconnects_must_fit_the_seat) {
  step({join(1)});
  auto outcome = step(
      {of(InputKind::reconnect, 0), of(InputKind::drop, 0), of(InputKind::drop, 0), of(InputKind::leave, 1)});
  EXPECT_EQ(outcome.accepted.size(), 1U);
  EXPECT_EQ(outcome.refused.size(), 3U);
  EXPECT_EQ(battle->connected_count(), 0U);
  EXPECT_EQ(battle->seated_count(), 1U);
}

TEST_F(BattleStep, accepted_inputs_given_again_are_accepted_again_with_equal_hashes) {
  auto replayed = make(4);
  world::Rng rng(3);
  std::vector<u32> sequences(4);
  for (int tick = 0; tick < 500; ++tick) {
    std::vector<Input> inputs;
    for (u64 i = 0; i < rng.below(u64{12}); ++i) {
      const auto player = static_cast<u32>(rng.below(u64{5}));
      switch (rng.below(u64{8})) {
        case 0:
          inputs.push_back(join(rng.below(u64{100})));
          break;
        case 1:
          inputs.push_back(of(InputKind::drop, player));
          break;
        case 2:
          inputs.push_back(of(InputKind::reconnect, player));
          break;
        case 3:
          if (rng.below(u64{4}) == 0) inputs.push_back(of(InputKind::leave, player));
          break;
        default:
          inputs.push_back(move(player, static_cast<u32>(tick + rng.below(u64{4})),
                                static_cast<i32>(rng.below(u64{240})) - 120));
      }
    }
    const auto live = battle->step(inputs);
    const auto again = replayed->step(live.accepted);
    ASSERT_EQ(again.accepted.size(), live.accepted.size());
    ASSERT_EQ(again.state_hash, live.state_hash);
  }
}

TEST_F(BattleStep, a_snapshot_goes_on_like_the_battle_it_was_taken_of) {
  step({join(1), join(2)});
  for (u32 i = 1; i < 20; ++i) step({move(0, i), move(1, i)});
  std::vector<std::byte> snapshot;
  battle->encode_snapshot(snapshot);
  auto restored = Battle::restore(game, battle->info(), snapshot);
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_EQ((*restored)->tick(), 20U);
  EXPECT_EQ((*restored)->state_hash(), battle->state_hash());
  given = {move(0, 19), move(1, 20)};
  const auto live = battle->step(given);
  const auto again = (*restored)->step(given);
  EXPECT_EQ(again.duplicates, live.duplicates);
  EXPECT_EQ(again.state_hash, live.state_hash);
}

TEST_F(BattleStep, wrong_settings_are_refused_by_name) {
  BattleInfo info = battle->info();
  info.max_players = 0;
  EXPECT_EQ(Battle::create(game, info).error().code, ErrorCode::invalid_argument);
  info = battle->info();
  info.game = "chess";
  EXPECT_EQ(Battle::create(game, info).error().code, ErrorCode::mismatch);
  info = battle->info();
  info.rules_document = "";
  EXPECT_NE(Battle::create(game, info).error().message.find("limit"), std::string::npos);
}

TEST_F(BattleStep, a_copy_goes_on_like_the_other) {
  step({join(10), join(11)});
  step({move(0, 5), move(1, 1)});
  const auto copy = make(4);
  copy->copy_from(*battle);
  EXPECT_EQ(copy->tick(), 2U);
  EXPECT_EQ(copy->state_hash(), battle->state_hash());
  // What was taken back may be said again, and what was seen is a repeat in both.
  step({move(0, 6, 3)});
  const auto again = copy->step(given);
  EXPECT_EQ(again.accepted.size(), 1U);
  EXPECT_EQ(again.state_hash, battle->state_hash());
  battle->copy_from(*copy);
  EXPECT_EQ(step({move(0, 6), move(1, 200, 1000)}).duplicates, 1U);
  copy->copy_from(*battle);
  EXPECT_EQ(copy->step(std::vector{move(1, 200)}).duplicates, 1U) << "it was refused, but seen";
}

TEST_F(BattleStep, a_pace_is_kept_with_the_ticks_and_changes_no_state) {
  const auto pace = [](u32 percent) {
    Input input;
    input.kind = InputKind::pace;
    input.pace_percent = percent;
    return input;
  };
  const auto other = make(4);
  EXPECT_EQ(battle->pace_percent(), world::kNormalPacePercent);
  const TickOutcome outcome = step({join(10), pace(250)});
  ASSERT_EQ(outcome.accepted.size(), 2U);
  EXPECT_EQ(outcome.accepted[1].pace_percent, 250U);
  EXPECT_EQ(battle->pace_percent(), 250U);
  EXPECT_EQ(outcome.state_hash, other->step(std::vector{join(10)}).state_hash);

  // As it is journaled, it is accepted again.
  const auto replayed = make(4);
  const std::vector<Input> journaled(outcome.accepted.begin(), outcome.accepted.end());
  EXPECT_EQ(replayed->step(journaled).accepted.size(), 2U);
  EXPECT_EQ(replayed->pace_percent(), 250U);

  EXPECT_EQ(step({pace(99), pace(1001)}).refused.size(), 2U);
  EXPECT_EQ(battle->pace_percent(), 250U);
}

}  // namespace
}  // namespace drumline::battle

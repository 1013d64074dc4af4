#include "lockstep/rollback.hpp"

#include "duel_of_two.hpp"
#include "support/allocation_counter.hpp"

namespace drumline::lockstep::testing {
namespace {

constexpr u32 kOwn = 0;
constexpr u32 kOther = 1;

struct Seen final : RollbackListener {
  std::vector<Tick> confirmed;
  std::vector<Tick> predicted;
  void on_confirmed(const battle::TickOutcome& outcome) override { confirmed.push_back(outcome.tick); }
  void on_predicted(const battle::TickOutcome& outcome) override { predicted.push_back(outcome.tick); }
};

struct RollbackOfDuel : ::testing::Test {
  std::unique_ptr<battle::Battle> server = duel_of_two(kFightTicks);
  std::unique_ptr<battle::Battle> truth = duel_of_two(kFightTicks);  ///< what the predicted battle should be
  Seen seen;
  Rollback rollback{duel_of_two(kFightTicks), duel_of_two(kFightTicks), PlayerSlot{kOwn}, 8, seen};

  Tick now() const { return server->tick(); }
  /// The server's next tick, and the client hears of it.
  std::optional<HashMismatch> tick(const std::vector<battle::Input>& inputs = {}) {
    const auto outcome = server->step(inputs);
    for (const battle::RefusedInput& refused : outcome.refused) {
      if (refused.input.player == PlayerSlot{kOwn}) rollback.forget(refused.input.command.sequence);
    }
    return rollback.confirm(outcome.accepted, outcome.state_hash);
  }
};

TEST_F(RollbackOfDuel, a_right_guess_is_kept) {
  for (int i = 0; i < 100; ++i) {
    rollback.predict_to(now() + 6);
    ASSERT_FALSE(tick().has_value());
    EXPECT_EQ(rollback.confirmed().state_hash(), server->state_hash());
  }
  EXPECT_EQ(rollback.predicted().tick(), now() + 5);
  EXPECT_EQ(rollback.statistics().rollbacks, 0U);
}

TEST_F(RollbackOfDuel, what_the_other_did_is_put_in_and_the_ticks_since_are_run_again) {
  rollback.predict_to(now() + 6);
  const auto walks = input_of(kOther, walk(1, -1));
  ASSERT_FALSE(tick({walks}).has_value());
  rollback.predict_to(now() + 6);
  truth->step(std::vector{walks});
  for (int i = 0; i < 6; ++i) truth->step({});
  EXPECT_EQ(rollback.predicted().tick(), truth->tick());
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());
  EXPECT_EQ(rollback.statistics().rollbacks, 1U);
  EXPECT_EQ(rollback.statistics().resimulated_ticks, 5U);
  EXPECT_EQ(rollback.statistics().deepest_ticks, 5U);
  // From here on the guess that he walks on is right.
  for (int i = 0; i < 20; ++i) {
    ASSERT_FALSE(tick().has_value());
    rollback.predict_to(now() + 6);
  }
  EXPECT_EQ(rollback.statistics().rollbacks, 1U);
}

TEST_F(RollbackOfDuel, an_own_command_shows_in_its_tick_and_again_after_a_rollback) {
  const Tick start = now();
  rollback.schedule(walk(1, 1), start + 4);
  rollback.predict_to(start + 6);
  const auto at_4 = [&](battle::Battle& battle) {
    while (battle.tick() < start + 3) battle.step({});
    battle.step(std::vector{input_of(kOwn, walk(1, 1))});
    while (battle.tick() < start + 6) battle.step({});
  };
  at_4(*truth);
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());

  const auto walks = input_of(kOther, walk(1, -1));
  ASSERT_FALSE(tick({walks}).has_value());
  rollback.predict_to(start + 6);
  truth = duel_of_two(kFightTicks);
  truth->step(std::vector{walks});
  at_4(*truth);
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());

  // And when it is confirmed there it was right.
  for (int i = 0; i < 2; ++i) ASSERT_FALSE(tick().has_value());
  ASSERT_FALSE(tick({input_of(kOwn, walk(1, 1))}).has_value());
  rollback.predict_to(start + 6);
  EXPECT_EQ(rollback.statistics().rollbacks, 1U);
  EXPECT_EQ(rollback.statistics().late_commands, 0U);
}

TEST_F(RollbackOfDuel, a_command_for_a_tick_that_was_shown_already_is_put_in) {
  const Tick start = now();
  rollback.predict_to(start + 6);
  rollback.schedule(walk(1, 1), start + 3);
  rollback.predict_to(start + 6);
  while (truth->tick() < start + 2) truth->step({});
  truth->step(std::vector{input_of(kOwn, walk(1, 1))});
  while (truth->tick() < start + 6) truth->step({});
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());
}

TEST_F(RollbackOfDuel, a_late_command_is_guessed_for_the_next_tick_until_it_comes) {
  const Tick start = now();
  rollback.schedule(walk(1, 1), start + 1);
  rollback.predict_to(start + 6);
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(tick().has_value());
    rollback.predict_to(start + 6);
    truth->copy_from(*server);
    truth->step(std::vector{input_of(kOwn, walk(1, 1))});
    while (truth->tick() < start + 6) truth->step({});
    EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash()) << "after tick " << now();
  }
  EXPECT_EQ(rollback.statistics().late_commands, 1U);
  ASSERT_FALSE(tick({input_of(kOwn, walk(1, 1))}).has_value());
  rollback.predict_to(start + 6);
  EXPECT_EQ(rollback.statistics().rollbacks, 3U) << "the last guess was right";
}

TEST_F(RollbackOfDuel, a_lost_command_is_given_up) {
  rollback.schedule(walk(1, 1), now() + 1);
  for (u32 i = 0; i <= Rollback::kLateTicks + 1; ++i) {
    ASSERT_FALSE(tick().has_value());
    rollback.predict_to(now() + 6);
  }
  while (truth->tick() < now() + 6) truth->step({});
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());
}

TEST_F(RollbackOfDuel, a_command_that_a_later_one_overtook_is_given_up) {
  rollback.schedule(walk(1, -1), now() + 1);
  rollback.schedule(walk(2, 1), now() + 2);
  rollback.predict_to(now() + 6);
  ASSERT_FALSE(tick().has_value());
  ASSERT_FALSE(tick({input_of(kOwn, walk(2, 1))}).has_value());
  rollback.predict_to(now() + 6);
  truth->copy_from(*server);
  while (truth->tick() < now() + 6) truth->step({});
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());
}

TEST_F(RollbackOfDuel, a_refused_command_is_forgotten) {
  rollback.schedule(walk(1, 1), now() + 2);
  rollback.predict_to(now() + 6);
  rollback.forget(1);
  for (int i = 0; i < 2; ++i) ASSERT_FALSE(tick().has_value());
  rollback.predict_to(now() + 6);
  while (truth->tick() < now() + 6) truth->step({});
  EXPECT_EQ(rollback.predicted().state_hash(), truth->state_hash());
}

TEST_F(RollbackOfDuel, a_command_that_the_rules_refuse_in_the_guess_is_not_guessed_again) {
  world::Command nothing = walk(1, 0);
  nothing.action = world::Action::skill;
  nothing.skill = duel::kSkillCount;
  rollback.schedule(nothing, now() + 2);
  rollback.predict_to(now() + 6);
  for (int i = 0; i < 10; ++i) ASSERT_FALSE(tick().has_value());
  EXPECT_EQ(rollback.statistics().late_commands, 0U);
}

TEST_F(RollbackOfDuel, no_more_than_the_limit_is_guessed_and_nothing_goes_back) {
  rollback.predict_to(now() + 100);
  EXPECT_EQ(rollback.predicted().tick(), now() + 8);
  rollback.predict_to(now() + 2);
  EXPECT_EQ(rollback.predicted().tick(), now() + 8);
  ASSERT_FALSE(tick({input_of(kOther, walk(1, -1))}).has_value());
  rollback.predict_to(now());
  EXPECT_EQ(rollback.predicted().tick(), now() + 7);
  EXPECT_EQ(rollback.statistics().deepest_ticks, 7U);
}

TEST_F(RollbackOfDuel, a_limit_of_none_shows_what_is_confirmed) {
  Rollback plain(duel_of_two(kFightTicks), duel_of_two(kFightTicks), PlayerSlot{kOwn}, 0, seen);
  plain.schedule(walk(1, 1), now() + 2);
  for (int i = 0; i < 10; ++i) {
    const auto outcome = server->step({});
    ASSERT_FALSE(plain.confirm(outcome.accepted, outcome.state_hash).has_value());
    plain.predict_to(now() + 5);
    EXPECT_EQ(plain.predicted().tick(), now());
    EXPECT_EQ(plain.predicted().state_hash(), server->state_hash());
  }
  EXPECT_EQ(plain.statistics().rollbacks, 0U);
}

TEST_F(RollbackOfDuel, a_client_that_was_behind_is_brought_up) {
  rollback.predict_to(now() + 3);
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(tick().has_value());
  rollback.predict_to(now() + 3);
  EXPECT_EQ(rollback.predicted().tick(), now() + 3);
  EXPECT_EQ(seen.confirmed.size(), 50U);
}

TEST_F(RollbackOfDuel, each_tick_is_told_once_as_predicted_and_once_as_confirmed) {
  const Tick start = now();
  for (u32 i = 0; i < 40; ++i) {
    rollback.predict_to(now() + 6);
    std::vector<battle::Input> inputs;
    if (i % 4 == 0) inputs.push_back(input_of(kOther, walk(i + 1, i % 8 == 0 ? 1 : -1)));
    ASSERT_FALSE(tick(inputs).has_value());
  }
  EXPECT_GT(rollback.statistics().rollbacks, 5U);
  for (std::size_t i = 0; i < seen.predicted.size(); ++i) ASSERT_EQ(seen.predicted[i], start + 1 + i);
  for (std::size_t i = 0; i < seen.confirmed.size(); ++i) ASSERT_EQ(seen.confirmed[i], start + 1 + i);
}

TEST_F(RollbackOfDuel, another_hash_is_reported_with_its_tick) {
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(tick().has_value());
  const auto outcome = server->step({});
  const auto mismatch = rollback.confirm(outcome.accepted, outcome.state_hash ^ 1);
  ASSERT_TRUE(mismatch.has_value());
  EXPECT_EQ(mismatch->tick, now());
  EXPECT_EQ(mismatch->own_hash, server->state_hash());
  EXPECT_EQ(mismatch->server_hash, server->state_hash() ^ 1);
}

TEST_F(RollbackOfDuel, any_play_is_guessed_as_well_as_can_be_known) {
  // The own commands arrive in time, the other's surprise; the predicted battle is always
  // the confirmed one with the own commands to come.
  world::Rng rng(5);
  std::vector<std::pair<Tick, world::Command>> own;
  u32 other_sequence = 0;
  for (u32 i = 0; i < 2'000; ++i) {
    if (rng.below(u64{4}) == 0) {
      world::Command command = random_command(rng);
      command.sequence = static_cast<u32>(own.size() + 1);
      own.emplace_back(now() + 6, command);
      rollback.schedule(command, now() + 6);
    }
    rollback.predict_to(now() + 5);
    std::vector<battle::Input> inputs;
    for (const auto& [tick, command] : own) {
      if (tick == now() + 1) inputs.push_back(input_of(kOwn, command));
    }
    if (rng.below(u64{5}) == 0) {
      inputs.push_back(input_of(kOther, random_command(rng)));
      inputs.back().command.sequence = ++other_sequence;
    }
    ASSERT_FALSE(tick(inputs).has_value());
    rollback.predict_to(now() + 5);
    truth->copy_from(*server);
    while (truth->tick() < now() + 5) {
      inputs.clear();
      for (const auto& [tick, command] : own) {
        if (tick == truth->tick() + 1) inputs.push_back(input_of(kOwn, command));
      }
      truth->step(inputs);
    }
    ASSERT_EQ(rollback.predicted().state_hash(), truth->state_hash()) << "after tick " << now();
  }
  EXPECT_GT(rollback.statistics().rollbacks, 100U);
}

TEST_F(RollbackOfDuel, a_steady_tick_does_not_allocate) {
  world::Rng rng(6);
  seen.confirmed.reserve(1'000);
  seen.predicted.reserve(1'000);
  std::vector<battle::Input> inputs;
  inputs.reserve(4);
  u64 before = 0;
  for (u32 i = 0; i < 400; ++i) {
    if (i == 200) before = drumline::testing::allocations();
    inputs.clear();
    if (i % 3 == 0) inputs.push_back(input_of(kOther, walk(i + 1, i % 2 == 0 ? 1 : -1)));
    if (i % 5 == 0) rollback.schedule(walk(i + 1, i % 2 == 0 ? 1 : -1), now() + 6);
    rollback.predict_to(now() + 6);
    const auto outcome = server->step(inputs);
    ASSERT_FALSE(rollback.confirm(outcome.accepted, outcome.state_hash).has_value());
  }
  EXPECT_EQ(drumline::testing::allocations() - before, 0U);
}

}  // namespace
}  // namespace drumline::lockstep::testing

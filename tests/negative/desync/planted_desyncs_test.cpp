// Explain is a checker, so it is checked: desyncs of every kind that we know are planted,
// and it must name tick, table, entity, field, both values and the kind of cause.
#include <gtest/gtest.h>

#include "desync/explain.hpp"
#include "skirmish.hpp"
#include "support/recorded_battle.hpp"

namespace drumline::desync {
namespace {

using test::Bug;
using test::Skirmish;

constexpr char kGood[] = "good.drec";
constexpr char kOther[] = "other.drec";
constexpr char kReport[] = "client.desync";
constexpr int kTicks = 240;
constexpr u32 kSnapshotEvery = 8;

struct Played {
  std::vector<u64> hashes;                     ///< by tick
  std::vector<std::vector<std::byte>> states;  ///< by tick
};

/// Joins of four, then moves and attacks by the tick alone; a drop, a reconnect, a leave.
std::vector<battle::Input> scripted(Tick tick) {
  std::vector<battle::Input> inputs;
  const auto add = [&](battle::InputKind kind, u32 player) -> battle::Input& {
    battle::Input input;
    input.kind = kind;
    input.player = PlayerSlot{player};
    inputs.push_back(input);
    return inputs.back();
  };
  for (u32 player = 0; player < 4; ++player) {
    if (tick == 2 + player * 5) {
      add(battle::InputKind::join, player).profile.account = 100 + player;
    }
  }
  if (tick == 95) add(battle::InputKind::drop, 2);
  if (tick == 97) add(battle::InputKind::reconnect, 2);
  if (tick == 150) add(battle::InputKind::leave, 1);
  for (u32 player = 0; player < 4; ++player) {
    if (tick < 30 || (tick + player * 3) % 12 != 0) continue;
    world::Command& command = add(battle::InputKind::command, player).command;
    command.sequence = static_cast<u32>(tick);
    const bool attacks = tick % 36 == 0 || tick == 90;
    command.action = attacks ? world::Action::attack : world::Action::move;
    command.x = static_cast<i32>(tick / 12 % 3) - 1;
  }
  return inputs;
}

struct PlantedDesyncs : ::testing::Test {
  env::SimulatedFiles files;
  const Skirmish good;

  void SetUp() override { test::outside_world() = 100; }

  /// Plays and records; `change` may change the tick's inputs, and `at_tick` the battle.
  Played play(const world::Game& game, const std::string& path, battle::BattleInfo info,
              const std::function<void(Tick, std::vector<battle::Input>&)>& change = nullptr,
              Tick restart_at = 0) {
    auto battle = battle::Battle::create(game, info).value();
    auto writer =
        recording::RecordingWriter::begin(files, path, *battle, {.snapshot_every = kSnapshotEvery}).value();
    Played run;
    const auto note = [&] {
      run.hashes.push_back(battle->state_hash());
      battle->encode_snapshot(run.states.emplace_back());
    };
    note();
    for (Tick tick = 1; tick <= kTicks; ++tick) {
      auto inputs = scripted(tick);
      if (change) change(tick, inputs);
      const auto outcome = battle->step(inputs);
      EXPECT_TRUE(writer->add(*battle, outcome).ok());
      note();
      if (tick == restart_at) battle = battle::Battle::restore(game, info, run.states.back()).value();
    }
    EXPECT_TRUE(writer->finish().ok());
    return run;
  }
  Played play(const world::Game& game, const std::string& path) {
    return play(game, path, test::battle_info(game));
  }

  /// What the other program's client would have sent: its hashes up to the first tick that
  /// the battle tells it to be wrong, and its state then.
  void report(const Played& other, Tick tick) {
    ClientReport sent;
    sent.battle = BattleId{3};
    sent.player = PlayerSlot{1};
    for (Tick at = tick > 20 ? tick - 20 : 1; at <= tick; ++at) sent.hashes.push_back({at, other.hashes[at]});
    sent.state = other.states[tick];
    ASSERT_TRUE(write_report(files, kReport, sent).ok());
  }

  static Tick first_difference(const Played& a, const Played& b) {
    for (Tick tick = 0; tick <= kTicks; ++tick) {
      if (a.hashes[tick] != b.hashes[tick]) return tick;
    }
    ADD_FAILURE() << "the planted bug changes nothing";
    return 0;
  }

  Explanation explain(const world::Game& game, const std::string& a, const std::string& b) {
    const recording::GameLookup lookup = [&](std::string_view) { return &game; };
    ExplainOptions options;
    options.a = a;
    options.b = b;
    auto explained = desync::explain(files, lookup, options);
    EXPECT_TRUE(explained.ok()) << explained.error().message;
    if (!explained) return {};
    if (HasFailure()) print(*explained);
    return std::move(explained).value();
  }
  static void print(const Explanation& explanation) {
    print_explanation(explanation, false, [](std::string_view line) {
      printf("    %.*s\n", static_cast<int>(line.size()), line.data());
    });
  }

  static void expect_hint(const Explanation& explained, const std::string& words) {
    const bool found = std::any_of(explained.hints.begin(), explained.hints.end(),
                                   [&](const auto& hint) { return hint.find(words) != std::string::npos; });
    EXPECT_TRUE(found) << "no hint says: " << words;
  }
  /// The values that the states themselves have: what the explanation must agree with.
  void expect_values(const Explanation& explained, const Played& a, const Played& b) {
    ASSERT_TRUE(explained.state_tick);
    ASSERT_FALSE(explained.states.differences.empty());
    const FieldDifference& first = explained.states.differences.front();
    const auto value = [&](const Played& run) {
      auto battle =
          battle::Battle::restore(good, test::battle_info(good), run.states[*explained.state_tick]).value();
      return field_value(battle->world(), first).value();
    };
    EXPECT_EQ(first.a, value(a));
    EXPECT_EQ(first.b, value(b));
    EXPECT_NE(first.a, first.b);
  }

  struct Expected {
    const char* table;
    const char* field;
    const char* hint;   ///< nothing: ""
    const char* write;  ///< in words, who wrote it last in the good run; "": not looked at
    u32 slot;
    bool at_any_tick = true;  ///< the hint does not need the states of the very tick
  };

  /// A node of the other build, as a recording and as a client's report, against the good one.
  void check(Bug bug, const Expected& expected) {
    const Skirmish bad(bug);
    const Played a = play(good, kGood);
    const Played b = play(bad, kOther);
    const Tick tick = first_difference(a, b);
    report(b, tick);
    for (const char* other : {kOther, kReport}) {
      SCOPED_TRACE(other);
      const Explanation explained = explain(good, kGood, other);
      EXPECT_EQ(explained.cause, Cause::step) << explained.verdict;
      EXPECT_EQ(explained.tick, tick);
      EXPECT_EQ(explained.hash_a, a.hashes[tick]);
      EXPECT_EQ(explained.hash_b, b.hashes[tick]);
      EXPECT_TRUE(explained.reproduced_a);
      EXPECT_FALSE(explained.reproduced_b);
      ASSERT_TRUE(explained.state_tick);
      // A client sends the state of that very tick; a recording has the next one kept.
      EXPECT_EQ(*explained.state_tick,
                other == kReport ? tick : (tick + kSnapshotEvery - 1) / kSnapshotEvery * kSnapshotEvery);
      expect_values(explained, a, b);
      const FieldDifference& first = explained.states.differences.front();
      EXPECT_EQ(first.table, expected.table);
      EXPECT_EQ(first.field, expected.field);
      EXPECT_EQ(first.slot, expected.slot);
      EXPECT_EQ(explained.inputs_a.inputs.size(), scripted(tick).size());
      if (expected.hint[0] != '\0' && (expected.at_any_tick || other == kReport))
        expect_hint(explained, expected.hint);
      if (expected.write[0] != '\0') {
        ASSERT_TRUE(explained.writes_a && explained.writes_a->count > 0);
        EXPECT_NE(explained.writes_a->writes.back().by.find(expected.write), std::string::npos)
            << explained.writes_a->writes.back().by;
        EXPECT_EQ(explained.writes_a->writes.back().tick, tick);
      }
      if (HasFailure()) print(explained);
    }
  }
};

TEST_F(PlantedDesyncs, the_good_build_against_itself_has_none) {
  play(good, kGood);
  play(good, kOther);
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::none);
  EXPECT_EQ(explained.compared, u64{kTicks} + 1);
}

TEST_F(PlantedDesyncs, floating_point) {
  check(Bug::float_motion, {"units", "x", "rounding", "the rules' step", 2});
}
TEST_F(PlantedDesyncs, a_field_that_was_never_set) {
  check(Bug::unset_armor, {"units", "armor", "", "join player 0", 0});
}
TEST_F(PlantedDesyncs, order_of_iteration) {
  check(Bug::reverse_order, {"units", "gold", "the same values stand in other rows", "the rules' step", 0});
}
TEST_F(PlantedDesyncs, time_of_day) {
  check(Bug::reads_clock, {"units", "cooldown", "", "", 0});
}
TEST_F(PlantedDesyncs, an_address_as_a_value) {
  check(Bug::address_as_value, {"match", "score", "", "attack", 0});
}
TEST_F(PlantedDesyncs, an_off_by_one_in_damage) {
  check(Bug::off_by_one, {"units", "health", "differs by one", "", 1});
}
TEST_F(PlantedDesyncs, a_draw_too_many_from_the_generator) {
  check(Bug::extra_draw, {"world", "rng[0]", "drew from it more often", "join player 0", 0});
}
TEST_F(PlantedDesyncs, a_write_left_out) {
  check(Bug::lost_write, {"units", "direction", "that write is missing in B", "drop player 2", 2, false});
}
TEST_F(PlantedDesyncs, a_row_that_was_not_removed) {
  check(Bug::kept_row, {"units", "live", "one side only", "leave player 1", 1});
}
TEST_F(PlantedDesyncs, a_number_put_through_too_few_bits) {
  check(Bug::narrowing, {"match", "score", "", "attack", 0});
}
TEST_F(PlantedDesyncs, systems_in_the_other_order) {
  check(Bug::swapped_systems, {"units", "health", "differs by one", "the rules' step", 0});
}
TEST_F(PlantedDesyncs, rules_kept_from_another_battle) {
  check(Bug::stale_cache, {"units", "x", "", "the rules' step", 2});
}

TEST_F(PlantedDesyncs, state_outside_the_world_is_lost_in_a_recovery) {
  // One build on both nodes; the second crashed in between and recovered from a snapshot.
  const Skirmish bad(Bug::hidden_state);
  const Played a = play(bad, kGood);
  const Played b = play(bad, kOther, test::battle_info(good), nullptr, 80);
  const Tick tick = first_difference(a, b);
  ASSERT_GT(tick, 80U);
  const Explanation explained = explain(bad, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::unrepeated);
  EXPECT_NE(explained.verdict.find("begins"), std::string::npos) << explained.verdict;
  EXPECT_EQ(explained.tick, tick);
  ASSERT_FALSE(explained.states.differences.empty());
  EXPECT_EQ(explained.states.differences.front().table, "match");
  EXPECT_EQ(explained.states.differences.front().field, "score");
  expect_values(explained, a, b);
}

TEST_F(PlantedDesyncs, a_clock_read_by_this_very_build_is_seen_by_playing_twice) {
  const Skirmish bad(Bug::reads_clock);
  const Played a = play(bad, kGood);
  test::outside_world() = 3;
  const Played b = play(bad, kOther);
  const Explanation explained = explain(bad, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::unrepeated) << explained.verdict;
  EXPECT_EQ(explained.tick, first_difference(a, b));
  ASSERT_FALSE(explained.states.differences.empty());
  EXPECT_EQ(explained.states.differences.front().field, "cooldown");
  expect_values(explained, a, b);
}

TEST_F(PlantedDesyncs, stale_rules_name_the_line) {
  play(good, kGood);
  battle::BattleInfo info = test::battle_info(good);
  info.rules_document = "# the rules of skirmish\nspeed = 139\n";
  play(good, kOther, info);
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::setup);
  EXPECT_NE(explained.verdict.find("line 2 is \"speed = 138\" in A, \"speed = 139\" in B"), std::string::npos)
      << explained.verdict;
  EXPECT_TRUE(explained.reproduced_a && explained.reproduced_b);
  ASSERT_FALSE(explained.states.differences.empty());
  EXPECT_EQ(explained.states.differences.front().field, "x");
  EXPECT_EQ(*explained.state_tick, explained.tick);
}

TEST_F(PlantedDesyncs, another_seed_differs_from_the_beginning) {
  play(good, kGood);
  play(good, kOther, test::battle_info(good, 12));
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::setup);
  EXPECT_NE(explained.verdict.find("seed: 11 in A, 12 in B"), std::string::npos) << explained.verdict;
  EXPECT_EQ(explained.tick, 0U);
}

TEST_F(PlantedDesyncs, an_input_that_one_side_did_not_get) {
  const Played a = play(good, kGood);
  const Played b =
      play(good, kOther, test::battle_info(good), [](Tick tick, std::vector<battle::Input>& inputs) {
        if (tick == 72) inputs.erase(inputs.begin());
      });
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::inputs);
  EXPECT_EQ(explained.tick, 72U);
  EXPECT_EQ(explained.input_difference, "only A has \"command player 0 #72 attack x -1 y 0\"");
  EXPECT_TRUE(explained.reproduced_a && explained.reproduced_b);
  expect_values(explained, a, b);
}

TEST_F(PlantedDesyncs, an_input_applied_a_tick_later) {
  std::vector<battle::Input> held;
  const Played a = play(good, kGood);
  const Played b =
      play(good, kOther, test::battle_info(good), [&](Tick tick, std::vector<battle::Input>& inputs) {
        if (tick == 61) inputs.insert(inputs.end(), held.begin(), held.end());
        if (tick == 60) held = std::exchange(inputs, {});
      });
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.cause, Cause::inputs);
  EXPECT_EQ(explained.tick, 60U);
  EXPECT_EQ(explained.input_difference.find("only A has \"command player 0 #60 move"), 0U)
      << explained.input_difference;
  expect_values(explained, a, b);
}

TEST_F(PlantedDesyncs, the_first_tick_is_named_even_when_the_difference_heals) {
  const Played a = play(good, kGood);
  // A command that changes nothing but the seat's last sequence, until the next one.
  const auto repeat = [](Tick tick, std::vector<battle::Input>& inputs) {
    if (tick != 214) return;
    battle::Input input;
    input.player = PlayerSlot{3};
    input.command.sequence = 214;
    input.command.action = world::Action::move;
    input.command.x = 1;
    inputs.push_back(input);
  };
  const Played b = play(good, kOther, test::battle_info(good), repeat);
  ASSERT_EQ(a.hashes[kTicks], b.hashes[kTicks]);
  const Explanation explained = explain(good, kGood, kOther);
  EXPECT_EQ(explained.tick, 214U);
  EXPECT_EQ(explained.cause, Cause::inputs);
  ASSERT_FALSE(explained.states.differences.empty());
  EXPECT_EQ(explained.states.differences.front().field, "last_sequence");
}

TEST_F(PlantedDesyncs, a_report_without_a_state_still_has_tick_and_inputs) {
  const Skirmish bad(Bug::off_by_one);
  const Played a = play(good, kGood);
  const Played b = play(bad, kOther);
  const Tick tick = first_difference(a, b);
  ClientReport sent;
  sent.battle = BattleId{3};
  sent.hashes = {{tick - 1, b.hashes[tick - 1]}, {tick, b.hashes[tick]}};
  ASSERT_TRUE(write_report(files, kReport, sent).ok());
  const Explanation explained = explain(good, kGood, kReport);
  EXPECT_EQ(explained.cause, Cause::step);
  EXPECT_EQ(explained.tick, tick);
  EXPECT_FALSE(explained.state_tick);
  EXPECT_EQ(explained.inputs_a.inputs.size(), scripted(tick).size());
}

}  // namespace
}  // namespace drumline::desync

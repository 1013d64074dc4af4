// Battles under power cuts and failing I/O: whatever was acknowledged is there after
// recovery, at the same tick with the same hash.
#include <gtest/gtest.h>

#include "env/simulated_files.hpp"
#include "recovery/verify.hpp"
#include "support/battle_log.hpp"

namespace drumline::recovery {
namespace {

using test::BattleLog;
using test::kData;

struct History {
  std::map<BattleId, std::map<Tick, u64>> acknowledged;

  /// What a recovered log holds, against all that was ever acknowledged.
  std::string check(BattleLog& log) const {
    for (const auto& [id, ticks] : acknowledged) {
      const std::string name = "battle " + std::to_string(id.value);
      if (!log.has(id)) return name + " is gone";
      const Tick last = ticks.rbegin()->first;
      const battle::Battle& battle = log.battle(id);
      if (battle.tick() < last) {
        return name + " resumed at " + std::to_string(battle.tick()) + ", acknowledged " +
               std::to_string(last);
      }
      const auto same = ticks.find(battle.tick());
      if (same != ticks.end() && same->second != battle.state_hash()) return name + " has another hash";
    }
    return "";
  }
};

Result<void> play(BattleLog& log, History& history, int ticks) {
  log.snapshot_every = 16;
  if (!log.has(BattleId{1})) {
    if (auto made = log.create(BattleId{1}, 5, 4); !made) return made;
  }
  Result<void> done;
  for (int i = 0; i < ticks && done.ok(); ++i) done = log.tick();
  for (const auto& [id, hashes] : log.acknowledged) {
    history.acknowledged[id].insert(hashes.begin(), hashes.end());
  }
  return done;
}

void expect_verified(env::FileSystem& files, const env::Clock& clock, BattleLog& log,
                     const std::string& where) {
  const auto verified = verify_data_folder(files, kData, log.lookup(), clock, nullptr);
  ASSERT_TRUE(verified.ok()) << verified.error().message << where;
  ASSERT_TRUE(verified->differences.empty()) << verified->differences[0].error.message << where;
}

/// With snapshots in files (false), and in the journal (true).
using battle_crashes = testing::TestWithParam<bool>;
INSTANTIATE_TEST_SUITE_P(with_snapshots, battle_crashes, testing::Bool(),
                         [](const auto& given) { return given.param ? "in_the_journal" : "in_files"; });

TEST_P(battle_crashes, power_cuts_at_every_io_lose_nothing_acknowledged) {
  const env::SimulatedClock clock;
  for (u64 cut = 1; cut <= 120; cut += cut < 40 ? 1 : 3) {
    env::SimulatedFiles files({.seed = cut});
    History history;
    for (u64 life = 0; life < 3; ++life) {
      files.cut_power_at(cut + 13 * life);
      {
        BattleLog log(files, clock);
        log.inline_snapshots = GetParam();
        if (const auto opened = log.open(); opened) {
          ASSERT_EQ(history.check(log), "") << "cut " << cut << ", life " << life;
          (void)play(log, history, 60);
        } else {
          ASSERT_EQ(opened.error().code, ErrorCode::io) << opened.error().message << ", cut " << cut;
        }
      }
      files.crash();
    }
    BattleLog log(files, clock);
    log.inline_snapshots = GetParam();
    const auto opened = log.open();
    ASSERT_TRUE(opened.ok()) << opened.error().message << ", cut " << cut;
    ASSERT_EQ(history.check(log), "") << "cut " << cut;
    expect_verified(files, clock, log, ", cut " + std::to_string(cut));
  }
}

TEST_P(battle_crashes, every_kth_io_failing_loses_nothing_acknowledged) {
  const env::SimulatedClock clock;
  using Fault = env::SimulatedFiles::Fault;
  for (const Fault fault : {Fault::io_error, Fault::no_space, Fault::short_write}) {
    for (u64 k = 1; k <= 100; k += k < 20 ? 1 : 9) {
      env::SimulatedFiles files({.seed = k});
      History history;
      const std::string where =
          "fault " + std::to_string(static_cast<int>(fault)) + ", every " + std::to_string(k);
      for (int life = 0; life < 4; ++life) {
        files.fail_every(k, fault);
        {
          BattleLog log(files, clock);
          log.inline_snapshots = GetParam();
          if (log.open()) {
            ASSERT_EQ(history.check(log), "") << where;
            (void)play(log, history, 40);
          }
        }
        files.fail_every(0, fault);
        if (life % 2 == 0) files.crash();
      }
      BattleLog log(files, clock);
      log.inline_snapshots = GetParam();
      const auto opened = log.open();
      ASSERT_TRUE(opened.ok()) << opened.error().message << where;
      ASSERT_EQ(history.check(log), "") << where;
      ASSERT_TRUE(play(log, history, 20).ok()) << where;
      expect_verified(files, clock, log, where);
    }
  }
}

}  // namespace
}  // namespace drumline::recovery

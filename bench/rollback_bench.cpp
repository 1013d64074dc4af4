// rollback/duel8: what a wrong guess costs a client in lockstep. Two fighters; the other
// did something eight ticks ago, so the world is taken back and the ticks are run again,
// the state hash of each included.
#include "bench.hpp"
#include "duel/duel.hpp"
#include "duel_view/duel_view.hpp"
#include "lockstep/rollback.hpp"
#include "sample_times.hpp"
#include "world/rng.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kTicksBack = 8;
constexpr u64 kMatchTicks = 2'000;  ///< then a new match begins, so that it is always a fight

Result<std::unique_ptr<battle::Battle>> make_duel() {
  battle::BattleInfo info;
  info.game = duel::duel_game().name();
  info.rules_document = duel::duel_game().default_rules();
  info.max_players = duel::kFighters;
  auto made = battle::Battle::create(duel::duel_game(), info);
  if (!made) return made;
  std::vector<battle::Input> joins(duel::kFighters);
  for (battle::Input& join : joins) join.kind = battle::InputKind::join;
  (*made)->step(joins);
  return made;
}

/// A server's battle and a client that guesses.
struct Match {
  std::unique_ptr<battle::Battle> server;
  lockstep::RollbackListener listener;
  std::optional<lockstep::Rollback> rollback;
  u32 sequence = 0;

  static Result<std::unique_ptr<Match>> make() {
    std::array<std::unique_ptr<battle::Battle>, 3> battles;
    for (auto& battle : battles) {
      auto made = make_duel();
      if (!made) return std::move(made).error();
      battle = std::move(made).value();
    }
    auto match = std::make_unique<Match>();
    match->server = std::move(battles[0]);
    match->rollback.emplace(std::move(battles[1]), std::move(battles[2]), PlayerSlot{0}, kTicksBack + 1,
                            match->listener);
    return match;
  }

  // The other walks, strikes, jumps and sends projectiles; it is always something new.
  battle::Input surprise(world::Rng& rng) {
    battle::Input input;
    input.player = PlayerSlot{1};
    world::Command& command = input.command;
    command.sequence = ++sequence;
    command.action = static_cast<world::Action>(rng.below(u64{3}));
    command.skill = static_cast<u8>(rng.below(u64{duel::kSkillCount}));
    command.x = (static_cast<i32>(rng.below(u64{3})) - 1) * duel::kDirectionLimit;
    return input;
  }
};

}  // namespace

Result<void> run_rollback(const Options& options, const Report& report) {
  auto match = Match::make();
  if (!match) return std::move(match).error();
  world::Rng rng(3);
  SampleTimes times;
  std::optional<Error> failed;
  sample_for(options.seconds, times, [&] {
    if ((*match)->server->tick() >= kMatchTicks) {
      auto next = Match::make();
      if (next) match = std::move(next);
    }
    battle::Battle& server = *(*match)->server;
    lockstep::Rollback& client = *(*match)->rollback;
    const std::array inputs{(*match)->surprise(rng)};
    const auto outcome = server.step(inputs);
    client.predict_to(outcome.tick + kTicksBack);
    const u64 before = client.statistics().resimulated_ticks;
    if (client.confirm(outcome.accepted, outcome.state_hash)) {
      failed = Error{ErrorCode::internal, "rollback bench: the client has another state than the server"};
    }
    const double ns = SampleTimes::on_core_ns([&] { client.predict_to(outcome.tick + kTicksBack); });
    // What the rules refused was no surprise.
    if (client.statistics().resimulated_ticks - before == kTicksBack) times.add(ns);
  });
  if (failed) return *failed;
  report(times.figure_us("rollback/duel8"));
  return {};
}

}  // namespace drumline::bench

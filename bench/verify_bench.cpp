// verify/speed: how much faster than real time a recorded battle of arena is replayed
// and compared. recovery/battle: a crashed battle, from data folder to running,
// with the most ticks to replay that the snapshot policy leaves. recording/*: the same
// battle as a file.
#include <vector>

#include "arena/arena.hpp"
#include "battle/journal_records.hpp"
#include "bench.hpp"
#include "env/file.hpp"
#include "journal/writer.hpp"
#include "recording/reader.hpp"
#include "recovery/print.hpp"
#include "recovery/verify.hpp"
#include "sample_times.hpp"
#include "snapshot/writer.hpp"
#include "world/fixed_math.hpp"

namespace drumline::bench {
namespace {

constexpr u32 kDefaultPlayers = 300;
constexpr Tick kTicks = 3 * 512 - 1;  ///< one short of a snapshot
constexpr u64 kSegmentBytes = 64 * 1024 * 1024;
constexpr Tick kTicksPerCommit = 16;  ///< a setup need not wait for the disk at every tick
constexpr BattleId kBattle{1};
constexpr Epoch kEpoch{1};

/// What bots would send: about five commands a second and player.
void make_inputs(const battle::Battle& battle, world::Rng& rng, std::vector<battle::Input>& inputs) {
  inputs.clear();
  if (battle.tick() == 0) {
    battle::Input join;
    join.kind = battle::InputKind::join;
    for (u32 i = 0; i < battle.info().max_players; ++i) {
      join.profile.account = i + 1;
      inputs.push_back(join);
    }
    return;
  }
  battle.for_each_seat([&](PlayerSlot player) {
    if (rng.below(u64{12}) != 0) return;
    const world::Vector way = world::direction_of(static_cast<world::Angle>(rng.next_u64()));
    battle::Input input;
    input.player = player;
    world::Command& command = input.command;
    command.sequence = static_cast<u32>(battle.tick());
    command.x = static_cast<i32>(way.x.raw / 2);
    command.y = static_cast<i32>(way.y.raw / 2);
    command.timestamp_ms = 1'700'000'000'000 + battle.tick() * 16;
    const u64 choice = rng.below(u64{16});
    command.action = choice < 9    ? world::Action::move
                     : choice < 14 ? world::Action::attack
                                   : world::Action::skill;
    command.skill = static_cast<u8>(rng.below(u64{3}));
    inputs.push_back(input);
  });
}

Result<void> take_snapshot(const battle::Battle& battle, snapshot::SnapshotStore& store) {
  std::vector<std::byte> content;
  battle.encode_snapshot(content);
  snapshot::SnapshotHeader header;
  header.battle = kBattle;
  header.epoch = kEpoch;
  header.tick = battle.tick();
  header.state_hash = battle.state_hash();
  auto written = store.write(header, battle::encode_created({battle.info(), 0}), content);
  if (!written) return std::move(written).error();
  return {};
}

Result<void> record(env::FileSystem& files, const env::Clock& clock, const std::string& data, u32 players) {
  battle::BattleInfo info;
  info.id = kBattle;
  info.epoch = kEpoch;
  info.game = std::string(arena::arena_game().name());
  info.rules_document = std::string(arena::arena_game().default_rules());
  info.max_players = players;
  info.build = "bench";
  auto made = battle::Battle::create(arena::arena_game(), info);
  if (!made) return std::move(made).error();
  battle::Battle& battle = **made;
  const std::string folder = recovery::journal_folder(data);
  auto writer =
      journal::Writer::create(files, clock, folder, 1, kSegmentBytes,
                              std::make_unique<journal::InlineSegmentSource>(files, folder, kSegmentBytes));
  if (!writer) return std::move(writer).error();
  snapshot::SnapshotStore store(files, recovery::snapshot_folder(data));
  const snapshot::SnapshotPolicy policy;

  journal::Batch batch(kTicksPerCommit *
                       journal::record_bytes(battle::max_tick_bytes(battle.limits().inputs)));
  auto done = batch.append({journal::RecordKind::battle_created, kBattle, kEpoch, 0},
                           battle::encode_created({info, battle.state_hash()}));
  world::Rng rng(players);
  std::vector<battle::Input> inputs;
  while (done && battle.tick() < kTicks) {
    make_inputs(battle, rng, inputs);
    const battle::TickOutcome outcome = battle.step(inputs);
    ByteWriter out(batch.open(battle::max_tick_bytes(outcome.accepted.size())));
    battle::encode_tick(outcome.state_hash, 0, outcome.accepted, out);
    batch.close({journal::RecordKind::tick, kBattle, kEpoch, outcome.tick}, out.size());
    if (outcome.tick % kTicksPerCommit == 0 || outcome.tick == kTicks) {
      done = (*writer)->commit(batch);
      batch.clear();
    }
    if (done && outcome.tick % policy.every_ticks == 0) done = take_snapshot(battle, store);
  }
  return done;
}

Figure figure_ms(std::string name, SampleTimes& times) {
  Figure figure{};
  figure.name = std::move(name);
  figure.unit = std::string("ms");
  figure.value = times.mean_ns() / 1e6;
  figure.p50 = times.percentile_ns(0.5) / 1e6;
  figure.p99 = times.percentile_ns(0.99) / 1e6;
  figure.n = times.count();
  return figure;
}

/// recording/seek: to any tick of a recording that was just opened; recording/seek_worst:
/// to a tick that is the furthest from the state before it.
Result<void> run_seek(env::FileSystem& files, const std::string& data, const recovery::GameLookup& lookup,
                      const Options& options, const Report& report) {
  const std::string path = options.folder + "/battle.drec";
  recovery::RecordOptions recording;
  recording.out = path;
  auto recorded = recovery::record_battle(files, data, lookup, recording, nullptr);
  if (!recorded) return std::move(recorded).error();
  world::Rng rng(1);
  Result<void> failed;
  const auto seek = [&](Tick tick) {
    auto reader = recording::RecordingReader::open(files, path);
    if (!reader) {
      failed = std::move(reader).error();
      return;
    }
    recording::Player player(**reader, arena::arena_game());
    if (auto sought = player.seek(tick); !sought) failed = std::move(sought).error();
    if (player.difference()) failed = *player.difference();
  };
  SampleTimes any;
  sample_for(options.seconds / 4, any, [&] {
    const Tick tick = rng.below(kTicks + 1);
    any.time_on_core([&] { seek(tick); });
  });
  SampleTimes worst;
  sample_for(options.seconds / 4, worst,
             [&] { worst.time_on_core([&] { seek(2 * recording::kDefaultSnapshotEvery - 1); }); });
  if (!failed) return failed;
  report(figure_ms("recording/seek", any));
  report(figure_ms("recording/seek_worst", worst));
  return {};
}

}  // namespace

Result<void> run_verify(const Options& options, const Report& report) {
  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const std::string data = options.folder + "/data";
  const u32 players = options.players != 0 ? options.players : kDefaultPlayers;
  if (auto recorded = record(*files, clock, data, players); !recorded) return recorded;
  const recovery::GameLookup lookup = [](std::string_view name) -> const world::Game* {
    return name == arena::arena_game().name() ? &arena::arena_game() : nullptr;
  };

  SampleTimes verifications;
  Result<void> failed;
  sample_for(options.seconds / 2, verifications, [&] {
    verifications.time([&] {
      auto verified = recovery::verify_data_folder(*files, data, lookup, clock, nullptr);
      if (!verified)
        failed = std::move(verified).error();
      else if (!verified->differences.empty())
        failed = verified->differences.front().error;
      else if (verified->ticks != kTicks)
        failed = Error{ErrorCode::internal, "verify did not replay every tick"};
    });
  });
  if (!failed) return failed;
  Figure speed;
  speed.name = "verify/speed";
  speed.unit = std::string("x");
  const double played_ns = static_cast<double>(kTicks) * kTickNs;
  speed.value = played_ns / verifications.mean_ns();
  speed.n = verifications.count();
  report(speed);

  SampleTimes recoveries;
  sample_for(options.seconds / 2, recoveries, [&] {
    recoveries.time([&] {
      auto recovered = recovery::recover_data_folder(*files, data, lookup, clock);
      if (!recovered)
        failed = std::move(recovered).error();
      else if (!recovered->ok())
        failed = *recovered->battles.front().report.failure;
    });
  });
  if (!failed) return failed;
  report(figure_ms("recovery/battle", recoveries));
  return run_seek(*files, data, lookup, options, report);
}

}  // namespace drumline::bench

#include "recovery/verify.hpp"

#include <algorithm>
#include <unordered_map>

namespace drumline::recovery {

Result<Verification> verify_data_folder(env::FileSystem& files, const std::string& data,
                                        const GameLookup& lookup, const env::Clock& clock,
                                        const std::function<void(const VerifyProgress&)>& progress) {
  const TimeNs begun = clock.now();
  TimeNs told = begun;
  const snapshot::SnapshotStore store(files, snapshot_folder(data));
  auto opened = journal::Reader::open(files, journal_folder(data));
  if (!opened) return std::move(opened).error();
  journal::Reader& reader = **opened;

  Verification result;
  std::unordered_map<BattleId, std::unique_ptr<BattleReplay>> replays;
  for (;;) {
    auto next = reader.next();
    if (!next) return std::move(next).error();
    if (*next == nullptr) break;
    const journal::Record& record = **next;
    if (record.info.battle == BattleId{}) continue;
    auto& replay = replays[record.info.battle];
    if (replay == nullptr) {
      replay = std::make_unique<BattleReplay>(record.info.battle, lookup, store, Begin::oldest, ~Tick{0});
      ++result.battles;
    }
    const bool failed = replay->failure().has_value();
    const u64 before = replay->replayed_ticks();
    (void)replay->feed(record);
    result.ticks += replay->replayed_ticks() - before;
    if (!failed && replay->failure()) {
      result.differences.push_back({record.info.battle, replay->failure_tick(), *replay->failure()});
    }
    // A battle that is over needs its memory no more.
    if (replay->disposed()) (void)replay->take_battle();
    if (progress && clock.now() - told > 10 * kMillisecondNs) {
      told = clock.now();
      progress({reader.progress(), result.battles, result.ticks, result.differences.size()});
    }
  }
  for (const auto& [id, replay] : replays) {
    result.snapshots += replay->snapshots_compared();
    for (const auto& damaged : replay->damaged()) result.damaged.push_back(damaged);
    if (!replay->waits()) continue;
    if (replay->disposed()) {
      // It is over and its beginning was pruned with its snapshots: nothing to compare with.
      ++result.pruned_battles;
      continue;
    }
    replay->end();
    result.differences.push_back({id, replay->failure_tick(), *replay->failure()});
  }
  std::sort(result.damaged.begin(), result.damaged.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  result.torn = reader.torn();
  result.records = reader.record_count();
  result.journal_bytes = reader.byte_count();
  result.milliseconds = static_cast<double>(clock.now() - begun) / 1e6;
  if (progress) progress({1, result.battles, result.ticks, result.differences.size()});
  return result;
}

Result<Verification> verify_data_folders(env::FileSystem& files, const std::vector<std::string>& folders,
                                         const GameLookup& lookup, const env::Clock& clock,
                                         const std::function<void(const VerifyProgress&)>& progress) {
  Verification all;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto show = [&](const VerifyProgress& at) {
      if (!progress) return;
      progress({(static_cast<double>(i) + at.part) / static_cast<double>(folders.size()),
                all.battles + at.battles, all.ticks + at.ticks, all.differences.size() + at.differences});
    };
    auto one = verify_data_folder(files, folders[i], lookup, clock, show);
    if (!one) return std::move(one).error().within(folders[i]);
    all.battles += one->battles;
    all.pruned_battles += one->pruned_battles;
    all.ticks += one->ticks;
    all.snapshots += one->snapshots;
    all.records += one->records;
    all.journal_bytes += one->journal_bytes;
    all.milliseconds += one->milliseconds;
    const auto move_to = [](auto& to, auto& from) {
      to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    };
    move_to(all.differences, one->differences);
    move_to(all.torn, one->torn);
    move_to(all.damaged, one->damaged);
  }
  return all;
}

}  // namespace drumline::recovery

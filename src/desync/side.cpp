#include "desync/side.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "recovery/describe.hpp"
#include "recovery/folder_history.hpp"
#include "recovery/recovery.hpp"

namespace drumline::desync {
namespace {

constexpr std::size_t kWritesKept = 4;
/// How many kept states further back a field's last write is looked for.
constexpr int kLooksBack = 16;

Result<bool> is_report(env::FileSystem& files, const std::string& path) {
  const auto is_folder = files.exists(recovery::journal_folder(path));
  if (!is_folder) return is_folder.error();
  if (*is_folder || files.list(path)) return false;
  auto file = files.open(path, env::OpenMode::read);
  if (!file) return std::move(file).error();
  std::array<std::byte, 8> first{};
  const auto read = (*file)->read_at(0, first);
  if (!read) return read.error();
  return as_text(Bytes(first).first(*read)) == kReportMagic;
}

/// Compares one field after each input and after the step.
class WriteTracker final : public battle::StepObserver {
 public:
  WriteTracker(const battle::Battle& battle, const FieldDifference& field, FieldWrites& out)
      : battle_(battle), field_(field), out_(out), value_(field_value(battle.world(), field).value_or(0)) {
    out_.looked_from = battle.tick();
    out_.first_value = value_;
  }

  void on_input(const battle::Input& input, std::size_t index) override {
    note(battle_.tick() + 1,
         [&] { return fmt::format("input {}: {}", index + 1, recovery::input_text(input)); });
  }
  void on_step() override {
    note(battle_.tick(), [] { return std::string("the rules' step"); });
  }

 private:
  template <class Words>
  void note(Tick tick, Words words) {
    const i64 now = field_value(battle_.world(), field_).value_or(0);
    if (now == value_) return;
    ++out_.count;
    if (out_.writes.size() == kWritesKept) out_.writes.erase(out_.writes.begin());
    out_.writes.push_back({.tick = tick, .by = words(), .before = value_, .after = now});
    value_ = now;
  }

  const battle::Battle& battle_;
  const FieldDifference& field_;
  FieldWrites& out_;
  i64 value_;
};

}  // namespace

Result<std::unique_ptr<Side>> Side::open(env::FileSystem& files, const std::string& path, BattleId battle,
                                         const recording::GameLookup& lookup) {
  std::unique_ptr<Side> side(new Side(path));
  const auto reported = is_report(files, path);
  if (!reported) return reported.error();
  if (*reported) {
    auto report = read_report(files, path);
    if (!report) return std::move(report).error();
    side->report_ = std::move(report).value();
    return side;
  }
  auto history = recovery::open_history(files, path, battle);
  if (!history) return std::move(history).error();
  side->history_ = std::move(history).value();
  side->game_ = lookup(side->history_->info().game);
  if (side->game_ == nullptr) return recovery::unknown_game(side->history_->info());
  return side;
}

recording::Origin Side::origin() const {
  if (history_) return history_->origin();
  return {report_->simulation, report_->build};
}

Result<std::optional<u64>> Side::hash(Tick tick) {
  if (tick < first_tick() || tick > last_tick()) return std::optional<u64>();
  if (history_) {
    auto hash = history_->recorded_hash(tick);
    if (!hash) return std::move(hash).error();
    return std::optional<u64>(*hash);
  }
  const auto found = std::lower_bound(report_->hashes.begin(), report_->hashes.end(), tick,
                                      [](const TickHash& one, Tick wanted) { return one.tick < wanted; });
  if (found == report_->hashes.end() || found->tick != tick) return std::optional<u64>();
  return std::optional<u64>(found->hash);
}

Result<std::optional<std::span<const battle::Input>>> Side::inputs(Tick tick) {
  using Inputs = std::optional<std::span<const battle::Input>>;
  if (!history_ || tick <= history_->first_tick() || tick > history_->last_tick()) return Inputs();
  if (auto read = history_->read_tick(tick, record_); !read) return std::move(read).error();
  return Inputs(record_.inputs);
}

std::unique_ptr<battle::Battle> Side::play_to(Tick tick) {
  if (!history_) return nullptr;
  recording::Player player(*history_, *game_);
  if (!player.seek(tick)) return nullptr;
  return player.take_battle();
}

std::vector<Tick> Side::kept_states(Tick tick, std::size_t limit) const {
  std::vector<Tick> kept;
  if (!history_) {
    if (!report_->state.empty() && report_->hashes.back().tick >= tick) kept.push_back(last_tick());
    return kept;
  }
  const auto& stored = history_->stored_ticks();
  for (auto at = std::lower_bound(stored.begin(), stored.end(), tick);
       at != stored.end() && kept.size() < limit; ++at) {
    kept.push_back(*at);
  }
  return kept;
}

std::optional<KnownState> Side::state(Tick tick) {
  KnownState known;
  known.tick = tick;
  if (!history_) {
    if (report_->state.empty() || last_tick() != tick) return std::nullopt;
    known.content = report_->state;
    known.how = "sent by the client";
    return known;
  }
  const auto& stored = history_->stored_ticks();
  if (std::binary_search(stored.begin(), stored.end(), tick)) {
    auto state = history_->load_state(tick);
    if (state && !state->as_created) {
      known.content = std::move(state->content);
      known.how = "kept";
      return known;
    }
  }
  if (!reproduces(tick)) return std::nullopt;
  play_to(tick)->encode_snapshot(known.content);
  known.how = "replayed";
  return known;
}

bool Side::reproduces(Tick tick) {
  const auto wanted = hash(tick);
  if (!history_ || !wanted || !*wanted) return false;
  // From a state before it: one that was kept of the tick itself proves no step.
  const auto& stored = history_->stored_ticks();
  for (auto from = std::lower_bound(stored.begin(), stored.end(), tick); from != stored.begin();) {
    const auto played = hash_played(*--from, tick);
    if (played) return *played == **wanted;
  }
  return tick == history_->first_tick() && hash_played(tick, tick) == **wanted;
}

/// From the kept state of `from`.
std::optional<u64> Side::hash_played(Tick from, Tick to) {
  recording::Player player(*history_, *game_);
  if (!player.begin_at(from)) return std::nullopt;
  while (player.battle()->tick() < to) {
    if (!player.next()) return std::nullopt;
  }
  return player.battle()->state_hash();
}

std::string Side::unrepeated(Tick tick) {
  if (!history_ || tick <= history_->first_tick()) return "";
  const auto& stored = history_->stored_ticks();
  const auto nearest = std::lower_bound(stored.begin(), stored.end(), tick) - 1;
  const auto older = nearest - std::min<std::ptrdiff_t>(nearest - stored.begin(), kLooksBack);
  const auto once = hash_played(*nearest, tick);
  if (!once) return "";
  if (const auto again = hash_played(*nearest, tick); again && *again != *once) {
    return fmt::format(
        "this program itself comes to two states when it plays {} twice from tick {}: something "
        "decides there that is no state (a clock, an address, memory that was never set, a "
        "variable outside the world)",
        name_, *nearest);
  }
  // What was equal where it was kept and differs now went by another way than the state.
  const auto longer = hash_played(*older, tick);
  const auto kept = hash(*nearest);
  if (!longer || *longer == *once || !kept || !*kept || hash_played(*older, *nearest) != **kept) return "";
  return fmt::format(
      "this program itself comes to two states when it plays {} and begins at tick {} or at tick "
      "{}: something is carried from tick to tick that is no state",
      name_, *older, *nearest);
}

std::optional<FieldWrites> Side::writes(const FieldDifference& field, Tick tick) {
  if (!history_ || tick <= history_->first_tick() || tick > history_->last_tick()) return std::nullopt;
  const auto& stored = history_->stored_ticks();
  auto from = std::lower_bound(stored.begin(), stored.end(), tick);
  std::optional<FieldWrites> found;
  for (int looks = 0; looks < kLooksBack && from != stored.begin(); ++looks) {
    --from;
    recording::Player player(*history_, *game_);
    if (!player.begin_at(*from) || !field_value(player.battle()->world(), field)) continue;
    FieldWrites writes;
    WriteTracker tracker(*player.battle(), field, writes);
    bool played = true;
    while (played && player.battle()->tick() < tick) played = player.next(&tracker).ok();
    if (!played) continue;
    found = std::move(writes);
    if (found->count > 0) break;
  }
  return found;
}

}  // namespace drumline::desync

#include <algorithm>

#include <fmt/format.h>

#include "recording/reader.hpp"
#include "recovery/folder_history.hpp"
#include "recovery/verify.hpp"

namespace drumline::recovery {
namespace {

class RecordingVerifier {
 public:
  RecordingVerifier(recording::RecordingReader& reader, const world::Game& game)
      : reader_(reader), player_(reader, game) {}

  /// Every block's checksum, before any is believed.
  Result<void> check_blocks() {
    const auto found = [this](const recording::Damage& damage) {
      const bool known = std::any_of(result.damage.begin(), result.damage.end(),
                                     [&](const auto& one) { return one.offset == damage.offset; });
      if (!known) result.damage.push_back(damage);
    };
    for (const recording::Damage& damage : reader_.damage()) found(damage);
    return reader_.for_each_block([this](const recording::Block&) { ++result.records; }, found);
  }

  Result<void> begin(Tick tick) {
    if (auto begun = player_.begin_at(tick); !begun) return begun;
    note_difference();
    return {};
  }

  /// Plays the next tick, or goes on at the next state that holds where it cannot be read.
  Result<void> next() {
    const Tick tick = player_.battle()->tick() + 1;
    auto played = player_.next();
    if (!played) {
      if (result.damage.empty()) return std::move(played).error();
      return go_on_after(tick, played.error());
    }
    ++result.ticks;
    note_difference();
    return compare_state(tick);
  }

  Tick tick() const { return player_.battle()->tick(); }

  Verification result;

 private:
  void note_difference() {
    if (player_.difference() && result.differences.empty()) {
      result.differences.push_back(
          {reader_.info().id, player_.difference_tick(), Error(*player_.difference())});
    }
  }

  Result<void> go_on_after(Tick tick, const Error& why) {
    for (const Tick stored : reader_.stored_ticks()) {
      if (stored < tick) continue;
      if (begin(stored)) return {};
    }
    return Error(why);
  }

  Result<void> compare_state(Tick tick) {
    if (!std::binary_search(reader_.stored_ticks().begin(), reader_.stored_ticks().end(), tick)) return {};
    auto state = reader_.load_state(tick);
    if (!state) return {};  // among the damaged blocks
    ++result.snapshots;
    player_.battle()->encode_snapshot(content_);
    if (content_ == state->content || !result.differences.empty()) return {};
    result.differences.push_back(
        {reader_.info().id, tick,
         Error{ErrorCode::mismatch, battle::tick_name(reader_.info().id, tick) +
                                        ": the state kept of it is another than the ticks lead to"}});
    return {};
  }

  recording::RecordingReader& reader_;
  recording::Player player_;
  std::vector<std::byte> content_;
};

}  // namespace

Result<Verification> verify_recording(env::FileSystem& files, const std::string& path,
                                      const GameLookup& lookup, const env::Clock& clock, bool force,
                                      std::vector<std::string>& notes,
                                      const std::function<void(const VerifyProgress&)>& progress) {
  const TimeNs begun = clock.now();
  TimeNs told = begun;
  auto opened = recording::RecordingReader::open(files, path);
  if (!opened) return std::move(opened).error();
  recording::RecordingReader& reader = **opened;
  const world::Game* game = lookup(reader.info().game);
  if (game == nullptr) return unknown_game(reader.info());
  if (auto checked = recording::check_origin(reader, force, notes); !checked)
    return std::move(checked).error();
  RecordingVerifier verifier(reader, *game);
  if (auto checked = verifier.check_blocks(); !checked) return std::move(checked).error();
  if (auto first = verifier.begin(reader.first_tick()); !first) return std::move(first).error();
  Verification& result = verifier.result;
  result.battles = 1;
  result.journal_bytes = reader.file_bytes();
  const double ticks = static_cast<double>(reader.last_tick() - reader.first_tick());
  while (verifier.tick() < reader.last_tick()) {
    if (!verifier.next()) break;  // nothing after the damage can be played
    if (progress && clock.now() - told > 10 * kMillisecondNs) {
      told = clock.now();
      progress({static_cast<double>(verifier.tick() - reader.first_tick()) / ticks, 1, result.ticks,
                result.differences.size()});
    }
  }
  result.milliseconds = static_cast<double>(clock.now() - begun) / 1e6;
  if (progress) progress({1, 1, result.ticks, result.differences.size()});
  return std::move(verifier.result);
}

}  // namespace drumline::recovery

#include <fmt/format.h>

#include "recording/writer.hpp"
#include "recovery/folder_history.hpp"
#include "recovery/print.hpp"

namespace drumline::recovery {

Result<RecordResult> record_battle(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                   const RecordOptions& options,
                                   const std::function<void(double)>& progress) {
  auto history = open_history(files, path, options.battle);
  if (!history) return std::move(history).error();
  const world::Game* game = lookup((*history)->info().game);
  if (game == nullptr) return unknown_game((*history)->info());
  std::vector<std::string> notes;
  if (auto checked = recording::check_origin(**history, options.force, notes); !checked)
    return std::move(checked).error();
  const Tick first = (*history)->first_tick();
  const Tick last = (*history)->last_tick();
  const auto differs = [&](const Error& error) {
    return Error{error.code, error.message + ": it is not recorded; drumline desync explain looks into it"};
  };
  recording::Player player(**history, *game);
  if (auto begun = player.begin_at(first); !begun) return std::move(begun).error();
  if (player.difference()) return differs(*player.difference());
  recording::WriterOptions writing;
  if (options.snapshot_every != 0) writing.snapshot_every = options.snapshot_every;
  auto writer = recording::RecordingWriter::begin(files, options.out, *player.battle(), writing);
  if (!writer) return std::move(writer).error();
  while (player.battle()->tick() < last) {
    auto played = player.next();
    if (!played) return std::move(played).error();
    if (played->difference) return differs(*played->difference);
    if (auto added = (*writer)->add(*player.battle(), played->outcome); !added)
      return std::move(added).error();
    if (progress && played->outcome.tick % 1024 == 0)
      progress(static_cast<double>(played->outcome.tick - first) / static_cast<double>(last - first));
  }
  if (auto finished = (*writer)->finish(); !finished) return std::move(finished).error();
  return RecordResult{.battle = player.battle()->info().id,
                      .first_tick = first,
                      .last_tick = last,
                      .state_hash = player.battle()->state_hash(),
                      .bytes = (*writer)->bytes()};
}

}  // namespace drumline::recovery

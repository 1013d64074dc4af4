// drumline replay and drumline inspect: what a data folder holds, readable.
#include <cstdio>

#include "command.hpp"
#include "env/file.hpp"
#include "games.hpp"
#include "recovery/print.hpp"

namespace drumline::app {
namespace {

struct ReplayArguments {
  std::string data = "./data";
  u64 battle = 1;
  u64 to_tick = 0;
  std::string print = "hash";
};

void print_line(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
}

int replay(const ReplayArguments& arguments, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  recovery::ReplayOptions options;
  options.battle = BattleId{arguments.battle};
  options.to_tick = arguments.to_tick;
  options.print = arguments.print == "state"    ? recovery::ReplayPrint::state
                  : arguments.print == "events" ? recovery::ReplayPrint::events
                                                : recovery::ReplayPrint::hash;
  options.json = global.json;
  const auto replayed = recovery::replay_battle(*files, arguments.data, lookup, options, print_line);
  if (!replayed) return fail(replayed.error());
  return replayed->equal ? kDone : kFailedCheck;
}

int inspect(const std::string& file, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const auto inspected = recovery::inspect(*files, file, global.json, print_line);
  if (!inspected) return fail(inspected.error());
  return inspected->damage == 0 ? kDone : kFailedCheck;
}

}  // namespace

void add_replay(CLI::App& app, const GlobalOptions& global, int& status) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command =
      app.add_subcommand("replay", "Replays one battle and prints its hashes, state or events");
  command->add_option("DIR", arguments->data, "Data folder")->capture_default_str();
  command->add_option("--battle", arguments->battle, "Which battle")->capture_default_str();
  command->add_option("--to", arguments->to_tick, "Stop after this tick (0: the journal's end)")
      ->capture_default_str();
  command->add_option("--print", arguments->print, "What to print")
      ->check(CLI::IsMember({"hash", "state", "events"}))
      ->capture_default_str();
  command->footer("Example:\n  drumline replay ./data --battle 1 --to 1000 --print state");
  command->callback([arguments, &global, &status] { status = replay(*arguments, global); });
}

void add_inspect(CLI::App& app, const GlobalOptions& global, int& status) {
  auto file = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("inspect", "Shows a journal segment or snapshot readably, and names damage");
  command->add_option("FILE", *file, "Segment (.seg) or snapshot (.snap)")->required();
  command->footer("Example:\n  drumline inspect ./data/journal/00000001.seg");
  command->callback([file, &global, &status] { status = inspect(*file, global); });
}

}  // namespace drumline::app

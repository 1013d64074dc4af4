// drumline replay and drumline inspect: what a data folder or a recording holds, readable.
#include <cstdio>

#include "command.hpp"
#include "env/file.hpp"
#include "games.hpp"
#include "recovery/print.hpp"

namespace drumline::app {
namespace {

struct ReplayArguments {
  std::string path = "./data";
  u64 battle = 0;
  u64 from_tick = 0;
  u64 to_tick = 0;
  std::string print = "hash";
  std::string inputs;
  std::string out;
  bool force = false;
};

void print_line(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
}

int replay(const ReplayArguments& arguments, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  recovery::ReplayOptions options;
  options.battle = BattleId{arguments.battle};
  options.from_tick = arguments.from_tick;
  options.to_tick = arguments.to_tick;
  options.print = arguments.print == "state"    ? recovery::ReplayPrint::state
                  : arguments.print == "events" ? recovery::ReplayPrint::events
                                                : recovery::ReplayPrint::hash;
  options.json = global.json;
  options.force = arguments.force;
  options.out = arguments.out;
  Result<recovery::InputChanges> changes = recovery::InputChanges();
  if (!arguments.inputs.empty()) {
    changes = recovery::InputChanges::read(*files, arguments.inputs);
    if (!changes) return fail(changes.error());
    options.changes = &*changes;
  }
  const auto replayed = recovery::replay_battle(*files, arguments.path, lookup, options, print_line);
  if (!replayed) return fail(replayed.error());
  return replayed->equal || options.changes != nullptr ? kDone : kFailedCheck;
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
  CLI::App* command = app.add_subcommand(
      "replay", "Replays one battle, or a fork of it with other inputs, and prints hashes, state or events");
  command->add_option("PATH", arguments->path, "Data folder or recording")->capture_default_str();
  command->add_option("--battle", arguments->battle, "Which battle of the folder (0: the only one)")
      ->capture_default_str();
  command->add_option("--from", arguments->from_tick, "Begin in this tick's state (0: the first one kept)")
      ->capture_default_str();
  command->add_option("--to", arguments->to_tick, "Stop after this tick (0: the end)")->capture_default_str();
  command->add_option("--print", arguments->print, "What to print")
      ->check(CLI::IsMember({"hash", "state", "events"}))
      ->capture_default_str();
  CLI::Option* inputs = command->add_option("--inputs", arguments->inputs,
                                            "What if: inputs to add and leave out after --from, JSON lines");
  command->add_option("--out", arguments->out, "Record the fork in this file")->needs(inputs);
  command->add_flag("--force", arguments->force,
                    "Also what another simulation recorded, and on after a difference");
  command->footer(
      "Example:\n  drumline replay ./data --battle 1 --to 1000 --print state\n"
      "  drumline replay battle-1.drec --from 900 --inputs what-if.jsonl");
  command->callback([arguments, &global, &status] { status = replay(*arguments, global); });
}

void add_inspect(CLI::App& app, const GlobalOptions& global, int& status) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Shows a journal segment, snapshot or recording readably, and names damage");
  command->add_option("FILE", *file, "Segment (.seg), snapshot (.snap) or recording (.drec)")->required();
  command->footer("Example:\n  drumline inspect ./data/journal/00000001.seg");
  command->callback([file, &global, &status] { status = inspect(*file, global); });
}

}  // namespace drumline::app

// drumline record: one battle of a data folder as one file.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "command.hpp"
#include "env/file.hpp"
#include "games.hpp"
#include "recovery/print.hpp"

namespace drumline::app {
namespace {

struct RecordArguments {
  std::string data = "./data";
  recovery::RecordOptions options;
  u64 battle = 0;
};

int record(const RecordArguments& arguments, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  recovery::RecordOptions options = arguments.options;
  options.battle = BattleId{arguments.battle};
  const bool progress = shows_progress(global);
  u64 ticks = 0;
  const auto recorded = recovery::record_battle(*files, arguments.data, lookup, options, [&](double part) {
    ticks += 1024;
    if (progress) draw_progress(part, ticks);
  });
  if (progress) clear_progress();
  if (!recorded) return fail(recorded.error());
  if (global.json) {
    const nlohmann::ordered_json json{
        {"battle", recorded->battle.value}, {"first_tick", recorded->first_tick},
        {"last_tick", recorded->last_tick}, {"state_hash", to_hex(recorded->state_hash)},
        {"bytes", recorded->bytes},         {"file", options.out}};
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("battle %llu, ticks %llu to %llu, %llu bytes in %s\n",
                static_cast<unsigned long long>(recorded->battle.value),
                static_cast<unsigned long long>(recorded->first_tick),
                static_cast<unsigned long long>(recorded->last_tick),
                static_cast<unsigned long long>(recorded->bytes), options.out.c_str());
  }
  return kDone;
}

}  // namespace

void add_record(CLI::App& app, const GlobalOptions& global, int& status) {
  auto arguments = std::make_shared<RecordArguments>();
  recovery::RecordOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "record", "Exports one battle as one file that can be replayed anywhere, replaying it meanwhile");
  command->add_option("PATH", arguments->data, "Data folder")->capture_default_str();
  command->add_option("--battle", arguments->battle, "Which battle (0: the only one)")->capture_default_str();
  command->add_option("--out", options.out, "The recording (.drec)")->required();
  command->add_option("--snapshot-every", options.snapshot_every, "Ticks between states to seek to (0: 256)")
      ->capture_default_str();
  command->add_flag("--force", options.force, "Also what another simulation recorded");
  command->footer("Example:\n  drumline record ./data --battle 1 --out battle-1.drec");
  command->callback([arguments, &global, &status] { status = record(*arguments, global); });
}

}  // namespace drumline::app

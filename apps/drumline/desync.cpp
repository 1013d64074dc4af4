// drumline desync explain: why two runs of one battle are not the same.
#include <cstdio>

#include "command.hpp"
#include "desync/explain.hpp"
#include "env/file.hpp"
#include "games.hpp"

namespace drumline::app {
namespace {

struct ExplainArguments {
  std::string a;
  std::string b;
  u64 battle = 0;
};

int explain(const ExplainArguments& arguments, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const recording::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  desync::ExplainOptions options;
  options.a = arguments.a;
  options.b = arguments.b;
  options.battle = BattleId{arguments.battle};
  const auto explained = desync::explain(*files, lookup, options);
  if (!explained) return fail(explained.error());
  desync::print_explanation(*explained, global.json, [](std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  });
  return explained->cause == desync::Cause::none ? kDone : kFailedCheck;
}

}  // namespace

void add_desync(CLI::App& app, const GlobalOptions& global, int& status) {
  CLI::App* desync = app.add_subcommand("desync", "Looks into runs of one battle that are not the same");
  desync->require_subcommand(1);
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* command = desync->add_subcommand(
      "explain", "Names the first tick that differs, the table, entity and field, and what wrote it");
  const std::string what = "Recording (.drec), data folder or client's report (.desync)";
  command->add_option("A", arguments->a, what)->required();
  command->add_option("B", arguments->b, what)->required();
  command->add_option("--battle", arguments->battle, "Which battle of a folder (0: the only one)")
      ->capture_default_str();
  command->footer("Example:\n  drumline desync explain ./data client-7.desync");
  command->callback([arguments, &global, &status] { status = explain(*arguments, global); });
}

}  // namespace drumline::app

// drumline verify: replays a data folder or a recording and compares every tick's state hash.
#include "recovery/verify.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "games.hpp"
#include "recovery/data_folders.hpp"
#include "recovery/sight_check.hpp"

namespace drumline::app {
namespace {

struct VerifyArguments {
  std::string path = "./data";
  std::string sights;  ///< a file; empty: none
  bool force = false;
};

Result<recovery::Verification> run(const VerifyArguments& arguments, bool progress) {
  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  const auto show = [&](const recovery::VerifyProgress& at) {
    if (progress) draw_progress(at.part, at.ticks);
  };
  const auto folders = recovery::folders_with_journal(*files, arguments.path);
  if (folders && !folders->empty())
    return recovery::verify_data_folders(*files, *folders, lookup, clock, show);
  if (const auto lists = files->list(arguments.path); lists.ok()) {
    return Error{ErrorCode::not_found,
                 arguments.path + " holds no journal; give the folder that --data named"};
  }
  std::vector<std::string> notes;
  auto verified =
      recovery::verify_recording(*files, arguments.path, lookup, clock, arguments.force, notes, show);
  for (const std::string& note : notes) std::fprintf(stderr, "drumline: note: %s\n", note.c_str());
  return verified;
}

int verify(const VerifyArguments& arguments, const GlobalOptions& global) {
  const bool progress = shows_progress(global);
  auto verified = run(arguments, progress);
  if (progress) clear_progress();
  if (!verified) return fail(verified.error());
  const recovery::Verification& v = *verified;
  const double speed = v.milliseconds > 0 ? static_cast<double>(v.ticks) * 16 / v.milliseconds : 0;
  if (global.json) {
    nlohmann::ordered_json json{{"battles", v.battles},
                                {"ticks", v.ticks},
                                {"differences", v.differences.size()},
                                {"records", v.records},
                                {"journal_bytes", v.journal_bytes},
                                {"ms", v.milliseconds}};
    auto list = nlohmann::ordered_json::array();
    for (const recovery::Difference& d : v.differences) {
      list.push_back({{"battle", d.battle.value}, {"tick", d.tick}, {"reason", d.error.message}});
    }
    json["first_differences"] = list;
    auto places = nlohmann::ordered_json::array();
    for (const recording::Damage& d : v.damage) places.push_back({{"offset", d.offset}, {"what", d.what}});
    json["damage"] = places;
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    for (const recovery::Difference& d : v.differences)
      std::printf("difference: %s\n", d.error.message.c_str());
    for (const journal::TornTail& t : v.torn) {
      std::printf(
          "note: segment %u ends in %llu torn bytes at offset %llu (%s); recovery cuts them and keeps a "
          "copy\n",
          t.segment, static_cast<unsigned long long>(t.bytes), static_cast<unsigned long long>(t.offset),
          t.reason.c_str());
    }
    for (const recording::Damage& d : v.damage) {
      std::printf("damage: %s, offset %llu: %s\n", arguments.path.c_str(),
                  static_cast<unsigned long long>(d.offset), d.what.c_str());
    }
    for (const snapshot::DamagedSnapshot& s : v.damaged) std::printf("note: %s\n", s.error.message.c_str());
    std::printf("battles %llu, ticks %llu, differences %zu (%.0f ms, %.0f x real time)\n",
                static_cast<unsigned long long>(v.battles), static_cast<unsigned long long>(v.ticks),
                v.differences.size(), v.milliseconds, speed);
  }
  return v.differences.empty() && v.damage.empty() ? kDone : kFailedCheck;
}

// drumline verify --sights
int verify_sights(const VerifyArguments& arguments, const GlobalOptions& global) {
  constexpr u64 kMostBytes = u64{1} << 30;
  const auto files = env::make_system_files();
  const auto bytes = env::read_file(*files, arguments.sights, kMostBytes);
  if (!bytes) return fail(bytes.error());
  auto sights = broadcast::read_sights(as_text(*bytes));
  if (!sights) return fail(std::move(sights).error().within(arguments.sights));
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  const auto checked = recovery::check_sights(*files, arguments.path, lookup, std::move(*sights));
  if (!checked) return fail(checked.error());
  if (global.json) {
    const nlohmann::ordered_json json{{"sights", checked->sights},
                                      {"battles", checked->battles},
                                      {"ticks", checked->ticks},
                                      {"different", checked->different},
                                      {"first_differences", checked->first_differences}};
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    for (const std::string& each : checked->first_differences) std::printf("difference: %s\n", each.c_str());
    std::printf("sights %llu, of %llu ticks of %llu battles, different %llu\n",
                static_cast<unsigned long long>(checked->sights),
                static_cast<unsigned long long>(checked->ticks),
                static_cast<unsigned long long>(checked->battles),
                static_cast<unsigned long long>(checked->different));
  }
  return checked->different == 0 ? kDone : kFailedCheck;
}

}  // namespace

void add_verify(CLI::App& app, const GlobalOptions& global, int& status) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Replays every battle of a data folder, or a recording, and compares each tick's hash");
  command->add_option("PATH", arguments->path, "Data folder or recording")->capture_default_str();
  command->add_flag("--force", arguments->force, "Also a recording of another simulation");
  command->footer("Example:\n  drumline verify ./data\n  drumline verify battle-1.drec");
  command->add_option(
      "--sights", arguments->sights,
      "Compares instead what clients were shown (drumline bots --record-sights) with the record");
  command->callback([arguments, &global, &status] {
    status = arguments->sights.empty() ? verify(*arguments, global) : verify_sights(*arguments, global);
  });
}

}  // namespace drumline::app

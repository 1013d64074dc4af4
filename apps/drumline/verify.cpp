// drumline verify: replays a data folder and compares every tick's state hash.
#include "recovery/verify.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "games.hpp"

namespace drumline::app {
namespace {

int verify(const std::string& data, const GlobalOptions& global) {
  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const recovery::GameLookup lookup = [](std::string_view name) { return find_game(name); };
  const bool progress = shows_progress(global);
  const auto show = [&](const recovery::VerifyProgress& at) {
    if (!progress) return;
    constexpr int kWidth = 40;
    const int done = static_cast<int>(at.part * kWidth);
    std::fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %llu ticks", done, "########################################",
                 kWidth - done, "", at.part * 100, static_cast<unsigned long long>(at.ticks));
  };
  const auto exists = files->exists(recovery::journal_folder(data));
  if (!exists || !*exists) {
    return fail({ErrorCode::not_found, data + " holds no journal; give the folder that --data named"});
  }
  auto verified = recovery::verify_data_folder(*files, data, lookup, clock, show);
  if (progress) std::fprintf(stderr, "\r\033[K");
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
    for (const snapshot::DamagedSnapshot& s : v.damaged) std::printf("note: %s\n", s.error.message.c_str());
    std::printf("battles %llu, ticks %llu, differences %zu (%.0f ms, %.0f x real time)\n",
                static_cast<unsigned long long>(v.battles), static_cast<unsigned long long>(v.ticks),
                v.differences.size(), v.milliseconds, speed);
  }
  return v.differences.empty() ? kDone : kFailedCheck;
}

}  // namespace

void add_verify(CLI::App& app, const GlobalOptions& global, int& status) {
  auto data = std::make_shared<std::string>("./data");
  CLI::App* command =
      app.add_subcommand("verify", "Replays every battle of a data folder and compares each tick's hash");
  command->add_option("DIR", *data, "Data folder")->capture_default_str();
  command->footer("Example:\n  drumline verify ./data");
  command->callback([data, &global, &status] { status = verify(*data, global); });
}

}  // namespace drumline::app

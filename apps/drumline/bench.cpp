// drumline bench: figures that anyone can rerun.
#include "bench/bench.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "command.hpp"
#include "env/random.hpp"
#include "games.hpp"

namespace drumline::app {
namespace {

struct Family {
  const char* name;
  const char* help;
  Result<void> (*run)(const bench::Options&, const bench::Report&);
};

constexpr std::array kFamilies{
    Family{"wire", "verify + decode + validate + enqueue of a command; CRC-16", bench::run_wire},
    Family{"tick", "step cost; lateness, skipped ticks, allocations and server CPU with N bots",
           bench::run_tick},
    Family{"density", "one map with ever more players, each sent to at every tick", bench::run_density},
    Family{"overload", "the overload ladder: a crowd, with busy processes beside it for a while",
           bench::run_overload},
    Family{"journal", "group commit against the same bare write", bench::run_journal},
    Family{"broadcast", "encoding and assembling frames", bench::run_broadcast},
    Family{"hash", "state hash", bench::run_hash},
    Family{"snapshot", "full and delta snapshots of 3,000 entities", bench::run_snapshot},
    Family{"rollback", "taking back and running again 8 ticks of a duel", bench::run_rollback},
    Family{"verify", "replay speed; seeking in a recording", bench::run_verify},
    Family{"recovery", "from a kill to a running battle", bench::run_recovery},
    Family{"battles", "thousands of duels with two bots each; making and ending battles", bench::run_battles},
    Family{"sync", "what each synchronisation model costs, and how long inputs take, under bad networks",
           bench::run_sync},
    Family{"gateway", "frames and bulk against the kernel's limit; io_uring; QUIC's settings one by one",
           bench::run_gateway},
    Family{"handshake", "QUIC handshakes with mutual TLS", bench::run_handshake},
    Family{"idle", "thousands of connections that come in while others play, and then say nothing",
           bench::run_idle},
    Family{"hold", "the clients of idle", bench::run_hold},
};

/// Without a reader there is nothing left to do.
void flush() {
  if (std::fflush(stdout) != 0) request_stop();
}

void print_text(const bench::Figure& figure) {
  std::printf("%-28s %12.2f %s", figure.name.c_str(), figure.value, figure.unit.c_str());
  if (figure.p50) std::printf("  p50 %.2f", *figure.p50);
  if (figure.p99) std::printf("  p99 %.2f", *figure.p99);
  if (figure.p999) std::printf("  p99.9 %.2f", *figure.p999);
  if (figure.n) std::printf("  n %llu", static_cast<unsigned long long>(*figure.n));
  if (figure.rival) {
    std::printf("  %s %.2f", figure.rival->name.c_str(), figure.rival->value);
    if (figure.rival->value != 0) std::printf(" (ratio %.2f)", figure.value / figure.rival->value);
  }
  std::printf("\n");
  flush();
}

void print_json(const bench::Figure& figure) {
  nlohmann::ordered_json json{{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
  if (figure.p50) json["p50"] = *figure.p50;
  if (figure.p99) json["p99"] = *figure.p99;
  if (figure.p999) json["p999"] = *figure.p999;
  if (figure.n) json["n"] = *figure.n;
  if (figure.rival) json["rival"] = {{"name", figure.rival->name}, {"value", figure.rival->value}};
  std::printf("%s\n", json.dump().c_str());
  flush();
}

std::map<std::string, bench::Layout> layouts() {
  std::map<std::string, bench::Layout> by_name;
  for (std::size_t i = 0; i < std::size(bench::kLayouts); ++i)
    by_name.emplace(bench::kLayouts[i], static_cast<bench::Layout>(i));
  return by_name;
}

int run(const Family& family, bench::Options options, const std::string& parent,
        const GlobalOptions& global) {
  std::string made = parent + "/drumline-bench-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) {
    return fail({ErrorCode::permission,
                 "no scratch folder can be made in " + parent + "; choose another with --folder"});
  }
  options.folder = made;
  options.games = games();
  options.stop = &stop_requests();
  catch_stop_signals();
  const auto done = family.run(options, global.json ? print_json : print_text);
  std::error_code ignored;
  std::filesystem::remove_all(made, ignored);
  return done ? kDone : fail(done.error());
}

}  // namespace

void add_bench(CLI::App& app, const GlobalOptions& global, int& status) {
  CLI::App* bench = app.add_subcommand("bench", "Measures; --json prints one object a figure");
  bench->require_subcommand(1);
  auto options = std::make_shared<bench::Options>();
  auto folder = std::make_shared<std::string>(".");
  for (const Family& family : kFamilies) {
    CLI::App* command = bench->add_subcommand(family.name, family.help);
    command->add_option("--seconds", options->seconds, "How long to measure each figure")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
    command->add_option("--players", options->players, "How many players (0: the benchmark's own default)")
        ->check(CLI::Range(0, 16'384))
        ->capture_default_str();
    command
        ->add_option("--count", options->count,
                     "How many battles or connections (0: the benchmark's own default)")
        ->check(CLI::Range(0, 20'000))
        ->capture_default_str();
    command
        ->add_option("--clients-per-port", options->clients_per_port,
                     "Bots that share a UDP port; 1: each has its own")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    command
        ->add_option("--folder", *folder,
                     "On the disk to measure; a scratch folder is made there and removed")
        ->capture_default_str();
    if (family.run == bench::run_sync) {
      command->add_flag("--quick", options->quick, "One condition only, to see that it works");
      command->add_option(
          "--write", options->write,
          "Folder of the documentation: its sync-models.md gets the tables, its plots/ the plots");
    }
    if (family.run == bench::run_hold) {
      command->group("");
      command->add_option("--connect", options->connect, "Server's address")->required();
      command->add_option("--pki", options->pki, "Folder with ca.pem, client.pem and client.key")->required();
      command->add_option("--idle-timeout", options->idle_timeout_s, "Seconds");
    }
    if (family.run == bench::run_overload) {
      command->add_option("--busy", options->busy, "Processes beside it that want a processor each")
          ->check(CLI::Range(0, 64))
          ->capture_default_str();
    }
    if (family.run == bench::run_density) {
      command->add_option("--write", options->write,
                          "Folder of the documentation: its plots/ gets the plots");
      command
          ->add_option("--send-hz", options->send_hz,
                       "State messages a second to each player, 1 to 62; or tiered: those with nobody near "
                       "are sent to less often")
          ->check(CLI::Range(1, 62) | CLI::IsMember({"tiered"}))
          ->capture_default_str();
      command
          ->add_option("--step", options->step,
                       "So many players more each time, up to --players; as many measures only those")
          ->check(CLI::Range(1, 16'384))
          ->capture_default_str();
      command
          ->add_option("--layout", options->layout,
                       "spread: all over the map; boss: in one spot; teleport, death: each second or second "
                       "second, all of them; join: half of them while it is measured")
          ->transform(CLI::CheckedTransformer(layouts()));
    }
    command->footer(std::string("Example:\n  drumline bench ") + family.name + " --seconds 5 --json");
    command->callback(
        [&family, options, folder, &global, &status] { status = run(family, *options, *folder, global); });
  }
}

}  // namespace drumline::app

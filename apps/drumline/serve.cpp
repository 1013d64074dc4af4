// drumline serve: runs a node.
#include <cstdio>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "command.hpp"
#include "config/print.hpp"
#include "console_page/assets.hpp"
#include "env/thread.hpp"
#include "event_loop_program.hpp"
#include "games.hpp"
#include "server/battle_group.hpp"
#include "server/server.hpp"
#include "transport/tcp/event_loop.hpp"

namespace drumline::app {
namespace {

constexpr i64 kStopGraceNs = 2 * kSecondNs;

struct ServeOptions {
  std::string config_file;
  std::string data = "./data";
  std::string role = "all";
  std::string game;
  int link = -1;
  int port = -1;
  int admin_port = -1;
  std::vector<std::string> set;
  bool check_config = false;
  bool print_config = false;
};

Result<config::Loaded> load_configuration(const ServeOptions& options, const GlobalOptions& global) {
  config::Sources sources;
  if (!options.config_file.empty()) {
    auto text = config::read_configuration_file(options.config_file);
    if (!text) return std::move(text).error();
    sources.file_name = options.config_file;
    sources.file_text = std::move(*text);
  }
  sources.environment = config::process_environment();
  const auto flag = [&](const char* name, const char* key, const std::string& value) {
    sources.flags.push_back({name, key, value});
  };
  if (options.port >= 0) flag("--port", "listen.port", std::to_string(options.port));
  if (options.admin_port >= 0) flag("--admin-port", "listen.admin_port", std::to_string(options.admin_port));
  if (!options.game.empty()) flag("--game", "battle.game", options.game);
  if (global.log_level != "info") flag("--log-level", "log.level", global.log_level);
  for (const std::string& pair : options.set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      return Error{ErrorCode::invalid_argument, "--set " + pair + ": it takes section.key=value"};
    }
    flag("--set", pair.substr(0, equals).c_str(), pair.substr(equals + 1));
  }
  return config::load_or_explain(sources);
}

void report_json(const server::StartReport& report, const std::string& url) {
  using Json = nlohmann::ordered_json;
  for (const recovery::BattleReport& battle : report.recovered) {
    std::printf("%s\n", Json{{"event", "resumed"},
                             {"battle", battle.id.value},
                             {"game", battle.game},
                             {"tick", battle.resumed_tick},
                             {"hash", to_hex(battle.state_hash)},
                             {"equal", battle.equal},
                             {"ticks_replayed", battle.ticks_replayed},
                             {"ms", battle.milliseconds}}
                            .dump()
                            .c_str());
  }
  std::printf("%s\n", Json{{"event", "ready"},
                           {"version", battle::version()},
                           {"port", report.quic.port},
                           {"websocket_port", report.tcp.port},
                           {"tls_port", report.tls ? report.tcp.port : 0},
                           {"admin_port", report.admin.port},
                           {"url", url},
                           {"event_loop", transport::event_loop_name()},
                           {"pki", report.pki_folder},
                           {"recovery_ms", report.recovery_ms},
                           {"resumed_battles", report.recovered.size()}}
                          .dump()
                          .c_str());
}

void report_text(const server::StartReport& report, const std::string& url) {
  if (report.made_certificates)
    std::printf("made development certificates in %s\n", report.pki_folder.c_str());
  for (const std::string& warning : report.warnings) std::printf("note: %s\n", warning.c_str());
  for (const recovery::BattleReport& battle : report.recovered) {
    std::printf(
        "battle %llu (%s) resumed at tick %llu, state hash %s %s the journal's; %llu ticks replayed in %.1f "
        "ms\n",
        static_cast<unsigned long long>(battle.id.value), battle.game.c_str(),
        static_cast<unsigned long long>(battle.resumed_tick), to_hex(battle.state_hash).c_str(),
        battle.equal ? "equal to" : "DIFFERS from", static_cast<unsigned long long>(battle.ticks_replayed),
        battle.milliseconds);
  }
  if (!report.recovered.empty()) std::printf("recovery took %.1f ms\n", report.recovery_ms);
  std::printf("ready: QUIC on %s, %s on %s, console at %s\n", report.quic.to_string().c_str(),
              report.tls ? "TLS and WebSocket" : "WebSocket", report.tcp.to_string().c_str(), url.c_str());
}

int serve(const ServeOptions& options, const GlobalOptions& global) {
  if (options.role == "battle") {
    if (options.link >= 0) return server::run_battle_group(games(), options.link);
    return fail({ErrorCode::invalid_argument,
                 "--role battle: a battle group is started by its node, with --set "
                 "battle.isolation=process; use --role all"});
  }
  auto configuration = load_configuration(options, global);
  if (!configuration) return fail(configuration.error());
  const bool looks_only = options.print_config || options.check_config;
  if (!looks_only) {
    const auto same = become_program_for(configuration->values.threads.event_loop, global.arguments);
    if (!same) return fail(same.error());
  }
  for (const std::string& warning : configuration->warnings)
    std::fprintf(stderr, "drumline: %s\n", warning.c_str());
  if (options.print_config) {
    std::fputs(config::print_toml(configuration->values).c_str(), stdout);
    return kDone;
  }
  if (options.check_config) {
    std::printf("the configuration is good\n");
    return kDone;
  }
  if (options.role != "all") {
    return fail({ErrorCode::invalid_argument,
                 "--role " + options.role + ": this build runs all roles on one node; use --role all"});
  }
  if (const auto level = parse_log_level(configuration->values.log.level)) set_log_level(*level);

  catch_stop_signals();
  std::vector<telemetry::AdminAsset> assets;
  for (const console_page::Asset& asset : console_page::assets()) {
    assets.push_back({asset.path, asset.content_type, asset.etag, as_text(asset.content)});
  }
  server::ServerOptions node;
  node.configuration = std::move(*configuration);
  node.data = options.data;
  node.games = games();
  node.console = assets;
  auto started = server::Server::start(std::move(node));
  if (!started) return fail(started.error());
  server::Server& server = **started;

  const std::string url = "http://" + server.report().admin.to_string() + "/";
  if (global.json)
    report_json(server.report(), url);
  else if (!global.quiet)
    report_text(server.report(), url);
  std::fflush(stdout);

  while (stop_requests().load() == 0) {
    if (const auto failure = server.failure()) {
      server.stop(kStopGraceNs);
      return fail(*failure);
    }
    ::usleep(50'000);
  }
  if (!global.quiet && !global.json) std::printf("stopping: telling the players, finishing the tick\n");
  std::fflush(stdout);
  server.stop(stop_requests().load() > 1 ? 0 : kStopGraceNs);
  return kDone;
}

}  // namespace

void add_serve(CLI::App& app, const GlobalOptions& global, int& status) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "Runs a node: battles, gateway, journal, console");
  command->add_option("--config", options->config_file,
                      "Configuration file (TOML); --print-config shows every key");
  command->add_option("--data", options->data, "Data folder: journal, snapshots, development certificates")
      ->capture_default_str();
  command->add_option("--role", options->role, "Which part of a node")
      ->check(CLI::IsMember({"all", "gateway", "battle", "data"}))
      ->capture_default_str();
  command->add_option("--link", options->link, "The node's end of a battle group's link")->group("");
  command->add_option("--game", options->game, "Game of a new battle (battle.game)");
  command
      ->add_option("--port", options->port,
                   "UDP (QUIC, WebTransport) and TCP (TLS, WebSocket) port; 0 picks free ones")
      ->check(CLI::Range(0, 65535));
  command->add_option("--admin-port", options->admin_port, "Admin and console port; 0 picks a free one")
      ->check(CLI::Range(0, 65535));
  command->add_option("--set", options->set, "section.key=value, over file and environment; may be repeated");
  command->add_flag("--check-config", options->check_config,
                    "Says whether the configuration is good, and ends");
  command->add_flag("--print-config", options->print_config,
                    "Prints the configuration in force, commented, and ends");
  command->footer("Example:\n  drumline serve --data ./data --port 7777");
  command->callback([options, &global, &status] { status = serve(*options, global); });
}

}  // namespace drumline::app

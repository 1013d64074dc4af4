// drumline bots: real clients with a brain.
#include "bots/bots.hpp"

#include "bots/cast.hpp"
#include "command.hpp"

namespace drumline::app {
namespace {

// Prime, so that every bot has its turn.
constexpr u32 kSightEvery = 61;

}  // namespace

void add_bots(CLI::App& app, const GlobalOptions& global, int& status) {
  auto options = std::make_shared<bots::BotsOptions>();
  CLI::App* command = app.add_subcommand(
      "bots", "Plays with real clients over a real transport, and reports what they received");
  command
      ->add_option(
          "--connect", options->url,
          "Server: quic://HOST:PORT, tls://HOST:PORT, drumline://HOST:PORT (QUIC, or TLS where UDP is "
          "blocked), ws://HOST:PORT[/PATH] or wss://HOST:PORT[/PATH]")
      ->capture_default_str();
  command->add_option("--count", options->count, "How many bots")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      ->add_option("--battles", options->battles,
                   "Spread them over battles 1 to B (0: wherever there is room)")
      ->capture_default_str();
  command->add_option("--seconds", options->seconds, "Ends after so long (0: when stopped)")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  command->add_option("--send-hz", options->send_hz, "Commands a second and bot")
      ->check(CLI::Range(0.0, 62.5))
      ->capture_default_str();
  command->add_option("--game", options->game, "Game")
      ->check(CLI::IsMember(bots::games_with_bots()))
      ->capture_default_str();
  command
      ->add_option("--pki", options->pki,
                   "Folder with ca.pem, client.pem and client.key; with token.key for ws:// and wss://")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--clients-per-port", options->clients_per_port,
                   "Bots that share a UDP port, over QUIC; 1: each has its own")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option(
      "--network", options->network,
      "Network between them and a server on this machine, over QUIC: 50ms (round trip), 2% (lost "
      "each way), jitter=5ms, burst=4 (packets), with commas between");
  command->add_option("--seed", options->seed, "Of the bots' decisions")->capture_default_str();
  command
      ->add_option("--give-up", options->give_up_seconds,
                   "Seconds without a seat after which a session is lost for good")
      ->capture_default_str();
  command->add_flag("--spectate", options->spectators,
                    "They watch and send no commands; exit status 1 when one had no frames for 3 s");
  command->add_option(
      "--record-sights", options->sights_file,
      "Writes what they were shown, for a sample, to FILE: `drumline verify DATA --sights FILE` compares it");
  command->add_option("--sight-every", options->sight_every, "Of their looks so many make one of the sample")
      ->default_str("61 with --record-sights");
  command->add_flag("--measure-from-seated", options->measure_from_seated,
                    "Figures and --seconds start when every bot is seated");
  command->footer(
      "Example:\n  drumline bots --connect quic://127.0.0.1:7777 --count 300 --pki ./data/pki --seconds 20");
  command->callback([options, &global, &status] {
    catch_stop_signals();
    options->stop = &stop_requests();
    if (!options->sights_file.empty() && options->sight_every == 0) options->sight_every = kSightEvery;
    options->json = global.json;
    options->quiet = global.quiet;
    options->progress = shows_progress(global);
    const auto ran = bots::run_bots(*options);
    status = ran ? *ran : fail(ran.error());
  });
}

}  // namespace drumline::app

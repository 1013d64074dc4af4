// The command line. Each subcommand is a file of its own beside this one.
#include <csignal>
#include <cstdio>
#include <exception>

#include <unistd.h>

#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "command.hpp"

namespace drumline::app {
namespace {

std::atomic<int> stops{0};

void on_stop_signal(int) {
  request_stop();
}

}  // namespace

const std::atomic<int>& stop_requests() {
  return stops;
}

void request_stop() {
  stops.fetch_add(1);
}

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool shows_progress(const GlobalOptions& global) {
  return !global.quiet && !global.json && isatty(STDERR_FILENO) != 0;
}

void draw_progress(double part, unsigned long long ticks) {
  constexpr int kWidth = 40;
  const int done = static_cast<int>(part * kWidth);
  std::fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %llu ticks", done, "########################################",
               kWidth - done, "", part * 100, ticks);
}

void clear_progress() {
  std::fprintf(stderr, "\r\033[K");
}

int fail(const Error& error) {
  std::fprintf(stderr, "drumline: %s\n", error.message.c_str());
  switch (error.code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::not_found:
      return kWrongUse;
    case ErrorCode::malformed:
    case ErrorCode::corrupt:
    case ErrorCode::mismatch:
    case ErrorCode::refused:
      return kFailedCheck;
    default:
      return kEnvironment;
  }
}

}  // namespace drumline::app

int main(int argc, char** argv) {
  using namespace drumline;
  try {
    CLI::App app{
        "Drumline: a real-time battle backend. Battles at a fixed 16 ms tick, journaled, replayable, "
        "provable.",
        "drumline"};
    app.set_version_flag("--version",
                         std::string("drumline ") + battle::version() + " (" + battle::build_id() + ")");
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(
        "Example:\n  drumline serve --data ./data\n  drumline bots --connect quic://127.0.0.1:7777 --count "
        "50");

    app::GlobalOptions global;
    global.arguments = argv;
    app.add_flag("--json", global.json, "Output for programs: JSON on stdout");
    app.add_flag("--quiet", global.quiet, "Only errors and results");
    app.add_option("--log-level", global.log_level, "How much is logged to stderr")
        ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
        ->capture_default_str();
    app.add_option("--color", global.color, "Colour in the output")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str();

    int status = app::kDone;
    app::add_serve(app, global, status);
    app::add_bots(app, global, status);
    app::add_verify(app, global, status);
    app::add_record(app, global, status);
    app::add_replay(app, global, status);
    app::add_inspect(app, global, status);
    app::add_desync(app, global, status);
    app::add_bench(app, global, status);
    app::add_shape(app, global, status);
    app::add_token(app, global, status);
    app::add_cert(app, global, status);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? app::kDone : app::kWrongUse;
    }
    return status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drumline: unexpected failure: %s\n", error.what());
    return app::kEnvironment;
  }
}

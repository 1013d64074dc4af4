// What the subcommands share: global options, exit statuses, how errors are told.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "base/result.hpp"

namespace drumline::app {

/// Exit statuses of every subcommand.
inline constexpr int kDone = 0;
inline constexpr int kFailedCheck = 1;  ///< a check failed or a difference was found
inline constexpr int kWrongUse = 2;
inline constexpr int kEnvironment = 3;  ///< port taken, disk full, no permission

struct GlobalOptions {
  bool json = false;
  bool quiet = false;
  std::string log_level = "info";
  std::string color = "auto";
  char* const* arguments = nullptr;  ///< of the process, ended by a null pointer
};

/// Prints the error as one sentence to stderr and gives the exit status for it.
int fail(const Error& error);

/// SIGINT, SIGTERM and request_stop(); how many came. Subcommands that run long watch it.
const std::atomic<int>& stop_requests();
void request_stop();
/// From here on SIGINT and SIGTERM are counted instead of ending the process, and a reader of
/// our output that goes away does not end it.
void catch_stop_signals();

/// True when progress may be drawn: stderr is a terminal, and neither --quiet nor --json.
bool shows_progress(const GlobalOptions& global);
/// Draws a bar on stderr over the one before; `part` 0 .. 1.
void draw_progress(double part, unsigned long long ticks);
void clear_progress();

/// Each adds its subcommand to the command line. `status` gets the exit status
/// when the subcommand ran.
void add_serve(CLI::App& app, const GlobalOptions& global, int& status);
void add_bots(CLI::App& app, const GlobalOptions& global, int& status);
void add_verify(CLI::App& app, const GlobalOptions& global, int& status);
void add_record(CLI::App& app, const GlobalOptions& global, int& status);
void add_replay(CLI::App& app, const GlobalOptions& global, int& status);
void add_inspect(CLI::App& app, const GlobalOptions& global, int& status);
void add_desync(CLI::App& app, const GlobalOptions& global, int& status);
void add_bench(CLI::App& app, const GlobalOptions& global, int& status);
void add_shape(CLI::App& app, const GlobalOptions& global, int& status);
void add_token(CLI::App& app, const GlobalOptions& global, int& status);
void add_cert(CLI::App& app, const GlobalOptions& global, int& status);

}  // namespace drumline::app

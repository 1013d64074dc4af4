// Reads a configuration: defaults, then one TOML file, then the environment,
// then flags. Finds every problem at once, each with its place.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/configuration.hpp"
#include "config/keys.hpp"

namespace drumline::config {

/// Where a configuration comes from. Nothing here reads the process's environment
/// or a file by itself, so that tests and tools can say what there is.
struct Sources {
  std::string file_name;                                         ///< as messages call it
  std::optional<std::string> file_text;                          ///< nothing: no file
  std::vector<std::pair<std::string, std::string>> environment;  ///< all of it; only DRUMLINE_… is looked at
  struct Flag {
    std::string flag;  ///< as the user typed it: "--port"
    std::string key;   ///< "listen.port"
    std::string value;
  };
  std::vector<Flag> flags;
};

struct Problem {
  std::string source;  ///< the file's name, "environment" or the flag
  u32 line = 0;        ///< 0 where there are no lines
  u32 column = 0;
  std::string key;  ///< "listen.port"; empty for a syntax error
  std::string message;

  /// "drumline.toml:3:8: listen.port is 70000; it takes …"
  std::string to_string() const;
};

/// The values in force and where each comes from.
struct Loaded {
  Configuration values;
  /// For each of keys(), in its order: "default", "FILE:LINE", "environment" or "flag --port".
  std::vector<std::string> sources;
  /// Not wrong, but hardly meant (a DRUMLINE_ variable that no section knows).
  std::vector<std::string> warnings;
};

struct Outcome {
  Loaded loaded;  ///< what could be taken; not to be run with when there are problems
  std::vector<Problem> problems;
};

Outcome load(const Sources& sources);

/// All problems as one Error (invalid_argument), a line each.
Result<Loaded> load_or_explain(const Sources& sources);

/// The text of a file for Sources::file_text; not_found names the path. At most 1 MiB.
Result<std::string> read_configuration_file(const std::string& path);

/// The process's environment.
std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace drumline::config

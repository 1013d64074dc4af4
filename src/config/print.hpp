// A configuration for people and programs: the commented file, the reference
// page, and /config.
#pragma once

#include <string>

#include "config/load.hpp"

namespace drumline::config {

/// A whole TOML file, each key with its description, limits and environment
/// variable. Reads back as the same values. Secrets are written as they are.
std::string print_toml(const Configuration& values);

/// The reference in docs/configuration.md.
std::string print_markdown();

/// {"section": {"key": {"value": …, "source": "…", "default": …}}}; a secret's value
/// is "set" or "not set".
std::string print_json(const Loaded& loaded);

}  // namespace drumline::config

// Files that hold secrets: written whole with their permissions from the first
// byte on, and read only while nobody else could read them.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.hpp"

namespace drumline::env {

/// Writes the file whole or not at all, durably, with exactly `mode` (0600 for a
/// secret): temporary file beside it, sync, rename.
Result<void> write_file_with_mode(const std::string& path, std::string_view text, mode_t mode);

/// Reads a file of at most `limit` bytes. One that its group or others may read
/// is ErrorCode::permission; a missing one ErrorCode::not_found.
Result<std::string> read_private_file(const std::string& path, std::size_t limit);

}  // namespace drumline::env

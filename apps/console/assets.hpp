// The console page as it was built into this binary. Made by
// cmake/build_console.cmake from apps/console; a file of the page is an Asset.
#pragma once

#include <span>
#include <string_view>

#include "base/types.hpp"

namespace drumline::console_page {

struct Asset {
  std::string_view path;          ///< "/console.js"; "/index.html" is the page at "/"
  std::string_view content_type;  ///< for the Content-Type header
  std::string_view etag;          ///< changes with the content; without quotes
  Bytes content;
};

/// All of the page. Valid for the life of the process; any thread.
std::span<const Asset> assets();

}  // namespace drumline::console_page

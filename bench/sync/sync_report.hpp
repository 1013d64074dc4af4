// The measured table as a page shows it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/sync/cell.hpp"
#include "env/file.hpp"

namespace drumline::bench {

/// Between these lines of sync-models.md stands what is measured; all else there is
/// written by people.
inline constexpr char kTableBegins[] = "<!-- measured: drumline bench sync --write docs -->";
inline constexpr char kTableEnds[] = "<!-- /measured -->";

/// The tables in Markdown, with date, machine and method.
std::string to_markdown(std::span<const CellFigures> cells, const std::string& date);

struct Plot {
  std::string name;  ///< of the file
  std::string svg;
};
std::vector<Plot> to_plots(std::span<const CellFigures> cells);

/// Puts tables and plots into `folder`: between the marks in sync-models.md, which must be
/// there, and into plots/.
Result<void> write_report(env::FileSystem& files, const std::string& folder,
                          std::span<const CellFigures> cells, const std::string& date);

}  // namespace drumline::bench

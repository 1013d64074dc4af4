// Logging to stderr, one line an event. Never throws, and never trusts what it
// is given: control characters come out escaped, so a hostile name can neither
// forge a line nor drive a terminal.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/types.hpp"

namespace drumline {

enum class LogLevel { debug, info, warning, error, off };

/// Lines below `level` are dropped; `info` until set. Any thread.
void set_log_level(LogLevel level) noexcept;
bool log_enabled(LogLevel level) noexcept;
/// "debug", "info", "warning", "error", "off".
std::optional<LogLevel> parse_log_level(std::string_view name) noexcept;

/// Writes one line whole. Any thread; it may block while stderr does.
void log_line(LogLevel level, std::string_view text) noexcept;

/// `text` with control characters (C0, DEL, C1) and broken UTF-8 as \n, \t or \xNN, and \ as \\.
std::string printable(std::string_view text);

namespace log_detail {
void vlog(LogLevel level, fmt::string_view format, fmt::format_args args) noexcept;
}

/// log_info("battle {} resumed at tick {}", id, tick): fmt's syntax, checked at compile time.
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (log_enabled(LogLevel::debug)) log_detail::vlog(LogLevel::debug, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (log_enabled(LogLevel::info)) log_detail::vlog(LogLevel::info, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (log_enabled(LogLevel::warning))
    log_detail::vlog(LogLevel::warning, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (log_enabled(LogLevel::error)) log_detail::vlog(LogLevel::error, format, fmt::make_format_args(args...));
}

/// For paths that a hostile peer can drive: lets `per_second` lines a second
/// through and counts the rest. Each place that logs owns one. Any thread.
///
///   if (auto pass = limiter.allow(now)) log_warning("bad frame from {} ({} more)", peer, pass->suppressed);
class LogLimiter {
 public:
  explicit LogLimiter(u32 per_second) : per_second_(per_second) {}

  struct Pass {
    u64 suppressed;  ///< how many were held back since the last line
  };
  /// `now` of a monotonic clock.
  std::optional<Pass> allow(TimeNs now) noexcept;
  /// Held back in all, for a metric.
  u64 suppressed() const noexcept { return suppressed_.load(std::memory_order_relaxed); }

 private:
  const u32 per_second_;
  std::atomic<TimeNs> second_{-1};
  std::atomic<u32> used_{0};
  std::atomic<u64> suppressed_{0};
  std::atomic<u64> reported_{0};
};

}  // namespace drumline

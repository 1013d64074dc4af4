#include "base/log.hpp"

#include <memory>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace drumline {

namespace {

// The one thing that spdlog needs to be shared: the logger, and the lock in its sink.
spdlog::logger* logger() noexcept {
  static const std::unique_ptr<spdlog::logger> shared = []() -> std::unique_ptr<spdlog::logger> {
    try {
      auto made = std::make_unique<spdlog::logger>("drumline",
                                                   std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
      made->set_pattern("%Y-%m-%dT%H:%M:%S.%f %^%-7l%$ %v");
      made->set_level(spdlog::level::trace);  // log_enabled() decides
      made->flush_on(spdlog::level::trace);
      return made;
    } catch (...) {
      return nullptr;
    }
  }();
  return shared.get();
}

std::atomic<LogLevel> lowest_level{LogLevel::info};

spdlog::level::level_enum spdlog_level(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

/// Length of the well-formed UTF-8 character at the start of `text` (Unicode
/// 15, table 3-7), or 0.
std::size_t character_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<u8>(text[i]) : u8{0}; };
  const auto follows = [&](std::size_t i, u8 low = 0x80, u8 high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const u8 first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const u8 low = first == 0xE0 ? 0xA0 : 0x80;
    const u8 high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const u8 low = first == 0xF0 ? 0x90 : 0x80;
    const u8 high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view character) {
  const u8 first = static_cast<u8>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<u8>(character[1]) < 0xA0;  // C1
}

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      const u8 byte = static_cast<u8>(c);
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (character == "\\") {
      out += "\\\\";
    } else if (length == 0 || is_control(character)) {
      append_escaped(out, character);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

void set_log_level(LogLevel level) noexcept {
  lowest_level.store(level, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) noexcept {
  return level >= lowest_level.load(std::memory_order_relaxed);
}

std::optional<LogLevel> parse_log_level(std::string_view name) noexcept {
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  if (name == "off") return LogLevel::off;
  return std::nullopt;
}

void log_line(LogLevel level, std::string_view text) noexcept {
  if (!log_enabled(level) || level == LogLevel::off) return;
  try {
    const std::string line = printable(text);
    if (spdlog::logger* out = logger())
      out->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  } catch (...) {
    // Out of memory: losing the line is the lesser harm.
  }
}

namespace log_detail {

void vlog(LogLevel level, fmt::string_view format, fmt::format_args args) noexcept {
  try {
    fmt::memory_buffer line;
    fmt::vformat_to(fmt::appender(line), format, args);
    log_line(level, {line.data(), line.size()});
  } catch (...) {
    log_line(level, "(a log line could not be formatted)");
  }
}

}  // namespace log_detail

std::optional<LogLimiter::Pass> LogLimiter::allow(TimeNs now) noexcept {
  const TimeNs second = now / kSecondNs;
  TimeNs current = second_.load(std::memory_order_relaxed);
  // Whoever sees the new second first opens it for all.
  if (current != second && second_.compare_exchange_strong(current, second, std::memory_order_relaxed)) {
    used_.store(0, std::memory_order_relaxed);
  }
  if (used_.load(std::memory_order_relaxed) >= per_second_ ||
      used_.fetch_add(1, std::memory_order_relaxed) >= per_second_) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  const u64 all = suppressed_.load(std::memory_order_relaxed);
  return Pass{all - reported_.exchange(all, std::memory_order_relaxed)};
}

}  // namespace drumline

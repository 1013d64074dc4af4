// Assertions for what only our own bug can cause. On in release builds: a
// battle that goes on after a broken invariant would journal a lie.
#pragma once

namespace drumline {

/// Prints the expression and its place to stderr and aborts, unless the thread has a
/// handler. Never returns.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

/// What assertion_failed() calls on this thread instead; it must not return (it jumps).
/// Null: none. For code whose failing is somebody else's to deal with, like a game's rules.
using AssertionHandler = void (*)(const char* expression, const char* file, int line);
void set_assertion_handler(AssertionHandler handler);

}  // namespace drumline

#define DRUM_ASSERT(expression)                       \
  (__builtin_expect(static_cast<bool>(expression), 1) \
       ? static_cast<void>(0)                         \
       : ::drumline::assertion_failed(#expression, __FILE__, __LINE__))

#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace drumline {
namespace {

thread_local AssertionHandler thread_handler = nullptr;

}  // namespace

void set_assertion_handler(AssertionHandler handler) {
  thread_handler = handler;
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  if (thread_handler != nullptr) thread_handler(expression, file, line);
  std::fprintf(stderr, "drumline: internal error, please report: %s at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace drumline

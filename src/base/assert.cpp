#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace drumline {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "drumline: internal error, please report: %s at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace drumline

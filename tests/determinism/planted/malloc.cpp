// Caught as: malloc: allocator
#include <cstdlib>

namespace drumline::planted {

void* step() {
  return std::malloc(64);
}

}  // namespace drumline::planted

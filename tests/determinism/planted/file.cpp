// Caught as: fopen: the world outside
#include <cstdio>

namespace drumline::planted {

bool step() {
  return std::fopen("state", "rb") != nullptr;
}

}  // namespace drumline::planted

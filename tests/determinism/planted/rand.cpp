// Caught as: rand: randomness
#include <cstdlib>

namespace drumline::planted {

int step() {
  return std::rand();
}

}  // namespace drumline::planted

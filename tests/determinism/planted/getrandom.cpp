// Caught as: getrandom: randomness
#include <sys/random.h>

namespace drumline::planted {

bool step(unsigned& number) {
  return getrandom(&number, sizeof number, 0) == sizeof number;
}

}  // namespace drumline::planted

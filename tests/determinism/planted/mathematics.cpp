// Caught as: sin: mathematics in floating point
#include <cmath>

namespace drumline::planted {

void step(double* angle) {
  *angle = std::sin(*angle);
}

}  // namespace drumline::planted

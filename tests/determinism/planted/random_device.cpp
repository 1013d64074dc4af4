// Caught as: std::random_device::_M_getval(): randomness
#include <random>

namespace drumline::planted {

unsigned step(std::random_device& device) {
  return device();
}

}  // namespace drumline::planted

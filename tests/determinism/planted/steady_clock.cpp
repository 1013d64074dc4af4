// Caught as: std::chrono::_V2::steady_clock::now(): clock
#include <chrono>

namespace drumline::planted {

long step() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace drumline::planted

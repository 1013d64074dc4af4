// A planted violation: a rules module that asks the clock, draws from the system
// and computes in floating point. check_symbols must refuse it.
#include <chrono>
#include <cmath>
#include <random>

namespace drumline::planted {

long look_at_the_clock() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}
unsigned ask_the_system() {
  return std::random_device{}();
}
double bend(double angle) {
  return std::sin(angle);
}

}  // namespace drumline::planted

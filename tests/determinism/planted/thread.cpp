// Caught as: std::thread::_M_start_thread
#include <thread>

namespace drumline::planted {

void step(int* state) {
  std::thread([state] { ++*state; }).join();
}

}  // namespace drumline::planted

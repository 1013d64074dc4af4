#include "simulation_api/failure.hpp"

#include <algorithm>
#include <array>

namespace drumline {
namespace {

// In place, as there may be no memory left when it is needed.
std::array<char, 1024> last{};

}  // namespace

void set_failure(std::string_view sentence) {
  const std::size_t size = std::min(sentence.size(), last.size() - 1);
  std::copy_n(sentence.begin(), size, last.begin());
  last[size] = '\0';
}

const char* failure() {
  return last.data();
}

}  // namespace drumline

// The sentence of the last failure, kept where the host can read it even after a trap.
#pragma once

#include <string_view>

namespace drumline {

void set_failure(std::string_view sentence);
/// Zero-terminated; cut when it was very long.
const char* failure();

}  // namespace drumline

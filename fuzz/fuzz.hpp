// A fuzz target is one file here: what it feeds to a parser, what must hold of the outcome, and
// inputs to start from, made by our own encoders. libFuzzer drives it in the preset `fuzz`; in other
// builds a small driver (standalone.cpp) runs it for a while as a test.
#pragma once

#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace drumline::fuzz {

using Input = std::vector<std::byte>;

/// One input; a crash, a failed assertion or a sanitizer's word is a finding.
void run(Bytes input);
/// Valid ones, from which mutations start.
std::vector<Input> seeds();

inline Input input_of(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}
inline Input input_of(std::string_view text) {
  return input_of(as_bytes(text));
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace drumline::fuzz

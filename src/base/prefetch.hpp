// Memory asked for before it is needed, so that the ways to it overlap.
#pragma once

#include <cstddef>

namespace drumline {

/// Asks for `bytes` bytes from `begin`; reads nothing, and any address may be given.
inline void prefetch_range(const void* begin, std::size_t bytes) {
  constexpr std::size_t kLineBytes = 64;
  for (std::size_t at = 0; at < bytes; at += kLineBytes)
    __builtin_prefetch(static_cast<const char*>(begin) + at);
}

}  // namespace drumline

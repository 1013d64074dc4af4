// Who has how much of the heap: heap_by_library.cpp as a library that is loaded before all others,
//   LD_PRELOAD=build/release/bench/libheap_by_library.so drumline bench idle
// counts each allocation for the shared library that called for it.
#pragma once

namespace drumline::bench {

/// Calls `tell` with each library's name (the program's own is "drumline") and its bytes in use.
using HeapByLibrary = void(void (*tell)(void* context, const char* library, long bytes), void* context);
inline constexpr char kHeapByLibrary[] = "drumline_heap_by_library";

}  // namespace drumline::bench

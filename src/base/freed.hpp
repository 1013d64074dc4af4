// A C library's objects, owned like any other.
#pragma once

namespace drumline {

/// Deleter for a std::unique_ptr: by the function that frees such an object.
template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace drumline

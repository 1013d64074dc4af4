// What the kernel's refusals mean, as sentences.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace drumline::ebpf {

/// "cannot DOING: why", and what to do about it, for an errno (either sign) of bpf(2) or libbpf.
Error kernel_error(const std::string& doing, int number);

/// The same for the loading of a program, which the kernel's verifier may refuse.
Error load_error(const std::string& doing, int number);

/// libbpf writes to stderr on its own; from here on it goes to our log, as debug lines. Any thread.
void quiet_libbpf();

/// Owns what a skeleton's open() gave.
template <class Skeleton>
struct DestroySkeleton {
  void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
};
template <class Skeleton>
using SkeletonPointer = std::unique_ptr<Skeleton, DestroySkeleton<Skeleton>>;

}  // namespace drumline::ebpf

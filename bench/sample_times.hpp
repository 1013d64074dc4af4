// Durations of one repeated piece of work, and their percentiles.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include <time.h>

#include "bench.hpp"

namespace drumline::bench {

class SampleTimes {
 public:
  explicit SampleTimes(std::size_t limit = 1'000'000) { ns_.reserve(limit); }

  template <class Work>
  void time(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    add(static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count()));
  }
  /// Adds what `work` takes of this thread's processor time: other processes on the
  /// machine do not count. For work that does not wait and takes microseconds.
  template <class Work>
  void time_on_core(Work work) {
    add(on_core_ns(work));
  }
  template <class Work>
  static double on_core_ns(Work work) {
    const double start = thread_ns();
    work();
    return thread_ns() - start;
  }
  void add(double ns) {
    if (ns_.size() < ns_.capacity()) ns_.push_back(ns);
  }

  bool full() const { return ns_.size() == ns_.capacity(); }
  std::size_t count() const { return ns_.size(); }
  double mean_ns() const {
    double sum = 0;
    for (const double value : ns_) sum += value;
    return ns_.empty() ? 0 : sum / static_cast<double>(ns_.size());
  }
  double percentile_ns(double share) {
    if (ns_.empty()) return 0;
    const auto at =
        std::min(ns_.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ns_.size())));
    std::nth_element(ns_.begin(), ns_.begin() + static_cast<std::ptrdiff_t>(at), ns_.end());
    return ns_[at];
  }

  /// Mean and percentiles in microseconds.
  Figure figure_us(std::string name) {
    Figure figure;
    figure.name = std::move(name);
    figure.unit = std::string("us");
    figure.value = mean_ns() / 1e3;
    figure.p50 = percentile_ns(0.5) / 1e3;
    figure.p99 = percentile_ns(0.99) / 1e3;
    figure.p999 = percentile_ns(0.999) / 1e3;
    figure.n = ns_.size();
    return figure;
  }

 private:
  static double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  }

  std::vector<double> ns_;
};

/// Runs `work` until `seconds` are over or the samples are full.
template <class Work>
void sample_for(double seconds, SampleTimes& times, Work work) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  do {
    work();
  } while (std::chrono::steady_clock::now() < end && !times.full());
}

}  // namespace drumline::bench

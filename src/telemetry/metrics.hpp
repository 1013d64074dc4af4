// Metrics, gathered when somebody asks. Modules own their numbers (base/counter.hpp,
// base/histogram.hpp) and write them with plain stores; a collector, which the
// composition of the server registers, reads them at a scrape and names them.
// The names follow Prometheus: base units, counters end in _total.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.hpp"
#include "base/histogram.hpp"

namespace drumline::telemetry {

struct Label {
  std::string name;
  std::string value;
};
using Labels = std::vector<Label>;

/// Bounds for times of ticks and commits, in seconds: 10 µs to 1 s, 16 ms among them.
std::span<const double> tick_time_bounds_s();
/// Bounds for round trips and client intervals, in seconds: 1 ms to 10 s.
std::span<const double> network_time_bounds_s();

/// Takes the numbers of one scrape. A name that breaks the rules above, or that
/// comes again with another type, is our own bug and asserted.
class MetricSink {
 public:
  MetricSink();
  ~MetricSink();
  MetricSink(const MetricSink&) = delete;
  MetricSink& operator=(const MetricSink&) = delete;

  /// `name` ends in _total.
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  void counter(std::string_view name, std::string_view help, const Counter& value, Labels labels = {}) {
    counter(name, help, static_cast<double>(value.value()), std::move(labels));
  }
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  void gauge(std::string_view name, std::string_view help, const Gauge& value, Labels labels = {}) {
    gauge(name, help, static_cast<double>(value.value()), std::move(labels));
  }
  /// A Prometheus histogram from ours: `scale` makes its values the metric's unit,
  /// and `bounds` are the buckets' upper bounds in that unit, ascending. A record is
  /// counted under the first bound that is surely not below it.
  void histogram(std::string_view name, std::string_view help, const Histogram& values, double scale,
                 std::span<const double> bounds, Labels labels = {});
  /// The same for nanoseconds; `name` ends in _seconds.
  void histogram_ns(std::string_view name, std::string_view help, const Histogram& nanoseconds,
                    std::span<const double> bounds_s = tick_time_bounds_s(), Labels labels = {});
  /// Quantiles 0.5, 0.9, 0.99 and 0.999 of nanoseconds; `name` ends in _seconds.
  void summary_ns(std::string_view name, std::string_view help, const Histogram& nanoseconds,
                  Labels labels = {});

  /// Prometheus' text format 0.0.4, families by name.
  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

/// Who knows the collectors. Any thread may add, remove and scrape; collectors run
/// one at a time, on the thread that scrapes.
class MetricsRegistry {
 public:
  using Collector = std::function<void(MetricSink&)>;

  /// Removes its collector when it goes; afterwards that collector does not run
  /// again. It must not outlive the registry.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept { *this = std::move(other); }
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { remove(); }
    void remove();

   private:
    friend class MetricsRegistry;
    Registration(MetricsRegistry* registry, u64 id) : registry_(registry), id_(id) {}
    MetricsRegistry* registry_ = nullptr;
    u64 id_ = 0;
  };

  [[nodiscard]] Registration add(Collector collector);
  /// Runs every collector, in the order of their adding, and writes the text.
  std::string scrape();

 private:
  std::mutex mutex_;
  std::vector<std::pair<u64, Collector>> collectors_;
  u64 next_id_ = 1;
};

}  // namespace drumline::telemetry

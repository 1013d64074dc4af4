#include "telemetry/metrics.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include <prometheus/check_names.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/assert.hpp"

namespace drumline::telemetry {
namespace {

constexpr std::array kTickBounds = {10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2e-3,
                                    4e-3,  8e-3,  16e-3, 32e-3,  64e-3,  128e-3, 0.5,  1.0};
constexpr std::array kNetworkBounds = {1e-3,   2e-3,   5e-3, 10e-3, 16e-3, 20e-3, 32e-3, 50e-3,
                                       100e-3, 200e-3, 0.5,  1.0,   2.0,   5.0,   10.0};
constexpr std::array kQuantiles = {0.5, 0.9, 0.99, 0.999};
constexpr double kSecondsPerNs = 1e-9;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::span<const double> tick_time_bounds_s() {
  return kTickBounds;
}
std::span<const double> network_time_bounds_s() {
  return kNetworkBounds;
}

struct MetricSink::Families {
  std::map<std::string, prometheus::MetricFamily, std::less<>> by_name;

  prometheus::ClientMetric& add(std::string_view name, std::string_view help, prometheus::MetricType type,
                                Labels labels) {
    auto found = by_name.find(name);
    if (found == by_name.end()) {
      prometheus::MetricFamily family;
      family.name = name;
      family.help = help;
      family.type = type;
      DRUM_ASSERT(prometheus::CheckMetricName(family.name));
      found = by_name.emplace(family.name, std::move(family)).first;
    }
    DRUM_ASSERT(found->second.type == type);
    prometheus::ClientMetric& metric = found->second.metric.emplace_back();
    for (Label& label : labels) {
      DRUM_ASSERT(prometheus::CheckLabelName(label.name));
      metric.label.push_back({std::move(label.name), std::move(label.value)});
    }
    return metric;
  }
};

MetricSink::MetricSink() : families_(std::make_unique<Families>()) {}
MetricSink::~MetricSink() = default;

void MetricSink::counter(std::string_view name, std::string_view help, double value, Labels labels) {
  DRUM_ASSERT(ends_with(name, "_total"));
  families_->add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void MetricSink::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  DRUM_ASSERT(!ends_with(name, "_total"));
  families_->add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void MetricSink::histogram(std::string_view name, std::string_view help, const Histogram& values,
                           double scale, std::span<const double> bounds, Labels labels) {
  auto& out = families_->add(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
  out.bucket.resize(bounds.size());
  for (std::size_t i = 0; i < bounds.size(); ++i) out.bucket[i].upper_bound = bounds[i];
  u64 beyond = 0;
  values.for_each_bucket([&](u64, u64 next, u64 count) {
    const double highest = static_cast<double>(next - 1) * scale;
    const auto bound = std::lower_bound(bounds.begin(), bounds.end(), highest);
    if (bound == bounds.end())
      beyond += count;
    else
      out.bucket[static_cast<std::size_t>(bound - bounds.begin())].cumulative_count += count;
  });
  u64 total = 0;
  for (auto& bucket : out.bucket) bucket.cumulative_count = total += bucket.cumulative_count;
  // From the buckets, as the writer may be between a bucket and its own total.
  out.sample_count = total + beyond;
  out.sample_sum = static_cast<double>(values.sum()) * scale;
  out.bucket.push_back({out.sample_count, std::numeric_limits<double>::infinity()});
}

void MetricSink::histogram_ns(std::string_view name, std::string_view help, const Histogram& nanoseconds,
                              std::span<const double> bounds_s, Labels labels) {
  DRUM_ASSERT(ends_with(name, "_seconds"));
  histogram(name, help, nanoseconds, kSecondsPerNs, bounds_s, std::move(labels));
}

void MetricSink::summary_ns(std::string_view name, std::string_view help, const Histogram& nanoseconds,
                            Labels labels) {
  DRUM_ASSERT(ends_with(name, "_seconds"));
  auto& out = families_->add(name, help, prometheus::MetricType::Summary, std::move(labels)).summary;
  for (const double quantile : kQuantiles) {
    out.quantile.push_back(
        {quantile, static_cast<double>(nanoseconds.percentile(quantile * 100)) * kSecondsPerNs});
  }
  out.sample_count = nanoseconds.count();
  out.sample_sum = static_cast<double>(nanoseconds.sum()) * kSecondsPerNs;
}

std::string MetricSink::text() const {
  std::vector<prometheus::MetricFamily> families;
  families.reserve(families_->by_name.size());
  for (const auto& [name, family] : families_->by_name) families.push_back(family);
  return prometheus::TextSerializer().Serialize(families);
}

MetricsRegistry::Registration& MetricsRegistry::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    remove();
    registry_ = std::exchange(other.registry_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void MetricsRegistry::Registration::remove() {
  if (registry_ == nullptr) return;
  const std::lock_guard lock(registry_->mutex_);
  std::erase_if(registry_->collectors_, [this](const auto& entry) { return entry.first == id_; });
  registry_ = nullptr;
}

MetricsRegistry::Registration MetricsRegistry::add(Collector collector) {
  const std::lock_guard lock(mutex_);
  const u64 id = next_id_++;
  collectors_.emplace_back(id, std::move(collector));
  return {this, id};
}

std::string MetricsRegistry::scrape() {
  MetricSink sink;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, collector] : collectors_) collector(sink);
  }
  return sink.text();
}

}  // namespace drumline::telemetry

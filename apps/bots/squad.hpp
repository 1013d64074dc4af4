// The bots of one thread.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/counter.hpp"
#include "bots/bots.hpp"
#include "bots/cast.hpp"
#include "client/client_group.hpp"

namespace drumline::bots {

class Squad {
 public:
  /// Bots number `first` to `first + count - 1` of those in `options`, of whose game
  /// there are bots.
  static Result<std::unique_ptr<Squad>> create(const BotsOptions& options,
                                               const client::ClientGroupOptions& group, u32 first, u32 count);
  ~Squad();

  void start();
  /// From the running thread's next round on the figures begin anew.
  void restart_figures() { restart_wanted_.store(true); }
  /// The bots leave; the thread ends. `expected`: their time was up, so whoever
  /// has no seat now has lost it.
  void stop(bool expected);
  /// After stop().
  void add_to(BotsReport& report) const;

  // While it runs, from any thread.
  u64 frames() const { return frames_.value(); }
  u64 frames_due() const { return frames_due_.value(); }
  u64 losses() const { return losses_.value(); }
  u32 seated() const { return static_cast<u32>(seated_.value()); }
  u32 ever_seated() const { return static_cast<u32>(ever_seated_.value()); }
  u32 closed() const { return static_cast<u32>(closed_.value()); }

 private:
  Squad() = default;
  void run();
  void begin_figures();
  void publish();
  void gather(bool expected);
  client::ClientStatistics sum() const;

  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  Locker locker_;
  Histogram interarrival_ns_;
  broadcast::BodyStores bodies_;
  std::unique_ptr<Cast> cast_;
  std::vector<std::unique_ptr<Player>> players_;
  std::unique_ptr<client::ClientGroup> group_;  // after what its clients refer to

  std::thread thread_;
  std::atomic<bool> stop_wanted_{false};
  std::atomic<bool> expected_end_{false};
  std::atomic<bool> restart_wanted_{false};
  Counter rounds_;
  struct Published {
    std::atomic<u64> v{0};
    void set(u64 value) { v.store(value, std::memory_order_relaxed); }
    u64 value() const { return v.load(std::memory_order_relaxed); }
  };
  Published frames_, frames_due_, losses_, seated_, ever_seated_, closed_;

  // Where the figures begin.
  client::ClientStatistics before_;
  broadcast::BodyCounters bodies_before_;
  double cpu_before_s_ = 0;
  u64 rounds_before_ = 0;
  BotsReport gathered_;  ///< by the thread, at its end
};

}  // namespace drumline::bots

// Looks at how late ticks and frames are, a few times a second, and says on which rung of the
// overload ladder the node stands.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/counter.hpp"
#include "base/histogram.hpp"
#include "battle/overload_ladder.hpp"
#include "env/clock.hpp"

namespace drumline::server {

/// All of it since the node started; any thread may read where it comes from.
struct LoadFigures {
  Histogram lateness_ns;  ///< of ticks
  Histogram delivery_ns;  ///< of frames, to their last datagram
  u64 schedule_shifts = 0;
  i64 longest_under_way_ns = 0;  ///< of frames that have not reached all their clients yet
};

class OverloadWatch {
 public:
  struct Counters {
    Counter climbs, descents;
    Gauge rung;
    Gauge pace_percent;
  };

  /// `figures` is called on the watch's thread. `state` outlives the watch.
  OverloadWatch(const battle::OverloadSettings& settings, battle::OverloadState& state,
                std::function<LoadFigures()> figures, const env::Clock& clock);
  ~OverloadWatch();

  void start();
  void stop();

  // ---- any thread
  const Counters& counters() const { return counters_; }
  /// Why it climbed; empty on the normal rung.
  std::string reason() const;

 private:
  void run();
  void look();

  battle::OverloadSettings settings_;
  battle::OverloadState& state_;
  std::function<LoadFigures()> figures_;
  const env::Clock& clock_;
  battle::OverloadLadder ladder_;
  LoadFigures before_;
  Counters counters_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::string reason_;
  std::thread thread_;
};

}  // namespace drumline::server

// A token bucket in integers: `rate` tokens a second, up to `burst`.
#pragma once

#include <algorithm>

#include "base/types.hpp"

namespace drumline::gateway {

/// One thread. Time must not go back.
class TokenBucket {
 public:
  TokenBucket(u32 rate_per_s, u32 burst, TimeNs now)
      : rate_per_s_(rate_per_s), burst_ns_(i64{burst} * kSecondNs), level_ns_(burst_ns_), last_(now) {}

  /// Takes one token; false when there is none.
  bool take(TimeNs now) {
    // The level is kept in token-nanoseconds: a token is one second's worth at rate 1.
    const i64 elapsed = std::min<i64>(now - last_, 60 * kSecondNs);
    level_ns_ = std::min(burst_ns_, level_ns_ + elapsed * rate_per_s_);
    last_ = now;
    if (level_ns_ < kSecondNs) return false;
    level_ns_ -= kSecondNs;
    return true;
  }

 private:
  i64 rate_per_s_;
  i64 burst_ns_;
  i64 level_ns_;
  TimeNs last_;
};

}  // namespace drumline::gateway

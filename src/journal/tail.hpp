// What stands where a segment's valid records end: nothing, what a crash left of
// its last write, or damage to what was durable once.
#pragma once

#include "env/file.hpp"
#include "journal/format.hpp"

namespace drumline::journal {

struct Tail {
  enum class Kind {
    clean,   ///< zeros to the end of the file
    torn,    ///< part of one write that never was acknowledged; ends before `end`
    damaged  ///< a record that was durable once follows; `reason` says where
  };
  Kind kind = Kind::clean;
  u64 end = 0;         ///< one past the last byte that is not zero
  std::string reason;  ///< for damaged
};

/// Judges the bytes of segment `number` from `offset`, where no valid record
/// stands, to the file's end. Only for the journal's last segment.
Result<Tail> judge_tail(const env::File& file, u32 number, u64 offset, u64 size);

}  // namespace drumline::journal

// Numbers for battles that are never given twice in a data folder, whatever is pruned
// from its journal.
#pragma once

#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "env/file.hpp"

namespace drumline::server {

/// One thread. A file holds a number that no battle has reached yet; it is moved on
/// before one does, so a crash skips numbers and repeats none.
class BattleIds {
 public:
  /// `highest_seen`: of the battles that the data folder is known to have.
  static Result<BattleIds> open(env::FileSystem& files, std::string path, BattleId highest_seen);

  Result<BattleId> next();

 private:
  BattleIds(env::FileSystem& files, std::string path, u64 next, u64 reserved)
      : files_(&files), path_(std::move(path)), next_(next), reserved_(reserved) {}

  env::FileSystem* files_;
  std::string path_;
  u64 next_;
  u64 reserved_;  ///< numbers below it may be given without writing
};

}  // namespace drumline::server

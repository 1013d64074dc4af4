// Compares what clients were shown with what the record says that the world was.
#pragma once

#include <string>
#include <vector>

#include "broadcast/sights.hpp"
#include "recovery/recovery.hpp"

namespace drumline::recovery {

struct SightCheck {
  u64 sights = 0;  ///< compared
  u64 battles = 0;
  u64 ticks = 0;  ///< of which there were any
  u64 different = 0;
  std::vector<std::string> first_differences;  ///< battle, tick, entity and field named; at most 10
};

/// Replays the battles that the sights are of, from the data folder or recording in `path`, to
/// each of their ticks. An error is the record's: a battle or a tick that is not in it, or a
/// replay that is not as recorded.
Result<SightCheck> check_sights(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                std::vector<broadcast::Sight> sights);

}  // namespace drumline::recovery

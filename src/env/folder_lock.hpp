// One process a data folder: two writers of one journal would destroy it.
#pragma once

#include <string>

#include "base/result.hpp"

namespace drumline::env {

/// Holds FOLDER/lock locked (flock) for its life; the kernel lets go when the
/// process ends, however it ends.
class FolderLock {
 public:
  /// ErrorCode::unavailable when another process holds it, naming that process.
  static Result<FolderLock> take(const std::string& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace drumline::env

// Files, borrowed from the world: the disk here, memory with faults in tests.
// The journal, snapshots and recovery touch a disk only through this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/types.hpp"

namespace drumline::env {

/// An open file. Calls on one file come from one thread at a time. Offsets and
/// sizes in bytes. EINTR is retried inside; a short write is continued; every
/// other failure is an Error that names the path and the system's reason
/// (ENOSPC is ErrorCode::exhausted).
class File {
 public:
  virtual ~File() = default;
  virtual const std::string& path() const = 0;
  virtual Result<u64> size() const = 0;
  /// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(u64 offset, MutableBytes out) const = 0;
  /// Writes all of `bytes`; may stay in the page cache until sync().
  virtual Result<void> write_at(u64 offset, Bytes bytes) = 0;
  /// Writes all of `bytes` and returns when they are on stable storage
  /// (pwritev2 with RWF_DSYNC). After a failure what the range holds is unknown:
  /// the caller must not try again and believe it (docs: faults, fsync).
  virtual Result<void> write_durable_at(u64 offset, Bytes bytes) = 0;
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(u64 size) = 0;
};

enum class OpenMode {
  read,              ///< must exist
  read_write,        ///< must exist
  create_exclusive,  ///< must not exist; read and write
  create_truncate,   ///< made or emptied; read and write
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Plain file names (no folders, no path) in `folder`, sorted bytewise.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  /// As list(), for subfolders.
  virtual Result<std::vector<std::string>> list_folders(const std::string& folder) = 0;
  /// Makes the folder and its parents; fine when it is there.
  virtual Result<void> make_folder(const std::string& folder) = 0;
  /// Replaces `to` if it exists.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  /// Makes creations, renames and removals in `folder` durable.
  virtual Result<void> sync_folder(const std::string& folder) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// Bytes free for this process on the file system that holds `folder`.
  virtual Result<u64> free_bytes(const std::string& folder) = 0;
};

/// The disk.
std::unique_ptr<FileSystem> make_system_files();

/// Reads a whole file of at most `limit` bytes; a larger one is ErrorCode::exhausted.
Result<std::vector<std::byte>> read_file(FileSystem& files, const std::string& path, u64 limit);

/// Writes a file whole or not at all, durably: temporary file in the same
/// folder, sync, rename, sync of the folder.
Result<void> write_file_atomic(FileSystem& files, const std::string& path, Bytes bytes);

}  // namespace drumline::env

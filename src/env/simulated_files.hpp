// A disk in memory that forgets what a real one may forget, and fails when told
// to. What the journal and recovery are tested against.
#pragma once

#include <memory>

#include "env/file.hpp"

namespace drumline::env {

/// Keeps what is written apart from what is durable:
/// - Content is durable after sync(); of what was not synced a crash keeps each
///   sector or not, as the seed has it, and the size follows.
/// - write_durable_at() makes its own range durable and nothing else.
/// - A creation, rename or removal is durable after sync_folder(); of those
///   that were not, a crash keeps the first few in each folder. Folders
///   themselves are durable at once.
/// - After a failed sync what was to be synced is still readable but is not
///   durable, and the next sync says that all is well (as Linux does).
///
/// Paths are compared as text, so one file needs one spelling. Any thread.
class SimulatedFiles final : public FileSystem {
 public:
  enum class Fault {
    io_error,     ///< ErrorCode::io; a write may have left part of itself
    no_space,     ///< ErrorCode::exhausted, of what needs space; others succeed
    short_write,  ///< of a write: a part is written, then ErrorCode::io; others succeed
  };
  struct Options {
    u64 seed = 1;
    u64 capacity_bytes = ~u64{0};
    u32 sector_bytes = 512;  ///< what a crash keeps whole or not at all; 1 tears anywhere
  };

  explicit SimulatedFiles(const Options& options);
  SimulatedFiles();
  ~SimulatedFiles() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<std::vector<std::string>> list_folders(const std::string& folder) override;
  Result<void> make_folder(const std::string& folder) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<bool> exists(const std::string& path) override;
  Result<u64> free_bytes(const std::string& folder) override;

  /// The machine stops: what was not durable is dropped or torn, open files are
  /// dead (every call on them fails), faults and power cuts that were planned are
  /// forgotten.
  void crash();

  /// Operations so far: every call that would be I/O, on files and folders
  /// alike; size(), exists() and free_bytes() are none.
  u64 operations() const;
  /// Operations `every`, 2·every, … counted from now fail. 0: none.
  void fail_every(u64 every, Fault fault);
  /// Only the `nth` operation from now fails, from 1.
  void fail_at(u64 nth, Fault fault);
  /// The `nth` operation from now happens in part, and it and all later ones
  /// fail until crash().
  void cut_power_at(u64 nth);

  void set_capacity(u64 bytes);

  /// The bytes of a file as a crash could at worst leave them: what is durable.
  /// Empty when the file's name is not durable either.
  std::vector<std::byte> durable_content(const std::string& path) const;

 private:
  struct Node;
  struct State;
  class OpenFile;
  // Shared with the open files, which may outlive the file system.
  std::shared_ptr<State> state_;
};

}  // namespace drumline::env

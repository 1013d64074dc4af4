#include "env/file.hpp"

namespace drumline::env {

Result<std::vector<std::byte>> read_file(FileSystem& files, const std::string& path, u64 limit) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > limit) {
    return Error{ErrorCode::exhausted, path + " has " + std::to_string(*size) + " bytes, more than the " +
                                           std::to_string(limit) + " that are read at most"};
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
  const auto got = (*file)->read_at(0, bytes);
  if (!got) return got.error();
  bytes.resize(*got);
  return bytes;
}

Result<void> write_file_atomic(FileSystem& files, const std::string& path, Bytes bytes) {
  // One name, so that what a crash leaves behind is overwritten by the next attempt.
  const std::string temporary = path + ".tmp";
  const auto write = [&]() -> Result<void> {
    auto file = files.open(temporary, OpenMode::create_truncate);
    if (!file) return std::move(file).error();
    if (auto written = (*file)->write_at(0, bytes); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    return files.rename(temporary, path);
  };
  if (auto written = write(); !written) {
    // The first failure is the one to tell; the leftover harms nobody.
    static_cast<void>(files.remove(temporary));
    return written;
  }
  const std::size_t slash = path.rfind('/');
  return files.sync_folder(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace drumline::env

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "env/file.hpp"

namespace drumline::env {

namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EEXIST:
      return ErrorCode::already_exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::exhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EBUSY:
    case ETXTBSY:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::io;
  }
}

Error system_error(const char* doing, const std::string& path, int number) {
  return {code_of(number), std::string("cannot ") + doing + " " + path + ": " +
                               std::error_code(number, std::system_category()).message()};
}

/// Runs a system call again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class SystemFile final : public File {
 public:
  SystemFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~SystemFile() override { ::close(descriptor_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  const std::string& path() const override { return path_; }

  Result<u64> size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return system_error("measure", path_, errno);
    return static_cast<u64>(status.st_size);
  }

  Result<std::size_t> read_at(u64 offset, MutableBytes out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = uninterrupted([&] {
        return ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) return system_error("read", path_, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<void> write_at(u64 offset, Bytes bytes) override { return write(offset, bytes, 0); }
  Result<void> write_durable_at(u64 offset, Bytes bytes) override { return write(offset, bytes, RWF_DSYNC); }

  Result<void> sync() override {
    // No retry on EINTR's siblings: after a failure the kernel forgets the dirty
    // pages, and a second call would say that all is well.
    if (uninterrupted([&] { return ::fdatasync(descriptor_); }) != 0)
      return system_error("sync", path_, errno);
    return {};
  }

  Result<void> truncate(u64 size) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
      return system_error("resize", path_, errno);
    }
    return {};
  }

 private:
  Result<void> write(u64 offset, Bytes bytes, int flags) {
    while (!bytes.empty()) {
      iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
      const ssize_t put =
          uninterrupted([&] { return ::pwritev2(descriptor_, &part, 1, static_cast<off_t>(offset), flags); });
      if (put < 0) return system_error("write", path_, errno);
      if (put == 0) return system_error("write", path_, EIO);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      offset += static_cast<u64>(put);
    }
    return {};
  }

  const int descriptor_;
  const std::string path_;
};

class SystemFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::read:
        flags |= O_RDONLY;
        break;
      case OpenMode::read_write:
        flags |= O_RDWR;
        break;
      case OpenMode::create_exclusive:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
      case OpenMode::create_truncate:
        flags |= O_RDWR | O_CREAT | O_TRUNC;
        break;
    }
    const int descriptor = uninterrupted([&] { return ::open(path.c_str(), flags, kFileMode); });
    if (descriptor < 0) return system_error("open", path, errno);
    // Opening a folder for reading succeeds, and only reading from it would fail.
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
      ::close(descriptor);
      return system_error("open", path, EISDIR);
    }
    return std::unique_ptr<File>(std::make_unique<SystemFile>(descriptor, path));
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    return entries(folder, S_IFREG);
  }
  Result<std::vector<std::string>> list_folders(const std::string& folder) override {
    return entries(folder, S_IFDIR);
  }

  Result<void> make_folder(const std::string& folder) override {
    for (std::size_t end = 0; end != std::string::npos;) {
      end = folder.find('/', end + 1);
      const std::string part = folder.substr(0, end);
      if (part.empty() || part.back() == '/') continue;
      if (::mkdir(part.c_str(), kFolderMode) == 0) {
        const std::size_t slash = part.rfind('/');
        const std::string parent = slash == std::string::npos ? "."
                                   : slash == 0               ? "/"
                                                              : part.substr(0, slash);
        if (auto synced = sync_folder(parent); !synced) return synced;
      } else if (errno != EEXIST) {
        return system_error("make folder", part, errno);
      }
    }
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return system_error("make folder", folder, errno);
    if (!S_ISDIR(status.st_mode)) return system_error("make folder", folder, ENOTDIR);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename to " + to + " from", from);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path, errno);
    return {};
  }

  Result<void> sync_folder(const std::string& folder) override {
    const int descriptor =
        uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return system_error("open folder", folder, errno);
    const int failed = uninterrupted([&] { return ::fsync(descriptor); }) != 0 ? errno : 0;
    ::close(descriptor);
    if (failed != 0) return system_error("sync folder", folder, failed);
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error("look at", path, errno);
  }

  Result<u64> free_bytes(const std::string& folder) override {
    struct statvfs status {};
    if (uninterrupted([&] { return ::statvfs(folder.c_str(), &status); }) != 0) {
      return system_error("measure free space of", folder, errno);
    }
    return u64{status.f_bavail} * status.f_frsize;
  }

 private:
  static Error system_error(const std::string& doing, const std::string& path) {
    return env::system_error(doing.c_str(), path, errno);
  }
  static Error system_error(const char* doing, const std::string& path, int number) {
    return env::system_error(doing, path, number);
  }

  static Result<std::vector<std::string>> entries(const std::string& folder, mode_t kind) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()),
                                                      [](DIR* d) { return ::closedir(d); });
    if (!listing) return system_error("list", folder, errno);
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(listing.get());
      if (entry == nullptr) {
        if (errno != 0) return system_error("list", folder, errno);
        break;
      }
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat status {};
      // One that vanished meanwhile is not there; a link counts as what it is, neither.
      if (::fstatat(::dirfd(listing.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if ((status.st_mode & S_IFMT) == kind) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_system_files() {
  return std::make_unique<SystemFiles>();
}

}  // namespace drumline::env

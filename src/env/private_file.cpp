#include "env/private_file.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drumline::env {
namespace {

Error system_error(const std::string& what, const std::string& path) {
  const int code = errno;
  const ErrorCode kind = code == EACCES || code == EPERM ? ErrorCode::permission
                         : code == ENOSPC                ? ErrorCode::exhausted
                         : code == ENOENT                ? ErrorCode::not_found
                                                         : ErrorCode::io;
  return {kind, "cannot " + what + " " + path + ": " + std::generic_category().message(code)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

Result<void> write_file_with_mode(const std::string& path, std::string_view text, mode_t mode) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return system_error("create", temporary);
  // The process's umask may have taken bits away.
  if (::fchmod(fd, mode) != 0 || !write_all(fd, text) || ::fsync(fd) != 0) {
    Error error = system_error("write", temporary);
    ::close(fd);
    ::unlink(temporary.c_str());
    return error;
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename a new file to", path);
  return {};
}

Result<std::string> read_private_file(const std::string& path, std::size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("open", path);
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    Error error = system_error("look at", path);
    ::close(fd);
    return error;
  }
  if ((status.st_mode & 077U) != 0) {
    ::close(fd);
    return Error{ErrorCode::permission,
                 path + " holds a secret but others may read or write it; run chmod 600 on it"};
  }
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      Error error = system_error("read", path);
      ::close(fd);
      return error;
    }
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (size > limit) {
    return Error{ErrorCode::exhausted, path + " is larger than " + std::to_string(limit) + " bytes"};
  }
  text.resize(size);
  return text;
}

}  // namespace drumline::env

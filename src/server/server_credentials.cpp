#include "server/server_credentials.hpp"

#include <chrono>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.hpp"
#include "env/thread.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::server {
namespace {

constexpr std::chrono::seconds kLookPeriod{1};

/// Differs when the file is another one or has other contents; empty when there is none.
std::string mark_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "-";
  return fmt::format("{}/{}/{}.{:09}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<ServerCredentials>> ServerCredentials::open(Settings settings,
                                                                   const env::Clock& clock) {
  std::unique_ptr<ServerCredentials> made(new ServerCredentials(std::move(settings), clock));
  made->marks_ = made->marks();
  if (auto loaded = made->load(); !loaded) return std::move(loaded).error();
  return made;
}

ServerCredentials::~ServerCredentials() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ServerCredentials::watch() {
  thread_ = std::thread([this] { run(); });
}

void ServerCredentials::run() {
  env::set_thread_name("credentials");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookPeriod, [this] { return stopping_; })) {
    lock.unlock();
    refresh();
    lock.lock();
  }
}

transport::TlsFiles ServerCredentials::files() const {
  const transport::PkiPaths paths = transport::pki_paths(settings_.folder);
  transport::TlsFiles files{paths.ca_certificate, paths.server_certificate, paths.server_key};
  struct stat status {};
  if (::stat(paths.revoked.c_str(), &status) == 0) files.revoked = paths.revoked;
  return files;
}

std::string ServerCredentials::marks() const {
  const transport::PkiPaths paths = transport::pki_paths(settings_.folder);
  std::string all;
  for (const std::string& path :
       {paths.ca_certificate, paths.server_certificate, paths.server_key, paths.revoked})
    all += mark_of(path) + ' ';
  return all;
}

Result<void> ServerCredentials::load() {
  const transport::TlsFiles from = files();
  if (auto good = transport::check_tls_files(from, clock_.wall_now() / kSecondNs); !good) return good;
  auto quic = transport::TlsCredentials::load(from);
  if (!quic) return std::move(quic).error();
  std::shared_ptr<const transport::TlsServerContext> tls;
  if (settings_.serve_tls) {
    transport::TlsServerContext::Options options;
    options.files = from;
    options.require_client_certificate = settings_.require_client_certificate;
    options.ticket_keys = settings_.ticket_keys;
    auto made = transport::TlsServerContext::create(std::move(options), clock_);
    if (!made) return std::move(made).error();
    tls = std::move(*made);
  }
  transport::Revocations revoked;
  if (!from.revoked.empty()) {
    auto read = transport::Revocations::read(from.revoked);
    if (!read) return std::move(read).error();
    revoked = std::move(*read);
  }
  const std::lock_guard lock(mutex_);
  quic_ = std::move(*quic);
  tls_ = std::move(tls);
  revocations_ = std::make_shared<const transport::Revocations>(std::move(revoked));
  return {};
}

bool ServerCredentials::refresh() {
  const std::lock_guard lock(refresh_mutex_);
  // Before they are read: what is written meanwhile is read the next time.
  std::string now = marks();
  if (now == marks_) return false;
  marks_ = std::move(now);
  if (const auto loaded = load(); !loaded) {
    failures_.add();
    log_error(
        "credentials: the files in {} have changed and cannot be used, those before them stay in use: {}",
        settings_.folder, loaded.error().message);
    return false;
  }
  renewals_.add();
  log_info("credentials: the files in {} have changed; new connections are met with them", settings_.folder);
  return true;
}

std::shared_ptr<const transport::Revocations> ServerCredentials::revocations() const {
  const std::lock_guard lock(mutex_);
  return revocations_;
}

std::shared_ptr<const transport::TlsCredentials> ServerCredentials::quic() const {
  const std::lock_guard lock(mutex_);
  return quic_;
}

std::shared_ptr<const transport::TlsServerContext> ServerCredentials::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

}  // namespace drumline::server

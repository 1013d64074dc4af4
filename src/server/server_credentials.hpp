// What a node proves itself with to native clients and whom it believes: the PEM files of the PKI folder,
// read anew when they change. Connections that are open stay as they are, but those of revoked certificates,
// which the gateway shards end.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/counter.hpp"
#include "base/result.hpp"
#include "env/clock.hpp"
#include "transport/credentials/revocations.hpp"
#include "transport/quic/tls_credentials.hpp"
#include "transport/tcp/tls_context.hpp"

namespace drumline::server {

class ServerCredentials {
 public:
  struct Settings {
    std::string folder;
    bool require_client_certificate = true;
    bool serve_tls = true;                                     ///< over TCP
    std::shared_ptr<const transport::TicketKeys> ticket_keys;  ///< null: no tickets
  };
  /// Reads ca.pem, server.pem, server.key and, if it is there, revoked.pem. The Error is one sentence
  /// that names the file and the way out. `clock` outlives it.
  static Result<std::unique_ptr<ServerCredentials>> open(Settings settings, const env::Clock& clock);
  ~ServerCredentials();

  /// Looks after the files each second from now on, on a thread of its own.
  void watch();
  /// Reads the files if they are not as they were. What cannot be used is said in the log once, and what
  /// was in use stays. Any thread. True: others are in use now.
  bool refresh();

  /// Any thread: another object whenever the files were read anew.
  std::shared_ptr<const transport::Revocations> revocations() const;
  // Any thread, for the next handshake.
  std::shared_ptr<const transport::TlsCredentials> quic() const;
  std::shared_ptr<const transport::TlsServerContext> tls() const;  ///< null: not over TCP
  transport::TlsFiles files() const;

  u64 renewals() const { return renewals_.value(); }
  u64 failures() const { return failures_.value(); }  ///< changes that could not be used

 private:
  ServerCredentials(Settings settings, const env::Clock& clock)
      : settings_(std::move(settings)), clock_(clock) {}
  Result<void> load();
  std::string marks() const;
  void run();

  Settings settings_;
  const env::Clock& clock_;
  mutable std::mutex mutex_;  ///< of what is in use; taken for each handshake, and a few times a second
  std::shared_ptr<const transport::TlsCredentials> quic_;
  std::shared_ptr<const transport::TlsServerContext> tls_;
  std::shared_ptr<const transport::Revocations> revocations_;
  std::mutex refresh_mutex_;
  std::string marks_;  ///< of the files when they were last read
  Counter renewals_, failures_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace drumline::server

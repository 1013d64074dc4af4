// The certificate that browsers are shown over WebTransport, and its hash, by which
// a page of the console knows it; renewed while the server runs.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "env/clock.hpp"
#include "transport/quic/tls_credentials.hpp"

namespace drumline::server {

class WebCertificate {
 public:
  /// Reads web.pem and web.key of `folder`. Null when there is none: browsers are then shown
  /// server.pem, which has to be one that they trust anyway. `clock` outlives it.
  static Result<std::unique_ptr<WebCertificate>> open(const std::string& folder, const env::Clock& clock);

  /// Any thread: for the next handshake.
  std::shared_ptr<const transport::TlsCredentials> credentials() const;
  /// Any thread that may write files: the SHA-256 of the certificate, hexadecimal. It is renewed
  /// first when its time is near. Who asks here is the only one who can come to know a new one.
  std::string hash();

 private:
  WebCertificate(std::string folder, const env::Clock& clock) : folder_(std::move(folder)), clock_(clock) {}
  Result<void> load();
  void renew_when_due();

  std::string folder_;
  const env::Clock& clock_;
  mutable std::mutex mutex_;  ///< taken for a handshake of a browser, and when a page asks
  std::shared_ptr<const transport::TlsCredentials> credentials_;
  std::string hash_;
  i64 expires_at_s_ = 0;
  i64 tried_at_s_ = 0;
};

}  // namespace drumline::server

// The admin endpoint: health, metrics, configuration, the console page and battles, over
// HTTP/1.1 on a thread of its own. Everything it serves is asked for through
// callbacks, which run on that thread; docs/operations.md lists the paths.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counter.hpp"
#include "base/result.hpp"
#include "env/network.hpp"
#include "telemetry/metrics.hpp"

namespace drumline::telemetry {

struct AdminOptions {
  std::string address = "127.0.0.1";  ///< numeric; anything but loopback needs `token`
  u16 port = 8000;                    ///< 0 takes a free one
  /// Off loopback every request must bring it as "Authorization: Bearer", except
  /// /live and /ready (which then gives no reason).
  std::string token;
  u32 max_connections = 64;
  std::size_t max_header_bytes = 8 * 1024;
  std::size_t max_body_bytes = 1 << 20;  ///< of what is posted
  i64 request_timeout_ms = 10'000;       ///< to read a request, and to take its answer
  /// 'wasm-unsafe-eval' lets the replay page compile simulation.wasm, and still no text as script.
  std::string content_security_policy =
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss: https:; "
      "img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
      "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'";
};

struct AdminRequest {
  std::string_view path;
  /// Decoded; the first of a repeated key.
  const std::map<std::string, std::string, std::less<>>& query;
  std::string_view body{};  ///< of an action

  std::string_view query_value(std::string_view key) const {
    const auto found = query.find(key);
    return found == query.end() ? std::string_view{} : std::string_view{found->second};
  }
};

struct AdminResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
AdminResponse json_response(std::string body);
/// A sentence as plain text.
AdminResponse error_response(unsigned status, std::string sentence);

/// A file of the console, embedded in the binary; the views must outlive the server.
struct AdminAsset {
  std::string_view path;  ///< "/console.js"; "/index.html" is served at "/" too
  std::string_view content_type;
  std::string_view etag;  ///< without quotes; empty: not cached
  std::string_view content;
};

struct AdminCounters {
  Counter connections;
  Counter connections_refused;  ///< the limit was reached
  Counter requests;
  Counter requests_refused;  ///< 4xx: malformed, unknown, not allowed
  Counter requests_failed;   ///< 5xx
};

class AdminServer {
 public:
  using Handler = std::function<AdminResponse(const AdminRequest&)>;

  explicit AdminServer(AdminOptions options);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Before start(). GET and HEAD of exactly `path`; a later route of the same path
  /// replaces the earlier. What a handler throws is answered with status 500.
  void add_route(std::string path, Handler handler);
  /// Before start(). POST of exactly `path`, with a body of at most max_body_bytes. Pages of
  /// other sites are refused.
  void add_action(std::string path, Handler handler);
  /// Before start(). Routes come before assets.
  void add_assets(std::span<const AdminAsset> assets);

  /// Binds and serves on a new thread. An address off loopback without a token is
  /// refused; a port in use is unavailable; both say what to do.
  Result<void> start();
  /// Ends every connection and the thread. Idempotent.
  void stop();

  /// After start().
  env::Address local() const;
  const AdminCounters& counters() const;
  void collect(MetricSink& sink) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace drumline::telemetry

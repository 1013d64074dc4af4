#include "telemetry/admin_server.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/request_target.hpp"
#include "env/thread.hpp"

namespace drumline::telemetry {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

/// What a connection answers with: a body of its own, or a view of an asset.
struct Answer {
  AdminResponse response;
  std::string_view content;  ///< sent instead of response.body when `asset`
  bool asset = false;
  std::string etag;  ///< with quotes; empty: must not be stored
  std::string_view extra_name;
  std::string_view extra_value;
};

/// Does an If-None-Match value name this tag (RFC 9110 section 13.1.2)?
bool etag_matches(std::string_view list, std::string_view quoted) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (item.substr(0, 2) == "W/") item.remove_prefix(2);
    if (item == "*" || item == quoted) return true;
  }
  return false;
}

class Connection;

}  // namespace

AdminResponse json_response(std::string body) {
  return {200, "application/json", std::move(body)};
}

AdminResponse error_response(unsigned status, std::string sentence) {
  sentence.push_back('\n');
  return {status, "text/plain; charset=utf-8", std::move(sentence)};
}

struct AdminServer::Impl {
  explicit Impl(AdminOptions given) : options(std::move(given)) {}

  Result<void> listen();
  void accept();
  void take(tcp::socket socket);
  using Header = http::request_header<>;
  Answer answer(const Header& request, std::string_view body);
  std::optional<Answer> refuse(const Header& request, std::string_view path) const;
  bool is_action(std::string_view path) const { return actions.find(path) != actions.end(); }

  AdminOptions options;
  std::map<std::string, Handler, std::less<>> routes;
  std::map<std::string, Handler, std::less<>> actions;
  std::map<std::string_view, AdminAsset> assets;
  AdminCounters counters;

  /// Before `io`: a connection that dies with it still takes itself out.
  std::unordered_set<Connection*> connections;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer retry{io};
  env::Address bound;
  bool on_loopback = true;
  std::thread thread;
};

namespace {

/// One keep-alive connection: read a request, answer, again. The pending operation owns it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(AdminServer::Impl& server, tcp::socket socket)
      : server_(server), stream_(std::move(socket)), buffer_(server.options.max_header_bytes + 1) {
    server_.connections.insert(this);
  }
  ~Connection() { server_.connections.erase(this); }

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<u32>(server_.options.max_header_bytes));
    parser_->body_limit(server_.options.max_body_bytes);
    stream_.expires_after(std::chrono::milliseconds(server_.options.request_timeout_ms));
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code ec, std::size_t) { self->on_request(ec); });
  }

  void close() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void on_request(error_code ec) {
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      return send(refusal(431, "The request's header is too large."), true, false);
    }
    // A length that the header announces is refused with the header.
    if (ec == http::error::body_limit) return send(too_long(), true, false);
    if (ec == http::error::end_of_stream) return close();
    if (ec && ec.category() == http::make_error_code(http::error::bad_value).category() &&
        ec != http::error::partial_message) {
      return send(refusal(400, "This is not an HTTP/1.1 request: " + ec.message() + '.'), true, false);
    }
    if (ec) return close();
    const auto& request = parser_->get();
    if (request.method() == http::verb::post) return read_body();
    const bool head = request.method() == http::verb::head;
    // After a body that nobody reads, the next request could not be found.
    const bool has_body = parser_->content_length().value_or(0) > 0 || parser_->chunked();
    if (request.method() == http::verb::get && has_body) {
      return send(refusal(413, "Only what is posted may have a body."), true, false);
    }
    const bool last = !request.keep_alive() || has_body;
    send(server_.answer(request, {}), last, head);
  }

  void read_body() {
    // What would be refused anyway is refused before its body is taken.
    const auto target = parse_request_target(std::string_view(parser_->get().target()));
    if (!target || !server_.is_action(target->path) || server_.refuse(parser_->get(), target->path)) {
      return send(server_.answer(parser_->get(), {}), true, false);
    }
    body_parser_.emplace(std::move(*parser_));
    body_parser_->body_limit(server_.options.max_body_bytes);
    http::async_read(stream_, buffer_, *body_parser_,
                     [self = shared_from_this()](error_code ec, std::size_t) { self->on_body(ec); });
  }

  void on_body(error_code ec) {
    if (ec == http::error::body_limit) return send(too_long(), true, false);
    if (ec) return close();
    const auto& request = body_parser_->get();
    send(server_.answer(request, request.body()), !request.keep_alive(), false);
  }

  Answer too_long() const {
    return refusal(
        413, "At most " + std::to_string(server_.options.max_body_bytes) + " bytes may be posted here.");
  }

  static Answer refusal(unsigned status, std::string sentence) {
    Answer answer;
    answer.response = error_response(status, std::move(sentence));
    return answer;
  }

  void send(Answer answer, bool last, bool head) {
    answer_ = std::move(answer);
    server_.counters.requests.add();
    const unsigned status = answer_.response.status;
    if (status >= 500 && status != 503)
      server_.counters.requests_failed.add();
    else if (status >= 400 && status < 500)
      server_.counters.requests_refused.add();

    const std::string_view body = answer_.asset ? answer_.content : std::string_view(answer_.response.body);
    response_.emplace();
    auto& response = *response_;
    response.version(11);
    response.result(status);
    response.keep_alive(!last);
    response.set(http::field::server, "drumline");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("X-Frame-Options", "DENY");
    response.set("Referrer-Policy", "no-referrer");
    response.set("Cross-Origin-Resource-Policy", "same-origin");
    response.set("Cross-Origin-Opener-Policy", "same-origin");
    response.set("Content-Security-Policy", server_.options.content_security_policy);
    response.set(http::field::cache_control, answer_.etag.empty() ? "no-store" : "no-cache");
    if (!answer_.etag.empty()) response.set(http::field::etag, answer_.etag);
    if (!answer_.extra_name.empty()) response.set(answer_.extra_name, answer_.extra_value);
    if (status != 304) {
      response.set(http::field::content_type, answer_.response.content_type);
      response.content_length(body.size());
      if (!head) response.body() = {body.data(), body.size()};
    }
    stream_.expires_after(std::chrono::milliseconds(server_.options.request_timeout_ms));
    http::async_write(stream_, response, [self = shared_from_this(), last](error_code ec, std::size_t) {
      if (ec) return self->close();
      if (!last) return self->read();
      error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
      self->linger();
    });
  }

  /// Closing with bytes unread would reset the connection and lose the answer on
  /// its way; so read on for a moment, within limits.
  void linger() {
    stream_.async_read_some(asio::buffer(scrap_),
                            [self = shared_from_this()](error_code ec, std::size_t size) {
                              self->lingered_ += size;
                              if (ec || self->lingered_ > kMaxLingerBytes) return self->close();
                              self->linger();
                            });
  }

  static constexpr std::size_t kMaxLingerBytes = 256 * 1024;

  AdminServer::Impl& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http::request_parser<http::string_body>> body_parser_;
  Answer answer_;
  std::optional<http::response<http::span_body<const char>>> response_;
  std::array<char, 2048> scrap_;
  std::size_t lingered_ = 0;
};

env::Address to_address(const tcp::endpoint& endpoint) {
  env::Address address;
  address.port = endpoint.port();
  const auto ip = endpoint.address();
  address.ip =
      (ip.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, ip.to_v4()) : ip.to_v6()).to_bytes();
  return address;
}

}  // namespace

Result<void> AdminServer::Impl::listen() {
  const bool colons = options.address.find(':') != std::string::npos;
  const auto parsed = env::parse_address((colons ? '[' + options.address + ']' : options.address) + ':' +
                                         std::to_string(options.port));
  if (!parsed) return parsed.error();
  on_loopback = parsed->is_loopback();
  const std::string where = parsed->to_string() + "/tcp";
  if (!on_loopback && options.token.empty()) {
    return Error{ErrorCode::refused, "the admin endpoint would be open to everyone on " + where +
                                         "; set listen.admin_token, or bind it to loopback"};
  }
  const asio::ip::address_v6 v6(parsed->ip);
  const tcp::endpoint endpoint =
      parsed->is_v4() ? tcp::endpoint(asio::ip::make_address_v4(asio::ip::v4_mapped, v6), parsed->port)
                      : tcp::endpoint(v6, parsed->port);
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) bound = to_address(acceptor.local_endpoint(ec));
  if (!ec) return {};
  error_code ignored;
  acceptor.close(ignored);
  if (ec == asio::error::address_in_use) {
    return Error{ErrorCode::unavailable,
                 where +
                     " is in use; stop what listens there, or choose another port with "
                     "--admin-port (0 picks a free one)"};
  }
  if (ec == asio::error::access_denied) {
    return Error{ErrorCode::permission, where + " may not be bound by this user; choose a port above 1023"};
  }
  return Error{ErrorCode::unavailable, where + " cannot be bound: " + ec.message()};
}

void AdminServer::Impl::accept() {
  acceptor.async_accept([this](error_code ec, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!ec) {
      take(std::move(socket));
      return accept();
    }
    // Out of descriptors or memory: waiting is the only thing that helps.
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait([this](error_code cancelled) {
      if (!cancelled && acceptor.is_open()) accept();
    });
  });
}

void AdminServer::Impl::take(tcp::socket socket) {
  counters.connections.add();
  error_code ec;
  if (connections.size() >= options.max_connections) {
    counters.connections_refused.add();
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: "
        "0\r\n\r\n";
    socket.non_blocking(true, ec);
    socket.write_some(asio::buffer(kFull.data(), kFull.size()), ec);
    return;
  }
  socket.set_option(tcp::no_delay(true), ec);
  std::make_shared<Connection>(*this, std::move(socket))->read();
}

/// What stands in the way of an answer, the path aside.
std::optional<Answer> AdminServer::Impl::refuse(const Header& request, std::string_view path) const {
  const auto refused = [](unsigned status, std::string sentence) {
    Answer answer;
    answer.response = error_response(status, std::move(sentence));
    return answer;
  };
  const auto field = [&](http::field name) { return std::string_view(request[name]); };
  const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
  if (is_action(path) ? request.method() != http::verb::post : !reads) {
    Answer answer = refused(
        405, is_action(path) ? "This path is to be posted to." : "Only GET and HEAD are served here.");
    answer.extra_name = "Allow";
    answer.extra_value = is_action(path) ? "POST" : "GET, HEAD";
    return answer;
  }
  if (on_loopback) {
    // A page of a hostile name that was rebound to 127.0.0.1 still sends that name.
    if (field(http::field::host).empty()) return refused(400, "The Host header is missing.");
    if (!is_loopback_authority(field(http::field::host))) {
      return refused(421, "This endpoint answers to localhost, 127.0.0.1 and [::1] only.");
    }
  } else if (path != "/live" && path != "/ready" &&
             !equal_constant_time(bearer_token(field(http::field::authorization)), options.token)) {
    Answer answer =
        refused(401, "Bring the admin token: \"Authorization: Bearer TOKEN\" (listen.admin_token).");
    answer.extra_name = "WWW-Authenticate";
    answer.extra_value = "Bearer";
    return answer;
  }
  if (path == "/token" && std::string_view(request["Sec-Fetch-Site"]) == "cross-site") {
    return refused(403, "Tokens are not given to pages of other sites.");
  }
  // A browser says where a page is from that posts; a tool says nothing.
  const std::string_view origin = field(http::field::origin);
  const std::string_view host = field(http::field::host);
  if (is_action(path) && !origin.empty() && origin != "http://" + std::string(host) &&
      origin != "https://" + std::string(host)) {
    return refused(403, "Pages of other sites may not do this.");
  }
  return std::nullopt;
}

Answer AdminServer::Impl::answer(const Header& request, std::string_view body) {
  Answer answer;
  const auto target = parse_request_target(std::string_view(request.target()));
  if (!target) {
    answer.response = error_response(400, target.error().message + '.');
    return answer;
  }
  if (auto refusal = refuse(request, target->path)) return std::move(*refusal);

  const auto& handlers = request.method() == http::verb::post ? actions : routes;
  if (const auto route = handlers.find(target->path); route != handlers.end()) {
    try {
      answer.response = route->second(AdminRequest{target->path, target->query, body});
    } catch (const std::exception& error) {
      log_error("admin: {} failed: {}", target->path, printable(error.what()));
      answer.response = error_response(500, "This page failed; the log says why.");
    }
    if (!on_loopback && target->path == "/ready" && answer.response.status != 200 &&
        !equal_constant_time(bearer_token(std::string_view(request[http::field::authorization])),
                             options.token)) {
      answer.response = error_response(503, "not ready");
    }
    return answer;
  }
  const auto asset =
      assets.find(target->path == "/" ? std::string_view("/index.html") : std::string_view(target->path));
  if (asset == assets.end()) {
    answer.response =
        error_response(404, "Nothing is served at this path; docs/operations.md lists what is.");
    return answer;
  }
  answer.asset = true;
  answer.content = asset->second.content;
  answer.response.content_type = asset->second.content_type;
  if (!asset->second.etag.empty()) {
    answer.etag = '"' + std::string(asset->second.etag) + '"';
    if (etag_matches(std::string_view(request[http::field::if_none_match]), answer.etag)) {
      answer.response.status = 304;
      answer.content = {};
    }
  }
  return answer;
}

AdminServer::AdminServer(AdminOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::add_route(std::string path, Handler handler) {
  DRUM_ASSERT(!impl_->thread.joinable());
  DRUM_ASSERT(!path.empty() && path.front() == '/');
  impl_->routes.insert_or_assign(std::move(path), std::move(handler));
}

void AdminServer::add_action(std::string path, Handler handler) {
  DRUM_ASSERT(!impl_->thread.joinable());
  DRUM_ASSERT(!path.empty() && path.front() == '/');
  impl_->actions.insert_or_assign(std::move(path), std::move(handler));
}

void AdminServer::add_assets(std::span<const AdminAsset> assets) {
  DRUM_ASSERT(!impl_->thread.joinable());
  for (const AdminAsset& asset : assets) impl_->assets.insert_or_assign(asset.path, asset);
}

Result<void> AdminServer::start() {
  DRUM_ASSERT(!impl_->thread.joinable());
  if (auto listening = impl_->listen(); !listening) return listening;
  impl_->accept();
  impl_->thread = std::thread([impl = impl_.get()] {
    env::set_thread_name("admin");
    impl->io.run();
  });
  return {};
}

void AdminServer::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get()] {
    error_code ignored;
    impl->acceptor.close(ignored);
    impl->retry.cancel();
    // Their operations end with an error, let go of them, and run() has no more to do.
    for (Connection* connection : impl->connections) connection->close();
  });
  impl_->thread.join();
}

env::Address AdminServer::local() const {
  return impl_->bound;
}

const AdminCounters& AdminServer::counters() const {
  return impl_->counters;
}

void AdminServer::collect(MetricSink& sink) const {
  const AdminCounters& counters = impl_->counters;
  sink.counter("drumline_admin_connections_total", "Connections to the admin endpoint.",
               counters.connections);
  sink.counter("drumline_admin_connections_refused_total", "Connections over the admin endpoint's limit.",
               counters.connections_refused);
  sink.counter("drumline_admin_requests_total", "Requests to the admin endpoint.", counters.requests);
  sink.counter("drumline_admin_requests_refused_total", "Admin requests answered with 4xx.",
               counters.requests_refused);
  sink.counter("drumline_admin_requests_failed_total", "Admin requests answered with 5xx, /ready aside.",
               counters.requests_failed);
}

}  // namespace drumline::telemetry

// One WebSocket connection, from the upgrade request to on_close. Included by
// websocket_server.cpp only, so that Beast is compiled once.
#pragma once

#include <array>
#include <unordered_map>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "transport/tcp/send_queue.hpp"
#include "transport/tcp/tls_stream.hpp"
#include "transport/websocket/websocket_server.hpp"

namespace drumline::transport::websocket_detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using tcp = asio::ip::tcp;

/// TCP below a WebSocket. Once both close frames are through, it ends at once: the
/// stock teardown waits for the peer's FIN, which a hostile peer never sends.
struct PlainStream : beast::tcp_stream {
  using beast::tcp_stream::tcp_stream;
};

template <class Handler>
void async_teardown(beast::role_type, PlainStream& stream, Handler&& handler) {
  error_code ec;
  stream.socket().shutdown(tcp::socket::shutdown_send, ec);
  asio::post(stream.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}
inline void teardown(beast::role_type, PlainStream& stream, error_code& ec) {
  stream.socket().shutdown(tcp::socket::shutdown_send, ec);
}

class ConnectionBase;

/// What connections share with their server. Outlives both: an asynchronous
/// operation that is still out when the server goes holds its connection.
struct Hub {
  WebSocketOptions options;
  TokenVerifier verify;
  SessionHandler* handler = nullptr;  ///< null once the server is gone
  WebSocketCounters counters;
  std::unordered_map<ConnectionBase*, std::shared_ptr<ConnectionBase>> connections;
  u32 handshakes = 0;
};

class ConnectionBase : public Session, public std::enable_shared_from_this<ConnectionBase> {
 public:
  /// close() for a session, an end for a handshake.
  virtual void end(CloseCode code, std::string_view reason) = 0;
  /// Ends now, without waiting for the peer.
  virtual void abandon(CloseCode code, std::string_view reason) = 0;
};

/// Stream is what lies below WebSocket: PlainStream, or a TLS stream above it.
template <class Stream>
class Connection final : public ConnectionBase {
 public:
  Connection(std::shared_ptr<Hub> hub, Stream stream, env::Address peer)
      : hub_(std::move(hub)),
        ws_(std::move(stream)),
        peer_(peer),
        queue_({hub_->options.datagram_queue_bytes, hub_->options.reliable_queue_bytes}),
        timer_(ws_.get_executor()) {
    handshake_ = std::make_unique<Handshake>(hub_->options.max_header_bytes);
  }

  /// Reads the upgrade request; the hub already holds this connection.
  void start() {
    timer_.expires_after(std::chrono::milliseconds(hub_->options.handshake_timeout_ms));
    timer_.async_wait([self = self()](error_code ec) {
      if (ec || self->state_ != State::handshaking) return;
      self->hub_->counters.handshake_timeouts.add();
      self->drop();
    });
    http::async_read_header(ws_.next_layer(), handshake_->buffer, handshake_->parser,
                            [self = self()](error_code ec, std::size_t) { self->on_request(ec); });
  }

  TransportKind kind() const override { return TransportKind::websocket; }
  const PeerIdentity& identity() const override { return identity_; }
  env::Address peer() const override { return peer_; }
  std::size_t max_datagram_bytes() const override { return hub_->options.max_datagram_bytes; }

  bool send_datagram(Bytes payload) override {
    if (state_ != State::open) return false;
    if (payload.size() > hub_->options.max_datagram_bytes) {
      hub_->counters.datagrams_too_large.add();
      return false;
    }
    if (!queue_.push(payload, false)) {
      hub_->counters.datagrams_dropped.add();
      return false;
    }
    pump();
    return true;
  }

  bool send_reliable(Bytes bytes) override {
    if (state_ != State::open) return false;
    if (bytes.empty()) return true;
    if (!queue_.push(bytes, true)) {
      close(CloseCode::too_slow, "the send queue is full");
      return false;
    }
    pump();
    return true;
  }

  void close(CloseCode code, std::string_view reason) override {
    if (state_ != State::open) return;
    state_ = State::closing;
    close_code_ = code;
    close_reason_.assign(reason);
    queue_.drop_stale(code == CloseCode::too_slow, writing_ ? 1 : 0);
    timer_.expires_after(std::chrono::milliseconds(hub_->options.close_timeout_ms));
    timer_.async_wait([self = self()](error_code ec) {
      if (!ec) self->finish();
    });
    // Never from inside the caller: on_close follows, it does not interrupt.
    asio::post(ws_.get_executor(), [self = self()] { self->pump(); });
  }

  void end(CloseCode code, std::string_view reason) override {
    if (state_ == State::handshaking)
      drop();
    else
      close(code, reason);
  }

  void abandon(CloseCode code, std::string_view reason) override {
    if (state_ == State::handshaking) return drop();
    if (state_ == State::open) {
      close_code_ = code;
      close_reason_.assign(reason);
    }
    finish();
  }

 private:
  enum class State : u8 { handshaking, open, closing, closed };

  struct Handshake {
    explicit Handshake(std::size_t max_header_bytes) : buffer(max_header_bytes + 1) {
      parser.header_limit(static_cast<u32>(max_header_bytes));
    }
    beast::flat_buffer buffer;
    http::request_parser<http::empty_body> parser;
    http::response<http::string_body> answer;
  };

  static constexpr std::size_t kReadBytes = 4096;

  std::shared_ptr<Connection> self() {
    return std::static_pointer_cast<Connection>(this->shared_from_this());
  }
  Stream& lowest() { return ws_.next_layer(); }

  // --- handshake

  void on_request(error_code ec) {
    if (state_ == State::closed) return;
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      hub_->counters.refused_request.add();
      return answer(431, "The request's header is larger than " +
                             std::to_string(hub_->options.max_header_bytes) + " bytes.");
    }
    if (ec && ec.category() == http::make_error_code(http::error::bad_value).category() &&
        ec != http::error::end_of_stream && ec != http::error::partial_message) {
      hub_->counters.refused_request.add();
      return answer(400, "This is not an HTTP/1.1 request: " + ec.message() + '.');
    }
    if (ec) return drop();

    const auto& request = handshake_->parser.get();
    const auto field = [&](http::field name) { return std::string_view(request[name]); };
    UpgradeRequest upgrade;
    upgrade.is_get = request.method() == http::verb::get;
    upgrade.is_upgrade = websocket::is_upgrade(request);
    upgrade.target = request.target();
    upgrade.host = field(http::field::host);
    upgrade.origin = field(http::field::origin);
    upgrade.authorization = field(http::field::authorization);
    upgrade.subprotocols = field(http::field::sec_websocket_protocol);
    auto decision = decide_upgrade(upgrade, hub_->options.path, hub_->options.allowed_origins, hub_->verify);
    if (decision.refusal) {
      count_refusal(*decision.refusal);
      return answer(decision.status, decision.sentence);
    }
    if (handshake_->buffer.size() != 0) {
      hub_->counters.refused_request.add();
      return answer(400, "The client sent data before the handshake was answered.");
    }
    identity_ = std::move(decision.identity);

    timer_.cancel();
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = std::chrono::milliseconds(hub_->options.handshake_timeout_ms);
    timeouts.idle_timeout = std::chrono::milliseconds(hub_->options.idle_timeout_ms);
    timeouts.keep_alive_pings = true;
    ws_.set_option(timeouts);
    ws_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::server, "drumline");
      // A refusal of Beast's own (a bad key, say) passes here too.
      if (response.result() == http::status::switching_protocols) {
        response.set(http::field::sec_websocket_protocol, kWebSocketSubprotocol);
      }
    }));
    ws_.auto_fragment(false);
    ws_.binary(true);
    // Pieces are handed on as they come and counted by message here, so that a
    // message that is too large is answered with our own close code.
    ws_.read_message_max(0);
    ws_.async_accept(handshake_->parser.get(), [self = self()](error_code e) { self->on_accepted(e); });
  }

  void on_accepted(error_code ec) {
    if (state_ == State::closed) return;
    if (ec) {
      if (ec == beast::error::timeout)
        hub_->counters.handshake_timeouts.add();
      else
        hub_->counters.refused_request.add();
      return drop();
    }
    handshake_.reset();
    leave_handshake();
    state_ = State::open;
    hub_->counters.opened.add();
    hub_->counters.sessions.add(1);
    hub_->handler->on_open(*this);
    if (state_ == State::open) read();
  }

  void count_refusal(UpgradeRefusal refusal) {
    auto& counters = hub_->counters;
    if (refusal == UpgradeRefusal::bad_token)
      counters.refused_token.add();
    else if (refusal == UpgradeRefusal::bad_origin)
      counters.refused_origin.add();
    else
      counters.refused_request.add();
  }

  void answer(unsigned status, std::string sentence) {
    auto& response = handshake_->answer;
    response.version(11);
    response.result(status);
    response.set(http::field::server, "drumline");
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::cache_control, "no-store");
    if (status == 405) response.set(http::field::allow, "GET");
    if (status == 401) response.set(http::field::www_authenticate, "Bearer");
    if (status == 426) response.set(http::field::upgrade, "websocket");
    response.keep_alive(false);
    sentence.push_back('\n');
    response.body() = std::move(sentence);
    response.prepare_payload();
    // The handshake's timeout still runs.
    http::async_write(ws_.next_layer(), response, [self = self()](error_code ec, std::size_t) {
      if (ec || self->state_ == State::closed) return self->drop();
      error_code ignored;
      self->lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      self->linger();
    });
  }

  /// Reads until the peer closes (or the handshake's time is up): closing with
  /// bytes unread would reset the connection and lose the answer on its way.
  void linger() {
    lowest().async_read_some(asio::buffer(inbox_), [self = self()](error_code ec, std::size_t size) {
      self->lingered_ += size;
      if (ec || self->state_ == State::closed || self->lingered_ > kMaxLingerBytes) return self->drop();
      self->linger();
    });
  }

  void leave_handshake() {
    hub_->handshakes -= 1;
    hub_->counters.handshakes.set(hub_->handshakes);
  }

  /// Ends a connection that never became a session.
  void drop() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    leave_handshake();
    timer_.cancel();
    close_socket();
    hub_->connections.erase(this);
  }

  // --- session

  void read() {
    ws_.async_read_some(asio::buffer(inbox_),
                        [self = self()](error_code ec, std::size_t size) { self->on_read(ec, size); });
  }

  void on_read(error_code ec, std::size_t size) {
    if (state_ == State::closed) return;
    if (ec) return on_lost(ec);
    // What arrives after our close is not ours to act on; async_close reads on.
    if (state_ == State::closing) return;
    if (!ws_.got_binary()) {
      hub_->counters.closed_bad_message.add();
      return close(CloseCode::bad_message, "text messages are not spoken here; send binary");
    }
    message_bytes_ += size;
    hub_->counters.bytes_received.add(size);
    if (message_bytes_ > hub_->options.max_message_bytes) {
      hub_->counters.closed_too_large.add();
      return close(CloseCode::too_large,
                   "a message is larger than " + std::to_string(hub_->options.max_message_bytes) + " bytes");
    }
    if (ws_.is_message_done()) {
      hub_->counters.messages_received.add();
      message_bytes_ = 0;
    }
    if (size > 0) hub_->handler->on_reliable(*this, Bytes(inbox_.data(), size));
    if (state_ == State::open) read();
  }

  void on_lost(error_code ec) {
    if (state_ == State::open) {
      if (ec == websocket::error::closed) {
        close_code_ = close_code_from_wire(ws_.reason().code);
        close_reason_ = "the peer closed";
      } else if (ec == beast::error::timeout) {
        close_code_ = CloseCode::idle;
        close_reason_ = "nothing was heard from the peer";
        hub_->counters.closed_idle.add();
      } else if (ec.category() == websocket::make_error_code(websocket::error::closed).category()) {
        close_code_ = CloseCode::bad_message;
        close_reason_ = "the peer broke the WebSocket protocol: " + ec.message();
        hub_->counters.closed_bad_message.add();
      } else {
        close_code_ = CloseCode::idle;
        close_reason_ = "the connection was lost: " + ec.message();
      }
    }
    finish();
  }

  /// Starts the next write, or the close once all is written. One of either at a time.
  void pump() {
    if (writing_ || state_ == State::closed) return;
    if (!queue_.empty()) {
      writing_ = true;
      const auto& bytes = queue_.front().bytes;
      ws_.async_write(asio::buffer(bytes.data(), bytes.size()),
                      [self = self()](error_code ec, std::size_t) { self->on_written(ec); });
      return;
    }
    if (state_ != State::closing || close_sent_) return;
    close_sent_ = true;
    websocket::close_reason reason;
    reason.code = static_cast<u16>(kCloseCodeBase + static_cast<u32>(close_code_));
    reason.reason = close_reason_text(close_code_, close_reason_);
    ws_.async_close(reason, [self = self()](error_code) { self->finish(); });
  }

  void on_written(error_code ec) {
    writing_ = false;
    if (state_ == State::closed) return;
    if (ec) return on_lost(ec);
    hub_->counters.messages_sent.add();
    hub_->counters.bytes_sent.add(queue_.front().bytes.size());
    queue_.pop();
    pump();
  }

  /// The session is over, whatever led here. Idempotent.
  void finish() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    const auto keep = self();
    hub_->connections.erase(this);
    timer_.cancel();
    close_socket();
    hub_->counters.sessions.add(-1);
    hub_->counters.closed.add();
    if (close_code_ == CloseCode::too_slow) hub_->counters.closed_too_slow.add();
    hub_->handler->on_close(*this, close_code_, close_reason_);
  }

  void close_socket() {
    error_code ignored;
    lowest().socket().close(ignored);
  }

  static constexpr std::size_t kMaxLingerBytes = 64 * 1024;

  std::shared_ptr<Hub> hub_;
  websocket::stream<Stream, false> ws_;  // false: no permessage-deflate
  env::Address peer_;
  PeerIdentity identity_;
  State state_ = State::handshaking;
  std::unique_ptr<Handshake> handshake_;  // gone once the session is open

  std::array<std::byte, kReadBytes> inbox_;
  std::size_t message_bytes_ = 0;
  std::size_t lingered_ = 0;

  SendQueue queue_;
  bool writing_ = false;

  CloseCode close_code_ = CloseCode::none;
  std::string close_reason_;
  bool close_sent_ = false;
  asio::steady_timer timer_;
};

}  // namespace drumline::transport::websocket_detail

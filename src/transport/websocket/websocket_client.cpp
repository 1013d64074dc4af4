#include "transport/websocket/websocket_client.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "transport/tcp/send_queue.hpp"
#include "transport/tcp/tcp_address.hpp"
#include "transport/tcp/tls_context.hpp"
#include "transport/tcp/tls_stream.hpp"
#include "transport/websocket/handshake.hpp"

namespace drumline::transport {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// The first byte of a state frame (docs/formats/state-frame.md); a framed message begins with 0xF1.
constexpr std::byte kStateFrame{0x01};
constexpr std::size_t kMaxSentenceBytes = 300;

class ConnectionBase : public Session {
 public:
  virtual void start() = 0;
  /// Ends without a word. The hub's table is the caller's to clear.
  virtual void abandon() = 0;
};

/// What connections share with their owner. Outlives both: an asynchronous
/// operation that is still out when the owner goes holds its connection.
struct Hub {
  WebSocketClientOptions options;
  SessionHandler* handler = nullptr;  ///< null once the owner is gone
  std::unordered_map<ConnectionBase*, std::shared_ptr<ConnectionBase>> connections;
  std::size_t half_open = 0;
};

CloseCode code_of_status(unsigned status) {
  if (status == 401 || status == 403) return CloseCode::unauthenticated;
  if (status == 429 || status == 503) return CloseCode::flood;
  if (status >= 500) return CloseCode::internal;
  return CloseCode::version;
}

/// The server's words on one line, none of them a control character, not too many.
std::string sentence_of(std::string_view body) {
  std::string text(body.substr(0, body.find_first_of("\r\n")));
  if (text.size() > kMaxSentenceBytes) text.resize(kMaxSentenceBytes);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '?');
  return text;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
  }
  return out;
}

/// Stream is what lies below WebSocket: a beast::tcp_stream or a TlsStream.
template <class Stream>
class Connection final : public ConnectionBase, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  Connection(asio::io_context& io, std::shared_ptr<Hub> hub, const WebSocketClients::Target& target)
      : hub_(std::move(hub)),
        ws_(Stream(tcp::socket(io))),
        peer_(target.server),
        queue_({hub_->options.datagram_queue_bytes, hub_->options.reliable_queue_bytes}),
        timer_(io),
        inbox_(hub_->options.max_message_bytes) {
    context = target.context;
    target_ = target.path;
    if (!target.token.empty()) {
      target_ += target_.find('?') == std::string::npos ? "?token=" : "&token=";
      target_ += percent_encode(target.token);
    }
  }

  /// The hub already holds this connection.
  void start() override {
    timer_.expires_after(std::chrono::milliseconds(hub_->options.handshake_timeout_ms));
    timer_.async_wait([self = self()](error_code ec) {
      if (!ec && self->state_ == State::opening) self->fail(CloseCode::idle, self->waits_for_ + " in time");
    });
    lowest().socket().async_connect(to_endpoint(peer_),
                                    [self = self()](error_code ec) { self->on_connected(ec); });
  }

  TransportKind kind() const override { return TransportKind::websocket; }
  const PeerIdentity& identity() const override { return identity_; }
  env::Address peer() const override { return peer_; }
  std::size_t max_datagram_bytes() const override { return hub_->options.max_datagram_bytes; }

  bool send_datagram(Bytes payload) override {
    if (state_ != State::open || payload.empty()) return false;
    if (payload.size() > hub_->options.max_datagram_bytes) return false;
    if (!queue_.push(payload, false)) return false;
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
    if (state_ != State::open && state_ != State::opening) return;
    const bool was_open = state_ == State::open;
    if (!was_open) --hub_->half_open;
    state_ = State::closing;
    close_code_ = code;
    close_reason_.assign(reason);
    // Never from inside the caller: on_close follows, it does not interrupt.
    if (!was_open) {
      asio::post(ws_.get_executor(), [self = self()] { self->finish(); });
      return;
    }
    queue_.drop_stale(code == CloseCode::too_slow, writing_ ? 1 : 0);
    timer_.expires_after(std::chrono::milliseconds(hub_->options.close_timeout_ms));
    timer_.async_wait([self = self()](error_code ec) {
      if (!ec) self->finish();
    });
    asio::post(ws_.get_executor(), [self = self()] { self->pump(); });
  }

  void abandon() override {
    state_ = State::closed;
    timer_.cancel();
    close_socket();
  }

 private:
  enum class State : u8 { opening, open, closing, closed };

  std::shared_ptr<Connection> self() { return this->shared_from_this(); }
  Stream& lowest() { return ws_.next_layer(); }

  // --- opening

  void on_connected(error_code ec) {
    if (state_ != State::opening) return;
    if (ec) {
      return fail(CloseCode::idle, "no TCP connection to " + peer_.to_string() + ": " + ec.message());
    }
    error_code ignored;
    lowest().socket().set_option(tcp::no_delay(true), ignored);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      const WebSocketClientOptions& options = hub_->options;
      lowest().begin(options.tls->new_connection(options.server_name, kWebProtocol, nullptr, nullptr));
      waits_for_ = "the server did not finish the TLS handshake";
      secure();
    } else {
      upgrade();
    }
  }

  void secure() {
    if (state_ != State::opening) return;
    const auto again = [self = self()](error_code e) {
      if (!e) self->secure();
    };
    switch (lowest().try_handshake()) {
      case TlsStream::Step::done:
        return upgrade();
      case TlsStream::Step::want_read:
        return lowest().socket().async_wait(tcp::socket::wait_read, again);
      case TlsStream::Step::want_write:
        return lowest().socket().async_wait(tcp::socket::wait_write, again);
      case TlsStream::Step::ended:
        return fail(CloseCode::idle, "the server ended the connection during the TLS handshake");
      case TlsStream::Step::failed:
        const TlsFailure& why = lowest().failure();
        if (why.failure == HandshakeFailure::protocol) {
          return fail(CloseCode::flood,
                      "the server answered without TLS: it has no room, or does not speak TLS at this port");
        }
        return fail(why.code, why.text);
    }
  }

  void upgrade() {
    timer_.cancel();
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = std::chrono::milliseconds(hub_->options.handshake_timeout_ms);
    timeouts.idle_timeout = std::chrono::milliseconds(hub_->options.idle_timeout_ms);
    timeouts.keep_alive_pings = true;
    ws_.set_option(timeouts);
    ws_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
      request.set(http::field::sec_websocket_protocol, kWebSocketSubprotocol);
      request.set(http::field::user_agent, "drumline");
    }));
    ws_.auto_fragment(false);
    ws_.binary(true);
    ws_.read_message_max(hub_->options.max_message_bytes);
    ws_.async_handshake(answer_, peer_.to_string(), target_,
                        [self = self()](error_code e) { self->on_handshake(e); });
  }

  void on_handshake(error_code ec) {
    if (state_ != State::opening) return;
    if (ec == websocket::error::upgrade_declined) {
      std::string reason = "the server refused with HTTP " + std::to_string(answer_.result_int());
      if (const std::string sentence = sentence_of(answer_.body()); !sentence.empty())
        reason += ": " + sentence;
      return fail(code_of_status(answer_.result_int()), std::move(reason));
    }
    if (ec == beast::error::timeout) {
      return fail(CloseCode::idle, "the server did not answer the WebSocket handshake in time");
    }
    if (ec) return fail(CloseCode::idle, "the WebSocket handshake failed: " + ec.message());
    if (answer_[http::field::sec_websocket_protocol] != kWebSocketSubprotocol) {
      return fail(CloseCode::version,
                  "the server does not speak the subprotocol " + std::string(kWebSocketSubprotocol));
    }
    answer_ = {};
    target_.clear();
    --hub_->half_open;
    state_ = State::open;
    hub_->handler->on_open(*this);
    if (state_ == State::open) read();
  }

  void fail(CloseCode code, std::string reason) {
    close_code_ = code;
    close_reason_ = std::move(reason);
    --hub_->half_open;
    state_ = State::closing;
    finish();
  }

  // --- open

  void read() {
    ws_.async_read(inbox_, [self = self()](error_code ec, std::size_t) { self->on_read(ec); });
  }

  void on_read(error_code ec) {
    if (state_ == State::closed) return;
    if (ec) return on_lost(ec);
    // What arrives after our close is not ours to act on; async_close reads on.
    if (state_ == State::closing) return;
    if (!ws_.got_binary()) return close(CloseCode::bad_message, "the server sent a text message");
    const auto data = inbox_.cdata();
    const Bytes bytes(static_cast<const std::byte*>(data.data()), data.size());
    if (!bytes.empty() && bytes.front() == kStateFrame)
      hub_->handler->on_datagram(*this, bytes);
    else if (!bytes.empty())
      hub_->handler->on_reliable(*this, bytes);
    inbox_.clear();
    if (state_ == State::open) read();
  }

  void on_lost(error_code ec) {
    if (state_ == State::open) {
      if (ec == websocket::error::closed) {
        close_code_ = close_code_from_wire(ws_.reason().code);
        close_reason_ = sentence_of(std::string_view(ws_.reason().reason.data(), ws_.reason().reason.size()));
        // The server's text begins with the code's name, and so does what is made of ours.
        const std::string name = std::string(close_code_name(close_code_)) + ": ";
        if (close_reason_.starts_with(name)) close_reason_.erase(0, name.size());
      } else if (ec == beast::error::timeout) {
        close_code_ = CloseCode::idle;
        close_reason_ = "nothing was heard from the server";
      } else if (ec == websocket::error::message_too_big || ec == websocket::error::buffer_overflow) {
        close_code_ = CloseCode::too_large;
        close_reason_ = "the server sent a message of more than " +
                        std::to_string(hub_->options.max_message_bytes) + " bytes";
      } else if (ec.category() == websocket::make_error_code(websocket::error::closed).category()) {
        close_code_ = CloseCode::bad_message;
        close_reason_ = "the server broke the WebSocket protocol: " + ec.message();
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
    hub_->handler->on_close(*this, close_code_, close_reason_);
  }

  void close_socket() {
    error_code ignored;
    lowest().socket().close(ignored);
  }

  std::shared_ptr<Hub> hub_;
  websocket::stream<Stream, false> ws_;  // false: no permessage-deflate
  env::Address peer_;
  PeerIdentity identity_;  // of a server nothing is asked but that its certificate is good
  State state_ = State::opening;
  std::string target_;
  std::string waits_for_ = "no TCP connection to " + peer_.to_string();
  websocket::response_type answer_;

  SendQueue queue_;
  asio::steady_timer timer_;
  beast::flat_buffer inbox_;
  bool writing_ = false;

  CloseCode close_code_ = CloseCode::none;
  std::string close_reason_;
  bool close_sent_ = false;
};

}  // namespace

struct WebSocketClients::Impl {
  asio::io_context& io;
  std::shared_ptr<Hub> hub;
};

WebSocketClients::WebSocketClients(asio::io_context& io, const WebSocketClientOptions& options,
                                   SessionHandler& handler)
    : impl_(new Impl{io, std::make_shared<Hub>()}) {
  impl_->hub->options = options;
  impl_->hub->handler = &handler;
}

WebSocketClients::~WebSocketClients() {
  impl_->hub->handler = nullptr;
  const auto all = std::move(impl_->hub->connections);
  impl_->hub->connections.clear();
  for (const auto& [pointer, connection] : all) connection->abandon();
}

Result<Session*> WebSocketClients::connect(const Target& target) {
  if (!target.path.starts_with('/') || !is_printable(target.path)) {
    return Error{ErrorCode::invalid_argument,
                 "'" + target.path + "' is no path of a URL; it begins with / and has no blanks"};
  }
  std::shared_ptr<ConnectionBase> connection;
  if (impl_->hub->options.tls)
    connection = std::make_shared<Connection<TlsStream>>(impl_->io, impl_->hub, target);
  else
    connection = std::make_shared<Connection<beast::tcp_stream>>(impl_->io, impl_->hub, target);
  impl_->hub->connections.emplace(connection.get(), connection);
  ++impl_->hub->half_open;
  connection->start();
  return connection.get();
}

std::size_t WebSocketClients::connections() const {
  return impl_->hub->connections.size();
}

std::size_t WebSocketClients::half_open() const {
  return impl_->hub->half_open;
}

}  // namespace drumline::transport

// A TCP socket with TLS above it, for one thread's io_context. Steps without
// waiting for sessions that do their own waiting, and the operations that Beast
// asks of a stream below a WebSocket. Unlike asio::ssl::stream it keeps no buffers
// of its own: OpenSSL reads from and writes to the socket, and gives its buffers
// back between records.
#pragma once

#include <memory>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/core/stream_traits.hpp>

#include "base/types.hpp"
#include "transport/tcp/tls_context.hpp"

namespace drumline::transport {

/// May be moved while no operation is out.
class TlsStream {
 public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  using executor_type = tcp::socket::executor_type;

  enum class Step : u8 {
    done,
    want_read,   ///< again once the socket can be read
    want_write,  ///< again, with the same bytes, once the socket can be written
    ended,       ///< the peer has said all, or the connection is cut
    failed,      ///< failure() says why
  };

  explicit TlsStream(tcp::socket socket);
  TlsStream(TlsStream&&) noexcept = default;
  ~TlsStream();

  /// Once the socket is connected.
  void begin(SslPtr ssl);
  SSL* ssl() const { return ssl_.get(); }
  tcp::socket& socket() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }

  Step try_handshake();
  /// At most `out.size()` bytes; `size` says how many.
  Step try_read(MutableBytes out, std::size_t& size);
  /// All of `bytes`, which is not empty and has at most 16 KiB.
  Step try_write(Bytes bytes);
  /// After Step::failed of any of these.
  const TlsFailure& failure() const { return failure_; }

  /// Says that nothing follows, to the peer's TLS and its TCP. Does not wait.
  void finish_sending();
  void close();

  // What Beast asks of a stream.

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto into = boost::asio::mutable_buffer(*boost::asio::buffer_sequence_begin(buffers));
    return start(
        [this, into](std::size_t& size) {
          return try_read({static_cast<std::byte*>(into.data()), into.size()}, size);
        },
        std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    boost::asio::const_buffer from;
    // The first that is not empty; a write of nothing is nothing.
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers); ++it) {
      from = boost::asio::const_buffer(*it);
      if (from.size() > 0) break;
    }
    from = boost::asio::buffer(from, kMaxWriteBytes);
    return start(
        [this, from](std::size_t& size) {
          size = from.size();
          if (size == 0) return Step::done;
          return try_write({static_cast<const std::byte*>(from.data()), from.size()});
        },
        std::forward<Token>(token));
  }

 private:
  static constexpr std::size_t kMaxWriteBytes = 16 * 1024;

  Step step_of(int result);
  static error_code error_of(Step step);

  /// Repeats `attempt` until it is done, then completes with an error and a size.
  template <class Attempt, class Token>
  auto start(Attempt attempt, Token&& token) {
    return boost::asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, attempt, first = true, finished = false, result = error_code(), size = std::size_t{0}](
            auto& self, error_code ec = {}) mutable {
          if (finished) return self.complete(result, size);
          if (ec) return self.complete(ec, 0);
          const Step step = attempt(size);
          if (step == Step::want_read || step == Step::want_write) {
            first = false;
            return socket_.async_wait(
                step == Step::want_read ? tcp::socket::wait_read : tcp::socket::wait_write, std::move(self));
          }
          result = error_of(step);
          if (result) size = 0;
          if (!first) return self.complete(result, size);
          // A handler is never called from inside the call that started it.
          finished = true;
          boost::asio::post(socket_.get_executor(), std::move(self));
        },
        token, socket_);
  }

  tcp::socket socket_;
  SslPtr ssl_;
  TlsFailure failure_;
};

// Found by Beast through the stream's namespace.

void beast_close_socket(TlsStream& stream);
void teardown(boost::beast::role_type role, TlsStream& stream, boost::system::error_code& ec);

/// Once both close frames are through the connection ends at once: to wait for the
/// peer's end would leave it in a hostile peer's hands.
template <class Handler>
void async_teardown(boost::beast::role_type, TlsStream& stream, Handler&& handler) {
  stream.finish_sending();
  boost::asio::post(stream.get_executor(), boost::beast::bind_front_handler(std::forward<Handler>(handler),
                                                                            boost::system::error_code{}));
}

}  // namespace drumline::transport

#include "transport/tcp/tls_stream.hpp"

#include <cerrno>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

namespace drumline::transport {
namespace {

// OpenSSL's own socket BIO writes with write(2), and a peer that is gone would end
// the process by SIGPIPE.

int descriptor(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(descriptor(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(descriptor(bio), bytes, static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* method() {
  // Lives as long as the process: connections may end in any destructor.
  static BIO_METHOD* const made = [] {
    BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "drumline socket");
    BIO_meth_set_write(m, &bio_write);
    BIO_meth_set_read(m, &bio_read);
    BIO_meth_set_ctrl(m, &bio_control);
    return m;
  }();
  return made;
}

}  // namespace

TlsStream::TlsStream(tcp::socket socket) : socket_(std::move(socket)) {}

TlsStream::~TlsStream() = default;

void TlsStream::begin(SslPtr ssl) {
  ssl_ = std::move(ssl);
  error_code ignored;
  socket_.non_blocking(true, ignored);
  BIO* const bio = BIO_new(method());
  DRUM_ASSERT(bio != nullptr);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket_.native_handle())));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsStream::Step TlsStream::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Step::ended;
    default:
      failure_ = tls_failure(ssl_.get());
      return failure_.failure == HandshakeFailure::closed_by_peer ? Step::ended : Step::failed;
  }
}

TlsStream::Step TlsStream::try_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Step::done : step_of(result);
}

TlsStream::Step TlsStream::try_read(MutableBytes out, std::size_t& size) {
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &size);
  return result == 1 ? Step::done : step_of(result);
}

TlsStream::Step TlsStream::try_write(Bytes bytes) {
  DRUM_ASSERT(!bytes.empty() && bytes.size() <= kMaxWriteBytes);
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  if (result != 1) return step_of(result);
  DRUM_ASSERT(written == bytes.size());  // one record, which is taken whole
  return Step::done;
}

void TlsStream::finish_sending() {
  ERR_clear_error();
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void TlsStream::close() {
  // OpenSSL would give up the ticket of a connection that was cut: he who was cut off needs it most.
  if (ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  error_code ignored;
  socket_.close(ignored);
}

TlsStream::error_code TlsStream::error_of(Step step) {
  if (step == Step::ended) return boost::asio::error::eof;
  if (step == Step::failed) return boost::asio::error::connection_reset;
  return {};
}

void beast_close_socket(TlsStream& stream) {
  stream.close();
}

void teardown(boost::beast::role_type, TlsStream& stream, boost::system::error_code& ec) {
  stream.finish_sending();
  ec = {};
}

}  // namespace drumline::transport

#include "transport/tcp/acceptor.hpp"

#include <chrono>

#include "transport/tcp/tcp_address.hpp"

namespace drumline::transport {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

Result<void> Acceptor::bind(const std::string& address, u16 port, env::PortSharing sharing) {
  const bool colons = address.find(':') != std::string::npos;
  auto parsed = env::parse_address((colons ? '[' + address + ']' : address) + ':' + std::to_string(port));
  if (!parsed) return std::move(parsed).error();
  const tcp::endpoint endpoint = to_endpoint(*parsed);
  const std::string where = parsed->to_string() + "/tcp";
  error_code ec;
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
  const asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT> shared(true);
  if (!ec && sharing == env::PortSharing::further) acceptor_.set_option(shared, ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  // Not before we listen: until then another node of this user that comes as first could share the port.
  if (!ec && sharing == env::PortSharing::first) acceptor_.set_option(shared, ec);
  if (!ec) local_ = to_address(acceptor_.local_endpoint(ec));
  if (!ec) return {};
  if (ec == asio::error::address_in_use) {
    return Error{ErrorCode::unavailable, where +
                                             " is in use; stop what listens there, or choose another port "
                                             "(0 picks a free one)"};
  }
  if (ec == asio::error::access_denied) {
    return Error{ErrorCode::permission, where + " may not be bound by this user; choose a port above 1023"};
  }
  return Error{ErrorCode::unavailable, where + " cannot be bound: " + ec.message()};
}

void Acceptor::start(std::function<void(tcp::socket)> take, Counter& errors) {
  take_ = std::move(take);
  errors_ = &errors;
  accept();
}

void Acceptor::accept() {
  acceptor_.async_accept([this, gone = gone_](error_code ec, tcp::socket socket) {
    if (*gone || !acceptor_.is_open()) return;
    if (ec) {
      errors_->add();
      // Out of descriptors or memory: waiting is the only thing that helps.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this, gone](error_code cancelled) {
        if (!cancelled && !*gone && acceptor_.is_open()) accept();
      });
      return;
    }
    take_(std::move(socket));
    accept();
  });
}

void Acceptor::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
}

}  // namespace drumline::transport

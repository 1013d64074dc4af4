// A bound TCP port and the loop that takes connections from it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/counter.hpp"
#include "base/result.hpp"
#include "env/network.hpp"

namespace drumline::transport {

/// On the thread that runs `io`.
class Acceptor {
 public:
  explicit Acceptor(boost::asio::io_context& io) : acceptor_(io), retry_(io) {}
  ~Acceptor() { *gone_ = true; }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// `address` is numeric. Errors say what to do.
  Result<void> bind(const std::string& address, u16 port, env::PortSharing sharing);
  /// Hands over each connection as it comes; accepts that fail are counted in `errors`.
  void start(std::function<void(boost::asio::ip::tcp::socket)> take, Counter& errors);
  void stop();
  const env::Address& local() const { return local_; }

 private:
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::function<void(boost::asio::ip::tcp::socket)> take_;
  Counter* errors_ = nullptr;
  env::Address local_;
  // An accept may still be out when we go: its handler then finds this true.
  std::shared_ptr<bool> gone_ = std::make_shared<bool>(false);
};

}  // namespace drumline::transport

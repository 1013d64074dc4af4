// Two Sessions joined in memory, for tests of what stands above the transport.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "transport/session.hpp"

namespace drumline::transport {

class MemoryLink {
 public:
  struct Options {
    PeerIdentity client{};  ///< whom the server sees
    PeerIdentity server{};  ///< whom the client sees
    env::Address client_address{};
    env::Address server_address{};
    std::size_t max_datagram_bytes = 1168;
    std::size_t reliable_send_bytes = 256 << 10;  ///< undelivered bytes at most; then too_slow
  };
  /// The handlers outlive the link. Nothing is called before deliver().
  MemoryLink(SessionHandler& client, SessionHandler& server, Options options);
  ~MemoryLink();
  MemoryLink(const MemoryLink&) = delete;
  MemoryLink& operator=(const MemoryLink&) = delete;

  Session& client();  ///< the client's end
  Session& server();  ///< the server's end

  /// Calls on_open once, then hands over everything that was sent, in order,
  /// until both ends are silent; closes last.
  void deliver();
  /// The next `count` datagrams, either way, are lost.
  void lose_datagrams(u32 count) { to_lose_ += count; }
  bool is_open() const { return opened_ && !closed_; }

 private:
  class End;
  struct Message {
    bool reliable;
    std::vector<std::byte> bytes;
  };

  Options options_;
  std::unique_ptr<End> client_;
  std::unique_ptr<End> server_;
  u32 to_lose_ = 0;
  bool opened_ = false;
  bool closed_ = false;
};

}  // namespace drumline::transport

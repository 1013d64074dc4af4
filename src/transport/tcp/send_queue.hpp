// What waits to be written to one peer over TCP, in order and within caps.
#pragma once

#include <deque>
#include <vector>

#include "base/types.hpp"

namespace drumline::transport {

/// One thread.
class SendQueue {
 public:
  /// Bytes of either kind that may wait. A datagram beyond its cap is to be dropped:
  /// freshness over completeness. Reliable bytes beyond theirs end the session.
  struct Limits {
    std::size_t datagram_bytes = 64 * 1024;
    std::size_t reliable_bytes = 256 * 1024;
  };
  struct Message {
    std::vector<std::byte> bytes;
    bool reliable = false;
  };

  explicit SendQueue(Limits limits) : limits_(limits) {}

  /// False when the kind's cap leaves no room; nothing is taken then.
  bool push(Bytes bytes, bool reliable) {
    std::size_t& queued = reliable ? reliable_queued_ : datagram_queued_;
    if (queued + bytes.size() > (reliable ? limits_.reliable_bytes : limits_.datagram_bytes)) return false;
    queued += bytes.size();
    Message message;
    if (!spare_.empty()) {
      message.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
    message.bytes.assign(bytes.begin(), bytes.end());
    message.reliable = reliable;
    messages_.push_back(std::move(message));
    return true;
  }

  bool empty() const { return messages_.empty(); }
  const Message& front() const { return messages_.front(); }
  void pop() {
    Message& sent = messages_.front();
    (sent.reliable ? reliable_queued_ : datagram_queued_) -= sent.bytes.size();
    if (spare_.size() < kSpareBuffers) spare_.push_back(std::move(sent.bytes));
    messages_.pop_front();
  }

  /// Before a close. Datagrams at the end are stale by now, and who is too slow
  /// (`all`) will not take the rest either. The first `in_flight` messages stay: they
  /// may be half-way in the kernel's hands.
  void drop_stale(bool all, std::size_t in_flight) {
    while (messages_.size() > in_flight && (all || !messages_.back().reliable)) {
      const Message& stale = messages_.back();
      (stale.reliable ? reliable_queued_ : datagram_queued_) -= stale.bytes.size();
      messages_.pop_back();
    }
  }

 private:
  static constexpr std::size_t kSpareBuffers = 4;

  Limits limits_;
  std::deque<Message> messages_;
  std::vector<std::vector<std::byte>> spare_;
  std::size_t datagram_queued_ = 0;
  std::size_t reliable_queued_ = 0;
};

}  // namespace drumline::transport

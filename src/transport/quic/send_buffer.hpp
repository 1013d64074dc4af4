// The reliable stream's outgoing bytes: kept, unmoved, until the peer has
// acknowledged them, because ngtcp2 sends and repeats them from here.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/types.hpp"

namespace drumline::transport {

class SendBuffer {
 public:
  static constexpr std::size_t kBlockBytes = 4096;

  explicit SendBuffer(std::size_t capacity) : capacity_(capacity) {}

  /// All of `bytes` or nothing: false when the unacknowledged bytes would pass the capacity.
  bool append(Bytes bytes);

  /// Bytes not yet handed out, as up to out.size() views; returns how many views.
  std::size_t unsent(std::span<Bytes> out) const;
  bool has_unsent() const { return sent_ < end_; }
  /// `size` of the unsent bytes were put into a packet.
  void mark_sent(u64 size);

  /// All of it is unsent again: the peer has thrown away what came, and acknowledged none.
  void rewind();

  /// Everything below stream offset `offset` has arrived.
  void acknowledge(u64 offset);
  bool all_acknowledged() const { return acknowledged_ == end_; }
  u64 held_bytes() const { return end_ - acknowledged_; }

 private:
  using Block = std::array<std::byte, kBlockBytes>;

  std::size_t capacity_;
  std::vector<std::unique_ptr<Block>> blocks_;  ///< the first starts at base_
  u64 base_ = 0;
  u64 acknowledged_ = 0;
  u64 sent_ = 0;
  u64 end_ = 0;
};

}  // namespace drumline::transport

// Whole messages over a stream socket between a node and the process of a battle group.
// Knows nothing of what they say (messages.hpp). Format: docs/formats/group-link.md.
#pragma once

#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace drumline::link {

inline constexpr u16 kMagic = 0x4C44;  // "DL"
inline constexpr std::size_t kHeadBytes = 8;
/// A longer message ends the link.
inline constexpr std::size_t kMaxPayloadBytes = 64 << 20;
/// A sender that may wait does so while so much is queued.
inline constexpr std::size_t kQueueBytes = 4 << 20;

/// One thread. The peer's bytes are not trusted: memory stays within one largest message
/// and what of it has really come.
class Channel {
 public:
  /// `descriptor`: a stream socket that does not block; outlives the channel.
  explicit Channel(int descriptor) : descriptor_(descriptor) {}

  /// Queues a message of at most kMaxPayloadBytes, in up to two pieces.
  void send(u16 kind, Bytes payload, Bytes more = {});
  /// There is room for messages that can also wait with their sender.
  bool has_room() const { return queued_bytes() < kQueueBytes; }
  std::size_t queued_bytes() const { return out_.size() - sent_; }
  /// Hands what is queued to the socket, as far as that takes it. An error: the peer is gone.
  Result<void> flush();

  /// Takes what has come, at most a few MiB, and calls visit(kind, payload) -> Result<void> for
  /// each whole message; the payload is valid during the call only. The first error is
  /// visit's, or malformed, or unavailable when the peer is gone; messages before it were visited.
  template <class Visit>
  Result<void> receive(Visit visit) {
    const Result<void> filled = fill();
    while (filled_ - read_ >= kHeadBytes) {
      Head head;
      std::memcpy(&head, in_.data() + read_, sizeof head);
      if (head.magic != kMagic || head.size > kMaxPayloadBytes) return bad_head(head);
      if (filled_ - read_ - kHeadBytes < head.size) break;
      const Bytes payload = Bytes(in_).subspan(read_ + kHeadBytes, head.size);
      read_ += kHeadBytes + head.size;
      if (Result<void> visited = visit(head.kind, payload); !visited) return visited;
    }
    drop_read();
    return filled;
  }

 private:
  struct Head {
    u32 size = 0;
    u16 magic = kMagic;
    u16 kind = 0;
  };
  static_assert(sizeof(Head) == kHeadBytes);

  Result<void> fill();
  void drop_read();
  static Error bad_head(const Head& head);

  int descriptor_;
  std::vector<std::byte> out_;
  std::size_t sent_ = 0;
  std::vector<std::byte> in_;  ///< grows only: bytes up to filled_ have come, up to read_ were visited
  std::size_t filled_ = 0;
  std::size_t read_ = 0;
};

}  // namespace drumline::link

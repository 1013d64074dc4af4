#include "server/frame_packer.hpp"

#include <cstring>

namespace drumline::server {

FramePacker::FramePacker(BroadcastRing& ring, std::size_t pack_bytes, const env::Clock& clock)
    : ring_(ring), pack_bytes_(pack_bytes), clock_(clock) {}

void FramePacker::begin(u64 journal_sequence) {
  DRUM_ASSERT(pack_.empty());
  journal_sequence_ = journal_sequence;
}

MutableBytes FramePacker::room(std::size_t bytes) {
  DRUM_ASSERT(bytes + sizeof(FrameEnvelope) <= pack_bytes_);
  if (!pack_.empty() && used_ + bytes > pack_.size()) flush();
  if (pack_.empty()) {
    pack_ = ring_.begin(pack_bytes_);
    used_ = sizeof(FrameEnvelope);
  }
  return pack_.subspan(used_, bytes);
}

void FramePacker::commit(std::size_t size) {
  DRUM_ASSERT(size % 8 == 0 && used_ + size <= pack_.size());
  used_ += size;
}

void FramePacker::flush() {
  if (pack_.empty()) return;
  if (used_ > sizeof(FrameEnvelope)) {
    const FrameEnvelope envelope{journal_sequence_, clock_.now()};
    std::memcpy(pack_.data(), &envelope, sizeof envelope);
    ring_.publish(used_);
  }
  pack_ = {};
}

}  // namespace drumline::server

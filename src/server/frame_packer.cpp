#include "server/frame_packer.hpp"

#include <algorithm>
#include <cstring>

namespace drumline::server {

void FramePacker::begin(u64 journal_sequence) {
  DRUM_ASSERT(pack_.empty());
  journal_sequence_ = journal_sequence;
}

MutableBytes FramePacker::room(std::size_t bytes) {
  if (!pack_.empty() && used_ + bytes > pack_.size()) flush();
  if (pack_.empty()) {
    // No more than needed: what is begun evicts the oldest frames.
    const std::size_t pack = std::min<std::size_t>(kPackBytes, ring_.max_frame_bytes());
    pack_ = ring_.begin(std::max(bytes + sizeof(FrameEnvelope), pack));
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

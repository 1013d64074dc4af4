#include "transport/quic/send_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace drumline::transport {

bool SendBuffer::append(Bytes bytes) {
  if (bytes.size() > capacity_ - std::min<u64>(capacity_, held_bytes())) return false;
  while (!bytes.empty()) {
    const std::size_t at = (end_ - base_) % kBlockBytes;
    if ((end_ - base_) / kBlockBytes == blocks_.size()) {
      blocks_.push_back(std::make_unique_for_overwrite<Block>());
    }
    const std::size_t size = std::min(bytes.size(), kBlockBytes - at);
    std::memcpy(blocks_.back()->data() + at, bytes.data(), size);
    end_ += size;
    bytes = bytes.subspan(size);
  }
  return true;
}

std::size_t SendBuffer::unsent(std::span<Bytes> out) const {
  std::size_t count = 0;
  u64 from = sent_;
  while (from < end_ && count < out.size()) {
    const std::size_t at = (from - base_) % kBlockBytes;
    const std::size_t size = std::min<u64>(end_ - from, kBlockBytes - at);
    out[count++] = Bytes(*blocks_[(from - base_) / kBlockBytes]).subspan(at, size);
    from += size;
  }
  return count;
}

void SendBuffer::mark_sent(u64 size) {
  DRUM_ASSERT(size <= end_ - sent_);
  sent_ += size;
}

void SendBuffer::rewind() {
  DRUM_ASSERT(acknowledged_ == 0);
  sent_ = 0;
}

void SendBuffer::acknowledge(u64 offset) {
  DRUM_ASSERT(offset <= sent_);
  acknowledged_ = std::max(acknowledged_, offset);
  const std::size_t done = acknowledged_ == end_
                               ? blocks_.size()
                               : static_cast<std::size_t>((acknowledged_ - base_) / kBlockBytes);
  if (done == 0) return;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(done));
  if (blocks_.empty()) {
    base_ = end_;  // the next byte starts a fresh block
    blocks_.shrink_to_fit();
  } else {
    base_ += done * kBlockBytes;
  }
}

}  // namespace drumline::transport

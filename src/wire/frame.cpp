#include "wire/frame.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace drumline::wire {

const char* frame_status_name(FrameStatus status) {
  switch (status) {
    case FrameStatus::ok:
      return "ok";
    case FrameStatus::incomplete:
      return "incomplete";
    case FrameStatus::bad_magic:
      return "bad_magic";
    case FrameStatus::too_large:
      return "too_large";
    case FrameStatus::bad_crc:
      return "bad_crc";
  }
  return "unknown";
}

void seal_frame(MutableBytes frame) {
  DRUM_ASSERT(frame.size() >= kFrameHeaderBytes && frame.size() - kFrameHeaderBytes <= 0xFFFF'FFFFU);
  const Bytes payload = frame.subspan(kFrameHeaderBytes);
  const u16 magic = __builtin_bswap16(kFrameMagic);
  const u32 size = __builtin_bswap32(static_cast<u32>(payload.size()));
  const u16 crc = __builtin_bswap16(crc16_ibm(payload));
  std::memcpy(frame.data(), &magic, sizeof magic);
  std::memcpy(frame.data() + 2, &size, sizeof size);
  std::memcpy(frame.data() + 6, &crc, sizeof crc);
}

void encode_frame(Bytes payload, ByteWriter& out) {
  const MutableBytes space = out.space();
  const std::size_t size = kFrameHeaderBytes + payload.size();
  if (size <= space.size()) {
    if (!payload.empty()) std::memcpy(space.data() + kFrameHeaderBytes, payload.data(), payload.size());
    seal_frame(space.first(size));
  }
  out.advance(size);
}

void encode_frame(Bytes payload, std::vector<std::byte>& out) {
  const std::size_t start = out.size();
  out.resize(start + kFrameHeaderBytes + payload.size());
  if (!payload.empty()) std::memcpy(out.data() + start + kFrameHeaderBytes, payload.data(), payload.size());
  seal_frame(MutableBytes(out).subspan(start));
}

void FrameReader::fill(Bytes& bytes) {
  std::size_t wanted = kFrameHeaderBytes;
  if (partial_.size() >= kFrameHeaderBytes) {
    const std::size_t size = detail::load_be32(partial_.data() + 2);
    if (size <= limits_.max_payload) wanted += size;
  }
  if (wanted <= partial_.size()) return;
  const std::size_t taken = std::min(wanted - partial_.size(), bytes.size());
  partial_.insert(partial_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
  bytes = bytes.subspan(taken);
}

bool FrameReader::on_fault(FrameStatus status) {
  // While resynchronising, a large size is only garbage that looks like a header;
  // after a good frame it is what the peer means to send.
  const bool fatal = status == FrameStatus::too_large && !in_garbage_;
  // A run of garbage is one error; a checksum is one each time, as it costs us work.
  if (!in_garbage_ || status == FrameStatus::bad_crc) ++errors_;
  in_garbage_ = true;
  if (!fatal && errors_ < limits_.max_errors) return true;
  failure_ = status;
  partial_ = {};
  return false;
}

std::size_t FrameReader::skip(Bytes bytes) {
  std::size_t at = 1;
  for (; at < bytes.size(); ++at) {
    const void* const found = std::memchr(bytes.data() + at, 0xF1, bytes.size() - at);
    if (found == nullptr) {
      at = bytes.size();
      break;
    }
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    if (at + 1 == bytes.size() || bytes[at + 1] == std::byte{0xF2}) break;
  }
  skipped_bytes_ += at;
  return at;
}

}  // namespace drumline::wire

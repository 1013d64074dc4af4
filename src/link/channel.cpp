#include "link/channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

namespace drumline::link {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr int kReadsInARow = 16;

Error gone(const char* how) {
  return {ErrorCode::unavailable, std::string("the link's other end ") + how};
}

}  // namespace

Error Channel::bad_head(const Head& head) {
  return {ErrorCode::malformed, "link: a message with magic " + std::to_string(head.magic) + " and " +
                                    std::to_string(head.size) + " bytes; it takes magic " +
                                    std::to_string(kMagic) + " and at most " +
                                    std::to_string(kMaxPayloadBytes)};
}

void Channel::send(u16 kind, Bytes payload, Bytes more) {
  const std::size_t size = payload.size() + more.size();
  DRUM_ASSERT(size <= kMaxPayloadBytes);
  Head head;
  head.size = static_cast<u32>(size);
  head.kind = kind;
  const Bytes head_bytes = std::as_bytes(std::span(&head, 1));
  std::size_t written = 0;
  if (queued_bytes() == 0) {
    // Mostly the socket takes it all, and nothing need be kept.
    std::array<iovec, 3> pieces{};
    std::size_t count = 0;
    for (const Bytes piece : {head_bytes, payload, more}) {
      if (!piece.empty()) pieces[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    // An error shows again at the next flush.
    if (sent > 0) written = static_cast<std::size_t>(sent);
  }
  for (Bytes piece : {head_bytes, payload, more}) {
    const std::size_t done = std::min(written, piece.size());
    written -= done;
    piece = piece.subspan(done);
    out_.insert(out_.end(), piece.begin(), piece.end());
  }
}

Result<void> Channel::flush() {
  while (sent_ < out_.size()) {
    const ssize_t sent =
        ::send(descriptor_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent <= 0) return gone("takes nothing more");
    sent_ += static_cast<std::size_t>(sent);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ >= out_.size() / 2) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
  return {};
}

Result<void> Channel::fill() {
  for (int i = 0; i < kReadsInARow; ++i) {
    if (in_.size() - filled_ < kReadBytes) in_.resize(std::max(2 * in_.size(), filled_ + kReadBytes));
    const ssize_t got = ::recv(descriptor_, in_.data() + filled_, in_.size() - filled_, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got == 0) return gone("is closed");
    if (got < 0) return gone("is broken off");
    filled_ += static_cast<std::size_t>(got);
    if (filled_ < in_.size()) break;
  }
  return {};
}

void Channel::drop_read() {
  if (read_ == 0) return;
  std::memmove(in_.data(), in_.data() + read_, filled_ - read_);
  filled_ -= read_;
  read_ = 0;
}

}  // namespace drumline::link

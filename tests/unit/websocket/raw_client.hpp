// A WebSocket client down to the bytes, so that tests can also misbehave. Blocking,
// with a time limit on every wait.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/types.hpp"

namespace drumline::testing {

struct RawFrame {
  u8 opcode = 0;
  bool final = true;
  std::string payload;

  /// Of a close frame; 0 when it carries none.
  u16 close_code() const {
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<u16>((static_cast<u8>(payload[0]) << 8) | static_cast<u8>(payload[1]));
  }
  std::string close_reason() const { return payload.size() > 2 ? payload.substr(2) : std::string(); }
};

class RawClient {
 public:
  static constexpr int kPatienceMs = 10'000;

  explicit RawClient(u16 port, int receive_buffer_bytes = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { disconnect(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void disconnect() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  bool send_text(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The request of a well-behaved client, with `more` header lines ("Name: value\r\n").
  static std::string upgrade_request(std::string_view target, std::string_view more = {},
                                     std::string_view subprotocol = "drumline.v1") {
    std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    request += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (!subprotocol.empty()) request += "Sec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
    return request + std::string(more) + "\r\n";
  }

  /// Status line and headers, then whatever body a refusal announces. Empty on
  /// silence or disconnection.
  std::string read_response() {
    while (pending_.find("\r\n\r\n") == std::string::npos) {
      if (!receive_more()) return std::exchange(pending_, {});
    }
    std::size_t size = pending_.find("\r\n\r\n") + 4;
    const std::size_t length = pending_.find("Content-Length: ");
    if (length != std::string::npos && length < size) {
      size += std::stoul(pending_.substr(length + 16));
      while (pending_.size() < size && receive_more()) {
      }
    }
    std::string response = pending_.substr(0, size);
    pending_.erase(0, std::min(size, pending_.size()));
    return response;
  }

  /// True when the server agreed.
  bool open(std::string_view target, std::string_view more = {}) {
    return send_text(upgrade_request(target, more)) && read_response().rfind("HTTP/1.1 101 ", 0) == 0;
  }

  bool send_frame(u8 opcode, std::string_view payload, bool final = true) {
    std::string frame;
    frame.push_back(static_cast<char>((final ? 0x80 : 0) | opcode));
    if (payload.size() < 126) {
      frame.push_back(static_cast<char>(0x80 | payload.size()));
    } else if (payload.size() < 65536) {
      frame.push_back(static_cast<char>(0x80 | 126));
      for (int shift = 8; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(payload.size() >> shift));
    } else {
      frame.push_back(static_cast<char>(0x80 | 127));
      for (int shift = 56; shift >= 0; shift -= 8)
        frame.push_back(static_cast<char>(payload.size() >> shift));
    }
    constexpr std::array<char, 4> kMask{0x11, 0x22, 0x33, 0x44};
    frame.append(kMask.data(), kMask.size());
    for (std::size_t i = 0; i < payload.size(); ++i) {
      frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
    }
    return send_text(frame);
  }
  bool send_binary(std::string_view payload) { return send_frame(2, payload); }
  bool send_close(u16 code) {
    return send_frame(8, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
  }

  /// The next frame of any kind; nothing on disconnection or silence.
  std::optional<RawFrame> read_frame() {
    RawFrame frame;
    if (!have(2)) return std::nullopt;
    frame.opcode = static_cast<u8>(pending_[0]) & 0x0F;
    frame.final = (static_cast<u8>(pending_[0]) & 0x80) != 0;
    std::size_t size = static_cast<u8>(pending_[1]) & 0x7F;
    std::size_t header = 2;
    const std::size_t extended = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (extended > 0) {
      if (!have(2 + extended)) return std::nullopt;
      size = 0;
      for (std::size_t i = 0; i < extended; ++i) size = (size << 8) | static_cast<u8>(pending_[2 + i]);
      header += extended;
    }
    if (!have(header + size)) return std::nullopt;
    frame.payload = pending_.substr(header, size);
    pending_.erase(0, header + size);
    return frame;
  }
  /// The next frame that is not a ping or pong.
  std::optional<RawFrame> read_data() {
    while (auto frame = read_frame()) {
      if (frame->opcode != 9 && frame->opcode != 10) return frame;
    }
    return std::nullopt;
  }

  /// True when the server ended the connection within the time limit.
  bool wait_for_end() {
    while (receive_more()) pending_.clear();
    return ended_;
  }

 private:
  bool have(std::size_t size) {
    while (pending_.size() < size) {
      if (!receive_more()) return false;
    }
    return true;
  }
  bool receive_more() {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) <= 0) return false;
    std::array<char, 16384> chunk;
    const ssize_t size = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (size <= 0) {
      ended_ = true;
      return false;
    }
    pending_.append(chunk.data(), static_cast<std::size_t>(size));
    return true;
  }

  int fd_ = -1;
  bool connected_ = false;
  bool ended_ = false;
  std::string pending_;
};

}  // namespace drumline::testing

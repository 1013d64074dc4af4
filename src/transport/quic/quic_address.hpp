// Addresses as ngtcp2 wants them. Always sockaddr_in6: IPv4 stays mapped, as in
// env::Address, so that a peer has one form only.
#pragma once

#include <cstring>

#include <ngtcp2/ngtcp2.h>

#include "base/types.hpp"
#include "env/network.hpp"

namespace drumline::transport {

inline void to_sockaddr(const env::Address& address, sockaddr_in6& out) {
  out = {};
  out.sin6_family = AF_INET6;
  out.sin6_port = static_cast<u16>((address.port >> 8) | (address.port << 8));
  std::memcpy(&out.sin6_addr, address.ip.data(), address.ip.size());
}

inline env::Address from_sockaddr(const sockaddr_in6& in) {
  env::Address address;
  address.port = static_cast<u16>((in.sin6_port >> 8) | (in.sin6_port << 8));
  std::memcpy(address.ip.data(), &in.sin6_addr, address.ip.size());
  return address;
}

/// A path and the memory that it points into. Not movable.
class QuicPath {
 public:
  QuicPath() {
    path_.local = {reinterpret_cast<ngtcp2_sockaddr*>(&local_), sizeof local_};
    path_.remote = {reinterpret_cast<ngtcp2_sockaddr*>(&remote_), sizeof remote_};
    path_.user_data = nullptr;
  }
  QuicPath(const env::Address& local, const env::Address& remote) : QuicPath() {
    to_sockaddr(local, local_);
    to_sockaddr(remote, remote_);
  }
  QuicPath(const QuicPath&) = delete;
  QuicPath& operator=(const QuicPath&) = delete;

  ngtcp2_path* get() { return &path_; }
  const sockaddr_in6& remote() const { return remote_; }

 private:
  sockaddr_in6 local_{};
  sockaddr_in6 remote_{};
  ngtcp2_path path_{};
};

}  // namespace drumline::transport

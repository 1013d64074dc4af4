// Addresses as the kernel's socket calls want them.
#pragma once

#include <sys/socket.h>

#include "env/network.hpp"

namespace drumline::env {

/// `address` for a socket of `family`; 0 when it cannot be reached from one (an
/// IPv6 peer from an IPv4 socket). Otherwise the length of what was written.
socklen_t to_kernel(const Address& address, int family, sockaddr_storage& out);

Address from_kernel(const sockaddr_storage& from);

}  // namespace drumline::env

// Between our addresses and Asio's.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "env/network.hpp"

namespace drumline::transport {

inline env::Address to_address(const boost::asio::ip::tcp::endpoint& endpoint) {
  namespace ip = boost::asio::ip;
  env::Address address;
  address.port = endpoint.port();
  const ip::address from = endpoint.address();
  address.ip = (from.is_v4() ? ip::make_address_v6(ip::v4_mapped, from.to_v4()) : from.to_v6()).to_bytes();
  return address;
}

inline boost::asio::ip::tcp::endpoint to_endpoint(const env::Address& address) {
  namespace ip = boost::asio::ip;
  const ip::address_v6 v6(address.ip);
  if (address.is_v4()) return {ip::make_address_v4(ip::v4_mapped, v6), address.port};
  return {v6, address.port};
}

}  // namespace drumline::transport

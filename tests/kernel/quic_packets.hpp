// Packets as a stranger makes them: QUIC headers with nothing good behind them, in UDP and IP headers with
// whatever source he likes.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace drumline::testing {

using Packet = std::vector<u8>;

/// For a connection id of shard `shard`.
inline Packet short_header(u8 shard, std::size_t bytes = 60) {
  Packet packet(bytes, 0xAB);
  packet[0] = 0x40;
  if (bytes > 1) packet[1] = shard;
  return packet;
}

struct LongHeader {
  u8 kind = 0;  ///< 0 Initial, 1 0-RTT, 2 Handshake, 3 Retry, as version 1 counts
  u32 version = 1;
  u8 id_bytes = 8;
  u8 first_id_byte = 0xEE;  ///< of no shard of ours
  u8 source_id_bytes = 8;
  std::size_t bytes = 1200;
};
inline Packet long_header(const LongHeader& wanted) {
  Packet packet(std::max<std::size_t>(wanted.bytes, 7), 0xAB);
  packet[0] = static_cast<u8>(0xC0 | wanted.kind << 4);
  for (std::size_t i = 0; i < 4; ++i) packet[1 + i] = static_cast<u8>(wanted.version >> (24 - 8 * i));
  packet[5] = wanted.id_bytes;
  packet[6] = wanted.first_id_byte;
  const std::size_t source_id = 6 + std::size_t{wanted.id_bytes};
  if (source_id < packet.size()) packet[source_id] = wanted.source_id_bytes;
  packet.resize(wanted.bytes);
  return packet;
}

/// Sends IP packets that it makes itself; opened where the packets are to leave from.
class RawSender {
 public:
  RawSender()
      : v4_(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)),
        v6_(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)),
        frames_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)),
        peer_interface_(static_cast<int>(::if_nametoindex("peer0"))) {
    DRUM_ASSERT(v4_ >= 0 && v6_ >= 0 && frames_ >= 0);
  }
  ~RawSender() {
    ::close(v4_);
    ::close(v6_);
    ::close(frames_);
  }
  RawSender(const RawSender&) = delete;
  RawSender& operator=(const RawSender&) = delete;

  struct Form {
    u16 source_port = 4000;
    bool more_fragments = false;
    int udp_length_error = 0;       ///< added to the length in the UDP header
    std::vector<u8> extensions;     ///< IPv6: kinds of further headers, 8 bytes each
    bool further_fragment = false;  ///< IPv6: what such a header of kind 44 says
    u32 vlan_tags = 0;              ///< sent as a frame out of peer0, to node0
  };
  void send(const std::string& from, const std::string& to, u16 port, const Packet& payload) {
    send(from, to, port, payload, Form{});
  }
  void send(const std::string& from, const std::string& to, u16 port, const Packet& payload,
            const Form& form) {
    if (from.find(':') == std::string::npos)
      send4(from, to, port, payload, form);
    else
      send6(from, to, port, payload, form);
  }

 private:
  static udphdr udp_header(u16 port, const Packet& payload, const Form& form) {
    udphdr udp{};
    udp.source = htons(form.source_port);
    udp.dest = htons(port);
    udp.len = htons(static_cast<u16>(static_cast<int>(sizeof udp + payload.size()) + form.udp_length_error));
    return udp;
  }
  void send4(const std::string& from, const std::string& to, u16 port, const Packet& payload,
             const Form& form) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.frag_off = htons(form.more_fragments ? IP_MF : 0);
    ip.tot_len = htons(static_cast<u16>(sizeof ip + sizeof(udphdr) + payload.size()));
    DRUM_ASSERT(::inet_pton(AF_INET, from.c_str(), &ip.saddr) == 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    DRUM_ASSERT(::inet_pton(AF_INET, to.c_str(), &address.sin_addr) == 1);
    ip.daddr = address.sin_addr.s_addr;
    // UDP's checksum may be left out; IP's is filled in by the kernel, and not looked at by programs.
    const udphdr udp = udp_header(port, payload, form);
    Packet packet;
    append(packet, &ip, sizeof ip);
    append(packet, &udp, sizeof udp);
    append(packet, payload.data(), payload.size());
    if (form.vlan_tags == 0)
      put(v4_, packet, &address, sizeof address);
    else
      put_frame(packet, ETHERTYPE_IP, form);
  }
  void send6(const std::string& from, const std::string& to, u16 port, const Packet& payload,
             const Form& form) {
    ip6_hdr ip{};
    ip.ip6_flow = htonl(6U << 28);
    ip.ip6_plen = htons(static_cast<u16>(8 * form.extensions.size() + sizeof(udphdr) + payload.size()));
    ip.ip6_nxt = form.extensions.empty() ? u8{IPPROTO_UDP} : form.extensions[0];
    ip.ip6_hlim = 64;
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    DRUM_ASSERT(::inet_pton(AF_INET6, from.c_str(), &ip.ip6_src) == 1);
    DRUM_ASSERT(::inet_pton(AF_INET6, to.c_str(), &address.sin6_addr) == 1);
    ip.ip6_dst = address.sin6_addr;
    udphdr udp = udp_header(port, payload, form);
    udp.check = checksum6(ip, udp, payload);
    Packet packet;
    append(packet, &ip, sizeof ip);
    for (std::size_t i = 0; i < form.extensions.size(); ++i) {
      const bool last = i + 1 == form.extensions.size();
      // Options: one that pads what is left. A fragment: the first of several, or one from within.
      std::array<u8, 8> extension{last ? u8{IPPROTO_UDP} : form.extensions[i + 1], 0, 1, 4};
      if (form.extensions[i] == IPPROTO_FRAGMENT)
        extension = {extension[0], 0, form.further_fragment ? u8{1} : u8{0}, 1, 0, 0, 0, 9};
      append(packet, extension.data(), extension.size());
    }
    append(packet, &udp, sizeof udp);
    append(packet, payload.data(), payload.size());
    if (form.vlan_tags == 0)
      put(v6_, packet, &address, sizeof address);
    else
      put_frame(packet, ETHERTYPE_IPV6, form);
  }
  static u16 checksum6(const ip6_hdr& ip, const udphdr& udp, const Packet& payload) {
    Packet all(40 + sizeof udp + payload.size() + (payload.size() & 1));
    std::memcpy(all.data(), &ip.ip6_src, 32);
    std::memcpy(all.data() + 34, &udp.len, 2);
    all[39] = IPPROTO_UDP;
    std::memcpy(all.data() + 40, &udp, sizeof udp);
    std::memcpy(all.data() + 40 + sizeof udp, payload.data(), payload.size());
    u32 sum = 0;
    for (std::size_t i = 0; i < all.size(); i += 2) sum += static_cast<u32>(all[i] << 8 | all[i + 1]);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return htons(static_cast<u16>(~sum));
  }
  static void append(Packet& packet, const void* bytes, std::size_t size) {
    const auto* const first = static_cast<const u8*>(bytes);
    packet.insert(packet.end(), first, first + size);
  }
  static void put(int socket, const Packet& packet, const void* address, socklen_t address_bytes) {
    const ssize_t sent = ::sendto(socket, packet.data(), packet.size(), 0,
                                  static_cast<const sockaddr*>(address), address_bytes);
    DRUM_ASSERT(sent == static_cast<ssize_t>(packet.size()));
  }
  void put_frame(const Packet& packet, u16 protocol, const Form& form) const {
    Packet frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    for (u32 tag = 0; tag < form.vlan_tags; ++tag)
      frame.insert(frame.end(), {0x81, 0x00, 0x00, static_cast<u8>(5 + tag)});
    frame.insert(frame.end(), {static_cast<u8>(protocol >> 8), static_cast<u8>(protocol)});
    append(frame, packet.data(), packet.size());
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = peer_interface_;
    put(frames_, frame, &address, sizeof address);
  }

  const int v4_, v6_, frames_;
  const int peer_interface_;
};

}  // namespace drumline::testing

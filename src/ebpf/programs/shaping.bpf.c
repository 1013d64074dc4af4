// Two programs at a network interface, for packets of one UDP port only: `shape` looks at each that comes
// (XDP) before the network stack spends anything on it, `police` at each that leaves (sched_cls).
//
// A packet that comes is refused, cheapest check first, when its source is blocked, when it cannot be a
// QUIC packet for us (RFC 8999, RFC 9000), and when its source has used up its rates. Only the last check
// keeps state, and only for sources that got so far, so garbage costs no memory.

// libbpf wants the kernel's types before it.
// clang-format off
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "../shaping_layout.h"

#define inlined static __attribute__((always_inline)) inline

#define MAX_VLAN_TAGS 2
#define MAX_EXTENSION_HEADERS 6
#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1FFF
#define IP6_MORE_FRAGMENTS 0x0001
#define IP6_FRAGMENT_OFFSET 0xFFF8

#define LONG_HEADER 0x80
#define OUR_ID_BYTES 8
#define MIN_CLIENT_ID_BYTES 8
#define MAX_ID_BYTES 20
#define MIN_INITIAL_BYTES 1200
// First byte, our id, and what a packet number and the sample for its protection take (RFC 9001, 5.4.2).
#define MIN_SHORT_HEADER_BYTES (1 + OUR_ID_BYTES + 20)
#define VERSION_2 0x6b3343cf
enum { INITIAL, ZERO_RTT, HANDSHAKE, RETRY };

#define SECOND_NS 1000000000ull
#define MAX_PACKET_BYTES 65535
#define TRIES 4

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct shaping_settings);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SHAPING_VERDICTS);
  __type(key, __u32);
  __type(value, struct shaping_count);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct shaping_prefix4);
  __type(value, __u32);
} prefixes4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct shaping_prefix6);
  __type(value, __u32);
} prefixes6 SEC(".maps");

// A token bucket as one number: when it will be full again. It so needs no lock.
struct source {
  __u64 packets_full_at;
  __u64 bytes_full_at;
};

struct client {
  __u8 address[16];
  __u32 port;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, __u8[16]);
  __type(value, struct source);
} sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct client);
  __type(value, __u64);
} clients SEC(".maps");

inlined void count(__u32 verdict, __u64 bytes) {
  struct shaping_count* entry = bpf_map_lookup_elem(&verdicts, &verdict);
  if (!entry) return;
  entry->packets += 1;
  entry->bytes += bytes;
}

// Whether the bucket has anything left; then `amount` is taken, be it more than that. So the long-run rate
// holds, `burst` is overdrawn by one packet at most, and none is too large to ever pass.
inlined int take(__u64* full_at, __u64 now, __u64 amount, __u64 most, __u64 rate, __u64 burst) {
  if (rate == 0) return 1;
  __u64 burst_ns = burst * SECOND_NS / rate;
  __u64 most_ns = most * SECOND_NS / rate;
  for (int i = 0; i < TRIES; ++i) {
    __u64 before = *(volatile __u64*)full_at;
    __u64 from = before > now ? before : now;
    if (from - now >= burst_ns) {
      // More than this rate can have left behind is from a lower one, which was retuned.
      if (from - now > burst_ns + most_ns) __sync_val_compare_and_swap(full_at, before, now + burst_ns);
      return 0;
    }
    if (__sync_val_compare_and_swap(full_at, before, from + amount * SECOND_NS / rate) == before) return 1;
  }
  // A source that is in its own way on so many processors is not one player.
  return 0;
}

// A packet at either program. All bytes are read by helpers into our own memory: arithmetic with pointers
// into packets would need a capability more (CAP_PERFMON), and the packet in one piece.
struct packet {
  __u32 ip_at;  // where headers begin, from the frame's start
  __u32 udp_at;
  __u32 bytes;  // from the IP header on, as that says
  __u32 v6;
  __u32 fragment;  // 1: the first of several
  struct udphdr udp;
  __u8 source[16];  // IPv4 as an IPv4-mapped IPv6 address
  __u8 destination[16];
};

// Which program a packet is at: a constant wherever it stands, as each may call its own helpers only.
enum way { INCOMING, OUTGOING };

// 0 when the packet has them.
inlined long load(enum way way, void* context, __u32 at, void* to, __u32 bytes) {
  return way == INCOMING ? bpf_xdp_load_bytes(context, at, to, bytes)
                         : bpf_skb_load_bytes(context, at, to, bytes);
}

inlined void map_v4(__u8* to, __be32 address) {
  __builtin_memset(to, 0, 10);
  to[10] = to[11] = 0xFF;
  __builtin_memcpy(to + 12, &address, 4);
}

// Each gives whether a UDP header with ports may follow, and then where. A further fragment has none; it
// is let go, as its first one is not.
inlined int read_ipv4(enum way way, void* context, struct packet* packet) {
  struct iphdr ip;
  if (load(way, context, packet->ip_at, &ip, sizeof ip) != 0 || ip.protocol != IPPROTO_UDP || ip.ihl < 5)
    return 0;
  __u16 fragment = bpf_ntohs(ip.frag_off);
  if (fragment & IP_FRAGMENT_OFFSET) return 0;
  packet->fragment = (fragment & IP_MORE_FRAGMENTS) != 0;
  packet->bytes = bpf_ntohs(ip.tot_len);
  packet->udp_at = packet->ip_at + ip.ihl * 4;
  map_v4(packet->source, ip.saddr);
  map_v4(packet->destination, ip.daddr);
  return 1;
}

inlined int read_ipv6(enum way way, void* context, struct packet* packet) {
  struct ipv6hdr ip;
  if (load(way, context, packet->ip_at, &ip, sizeof ip) != 0) return 0;
  packet->v6 = 1;
  packet->bytes = sizeof ip + bpf_ntohs(ip.payload_len);
  __builtin_memcpy(packet->source, &ip.saddr, 16);
  __builtin_memcpy(packet->destination, &ip.daddr, 16);
  __u32 at = packet->ip_at + sizeof ip;
  __u8 next = ip.nexthdr;
  for (int i = 0; i < MAX_EXTENSION_HEADERS && next != IPPROTO_UDP; ++i) {
    __u8 extension[4];
    if (load(way, context, at, extension, sizeof extension) != 0) return 0;
    if (next == IPPROTO_FRAGMENT) {
      __u16 fragment = (__u16)(extension[2] << 8 | extension[3]);
      if (fragment & IP6_FRAGMENT_OFFSET) return 0;
      if (fragment & IP6_MORE_FRAGMENTS) packet->fragment = 1;
      at += 8;
    } else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
      at += 8 + extension[1] * 8;
    } else {
      return 0;
    }
    next = extension[0];
  }
  packet->udp_at = at;
  return next == IPPROTO_UDP;
}

// Finds the UDP header behind Ethernet, VLAN tags and IP; 0 when there is none.
inlined int find_udp(enum way way, void* context, struct packet* packet) {
  __be16 protocol;
  __u32 at = __builtin_offsetof(struct ethhdr, h_proto);
  if (load(way, context, at, &protocol, sizeof protocol) != 0) return 0;
#pragma unroll
  for (int i = 0; i < MAX_VLAN_TAGS; ++i) {
    if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD)) break;
    at += 4;
    if (load(way, context, at, &protocol, sizeof protocol) != 0) return 0;
  }
  packet->ip_at = at + sizeof protocol;
  int found = 0;
  if (protocol == bpf_htons(ETH_P_IP)) found = read_ipv4(way, context, packet);
  if (protocol == bpf_htons(ETH_P_IPV6)) found = read_ipv6(way, context, packet);
  return found && load(way, context, packet->udp_at, &packet->udp, sizeof packet->udp) == 0;
}

inlined __u32 rule_for(const __u8* address, int v6) {
  __u32* rule;
  if (v6) {
    struct shaping_prefix6 key = {.bits = 128};
    __builtin_memcpy(key.address, address, 16);
    rule = bpf_map_lookup_elem(&prefixes6, &key);
  } else {
    struct shaping_prefix4 key = {.bits = 32};
    __builtin_memcpy(key.address, address + 12, 4);
    rule = bpf_map_lookup_elem(&prefixes4, &key);
  }
  return rule ? *rule : 0;
}

inlined int is_ours(const struct shaping_settings* now, __u8 first_id_byte) {
  return now->shards == 0 || first_id_byte < now->shards;
}

// The verdict on a packet for its form alone; SHAPING_PASSED: it can be one for us. `bytes` of QUIC begin
// at `at`. The fixed bit is not looked at, as we let peers grease it (RFC 9287).
inlined __u32 look_at_quic(const struct shaping_settings* now, struct xdp_md* context, __u32 at,
                           __u32 bytes) {
  __u8 quic[1 + OUR_ID_BYTES];
  if (bytes < sizeof quic || bpf_xdp_load_bytes(context, at, quic, sizeof quic) != 0) return SHAPING_SHORT;
  if (!(quic[0] & LONG_HEADER)) {
    if (bytes < MIN_SHORT_HEADER_BYTES) return SHAPING_SHORT;
    return is_ours(now, quic[1]) ? SHAPING_PASSED : SHAPING_ASTRAY;
  }
  __u32 version = (__u32)quic[1] << 24 | (__u32)quic[2] << 16 | (__u32)quic[3] << 8 | quic[4];
  // Version Negotiation is for servers to send.
  if (version == 0) return SHAPING_MALFORMED;
  int known = 0;
#pragma unroll
  for (int i = 0; i < SHAPING_VERSIONS; ++i) known |= version == now->versions[i];
  if (!known) {
    // No server answers a shorter one (RFC 9000, section 5.2.2).
    if (bytes < MIN_INITIAL_BYTES) return SHAPING_SHORT;
    return now->answer_unknown_versions ? SHAPING_PASSED : SHAPING_VERSION;
  }
  __u32 id_bytes = quic[5];
  // A client's own first id has eight bytes at least (section 7.2), as ours have.
  if (id_bytes < MIN_CLIENT_ID_BYTES || id_bytes > MAX_ID_BYTES) return SHAPING_MALFORMED;
  __u8 source_id_bytes;
  if (bytes < 7 + id_bytes || bpf_xdp_load_bytes(context, at + 6 + id_bytes, &source_id_bytes, 1) != 0)
    return SHAPING_MALFORMED;
  if (source_id_bytes > MAX_ID_BYTES) return SHAPING_MALFORMED;
  __u32 kind = (quic[0] >> 4) & 3;
  // Version 2 counts them from 1 (RFC 9369, section 3.2).
  if (version == VERSION_2) kind = (kind + 3) & 3;
  if (kind == RETRY) return SHAPING_MALFORMED;
  if (kind == INITIAL) return bytes < MIN_INITIAL_BYTES ? SHAPING_SHORT : SHAPING_PASSED;
  // What follows the ids: a length, and as much as in a short header.
  if (bytes < 7 + id_bytes + source_id_bytes + 1 + 20) return SHAPING_SHORT;
  if (kind == HANDSHAKE && (id_bytes != OUR_ID_BYTES || !is_ours(now, quic[6]))) return SHAPING_ASTRAY;
  return SHAPING_PASSED;
}

inlined __u32 within_rates(const struct shaping_settings* now, __u8* address, int v6, __u64 bytes) {
  // Whoever has an IPv6 address has all of its /64.
  if (v6) __builtin_memset(address + 8, 0, 8);
  struct source* source = bpf_map_lookup_elem(&sources, address);
  if (!source) {
    struct source fresh = {};
    bpf_map_update_elem(&sources, address, &fresh, BPF_NOEXIST);
    source = bpf_map_lookup_elem(&sources, address);
    // No room for the moment: better one too many than none at all.
    if (!source) return SHAPING_PASSED;
  }
  __u64 time = bpf_ktime_get_ns();
  if (!take(&source->packets_full_at, time, 1, 1, now->packets_per_second, now->packets_burst))
    return SHAPING_LIMITED;
  if (!take(&source->bytes_full_at, time, bytes, MAX_PACKET_BYTES, now->bytes_per_second, now->bytes_burst))
    return SHAPING_LIMITED;
  return SHAPING_PASSED;
}

inlined __u32 judge(const struct shaping_settings* now, struct xdp_md* context, struct packet* packet) {
  __u32 rule = rule_for(packet->source, packet->v6);
  if (rule == SHAPING_RULE_BLOCK) return SHAPING_BLOCKED;
  if (packet->fragment) return SHAPING_FRAGMENT;
  __u32 bytes = bpf_ntohs(packet->udp.len);
  if (bytes < sizeof packet->udp || packet->udp_at + bytes > bpf_xdp_get_buff_len(context))
    return SHAPING_MALFORMED;
  __u32 verdict = look_at_quic(now, context, packet->udp_at + sizeof packet->udp, bytes - sizeof packet->udp);
  if (verdict != SHAPING_PASSED) return verdict;
  if (rule == SHAPING_RULE_ALLOW) return SHAPING_ALLOWED;
  return within_rates(now, packet->source, packet->v6, packet->bytes);
}

// Frames in several pieces too (an MTU above a page).
SEC("xdp.frags")
int shape(struct xdp_md* context) {
  struct packet packet = {};
  if (!find_udp(INCOMING, context, &packet)) return XDP_PASS;
  __u32 zero = 0;
  const struct shaping_settings* now = bpf_map_lookup_elem(&settings, &zero);
  if (!now || packet.udp.dest != bpf_htons(now->port)) return XDP_PASS;
  __u32 verdict = judge(now, context, &packet);
  count(verdict, packet.bytes);
  return verdict == SHAPING_PASSED || verdict == SHAPING_ALLOWED ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int police(struct __sk_buff* context) {
  struct packet packet = {};
  if (!find_udp(OUTGOING, context, &packet)) return TC_ACT_UNSPEC;
  __u32 zero = 0;
  const struct shaping_settings* now = bpf_map_lookup_elem(&settings, &zero);
  if (!now || packet.udp.source != bpf_htons(now->port)) return TC_ACT_UNSPEC;
  // A train of packets (UDP_SEGMENT) is one here, and counted with all its bytes.
  __u64 bytes = context->len - packet.ip_at;
  __u32 verdict = SHAPING_SENT;
  if (now->client_bytes_per_second != 0) {
    struct client client = {.port = packet.udp.dest};
    __builtin_memcpy(client.address, packet.destination, 16);
    __u64* full_at = bpf_map_lookup_elem(&clients, &client);
    if (!full_at) {
      __u64 fresh = 0;
      bpf_map_update_elem(&clients, &client, &fresh, BPF_NOEXIST);
      full_at = bpf_map_lookup_elem(&clients, &client);
    }
    if (full_at && !take(full_at, bpf_ktime_get_ns(), bytes, MAX_PACKET_BYTES, now->client_bytes_per_second,
                         now->client_bytes_burst))
      verdict = SHAPING_POLICED;
  }
  count(verdict, bytes);
  // "Unspecified" leaves it to further filters.
  return verdict == SHAPING_POLICED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Apache-2.0";

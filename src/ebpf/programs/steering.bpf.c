// Which of a port's sockets (SO_REUSEPORT) gets a packet: the one of the shard that the destination
// connection id names in its first byte (src/transport/quic/connection_id.hpp). A client that comes
// from a new address is so still heard by the thread that has its connection.
//
// Only ids as long as ours count. A client invents the id of its first packets; one that is as long as
// ours and happens to name a shard is simply taken there, where its connection then is. For all others
// no socket is chosen, and the kernel goes by its hash of the addresses.

// libbpf wants the kernel's types before it.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
// clang-format on

#define UDP_HEADER_BYTES 8
#define LONG_HEADER 0x80
#define OUR_ID_BYTES 8
// Of a long header (RFC 8999, section 5.1): first byte, version, the id's length, the id.
#define LONG_HEADER_LENGTH_AT 5

struct {
  __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, __u64);
} sockets SEC(".maps");

SEC("sk_reuseport")
int steer(struct sk_reuseport_md* packet) {
  // The smallest long header that holds an id as long as ours ends with its first byte.
  __u8 head[LONG_HEADER_LENGTH_AT + 2];
  if (bpf_skb_load_bytes(packet, UDP_HEADER_BYTES, head, sizeof head) != 0) return SK_PASS;
  __u32 shard = head[1];
  if (head[0] & LONG_HEADER) {
    if (head[LONG_HEADER_LENGTH_AT] != OUR_ID_BYTES) return SK_PASS;
    shard = head[LONG_HEADER_LENGTH_AT + 1];
  }
  // A shard that is not there leaves nothing chosen.
  bpf_sk_select_reuseport(packet, &sockets, &shard, 0);
  return SK_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";

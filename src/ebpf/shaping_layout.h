/* What the shaping programs and user space share: the layout of the pinned maps. In C, as the programs are.
 */
#ifndef DRUMLINE_EBPF_SHAPING_LAYOUT_H
#define DRUMLINE_EBPF_SHAPING_LAYOUT_H

#include <linux/types.h>

#define SHAPING_VERSIONS 4
#define SHAPING_INTERFACES 8

/* What became of a packet; indexes of the map "verdicts". Names of them: shaping_maps.cpp. */
enum shaping_verdict {
  SHAPING_PASSED,    /* to the node, within its source's rates */
  SHAPING_ALLOWED,   /* to the node, from an allowed prefix: no rates */
  SHAPING_BLOCKED,   /* from a blocked prefix */
  SHAPING_LIMITED,   /* above its source's rates */
  SHAPING_FRAGMENT,  /* first of several: QUIC is never fragmented (RFC 9000, section 14) */
  SHAPING_SHORT,     /* shorter than any packet of its kind */
  SHAPING_MALFORMED, /* lengths that do not fit, or a kind that only servers send */
  SHAPING_VERSION,   /* of a QUIC version that is not spoken here */
  SHAPING_ASTRAY,    /* for a connection id that is none of ours */
  SHAPING_SENT,      /* from the node, within its client's rate */
  SHAPING_POLICED,   /* from the node, above it */
  SHAPING_VERDICTS
};

/* Entry 0 of the map "settings". A rate of 0 is no limit. */
struct shaping_settings {
  __u64 packets_per_second; /* of a source: an IPv4 address, or an IPv6 /64 */
  __u64 packets_burst;
  __u64 bytes_per_second; /* of IP packets */
  __u64 bytes_burst;
  __u64 client_bytes_per_second; /* to a client: an address and port */
  __u64 client_bytes_burst;
  __u64 answer_unknown_versions; /* 1: they pass, as the node answers with those that it speaks */
  __u32 versions[SHAPING_VERSIONS];
  __u32 shards; /* first bytes of our connection ids are below; 0: not looked at */
  __u32 port;
  __u32 interfaces[SHAPING_INTERFACES]; /* indexes of those that are shaped; 0: none */
};

/* Of the map "verdicts", one a processor. */
struct shaping_count {
  __u64 packets;
  __u64 bytes;
};

enum shaping_rule { SHAPING_RULE_BLOCK = 1, SHAPING_RULE_ALLOW = 2 };

/* Keys of the maps "prefixes4" and "prefixes6", whose values are rules (__u32). The longest prefix decides.
 */
struct shaping_prefix4 {
  __u32 bits;
  __u8 address[4];
};
struct shaping_prefix6 {
  __u32 bits;
  __u8 address[16];
};

#endif

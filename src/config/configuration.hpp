// The configuration of a node, as values. What each key means, its range and its
// default's reason stand once, in keys.cpp; docs/configuration.md is made of that.
#pragma once

#include <string>
#include <vector>

#include "base/types.hpp"

namespace drumline::config {

struct Listen {
  std::string address = "127.0.0.1";
  u16 port = 7777;
  bool tls = true;
  bool plain_websocket = true;
  std::string admin_address = "127.0.0.1";
  u16 admin_port = 8000;
  std::string admin_token;
};

struct Battle {
  std::string game = "arena";
  std::string rules_file;
  u32 max_players = 2000;
  u64 seed = 0;
  u32 command_limit_per_tick = 8;
  u32 input_ring_slots = 16384;
  u32 reconnect_grace_s = 60;
  u32 max_ticks_behind = 2;
  u32 count = 1;
  u32 most = 0;
  u32 shards = 1;
  std::string isolation = "thread";
  std::string sync_model = "state_broadcast";
  u32 send_hz = 62;
  u32 max_hold_ticks = 32;
  u32 max_late_ticks = 32;
  u32 step_budget_ms = 100;
  std::string on_failure = "restart";
  u32 max_failures = 3;
};

struct Journal {
  u32 segment_size_mib = 64;
  u32 max_outstanding_ticks = 8;
  u32 snapshot_every_ticks = 512;
  u32 keep_snapshots = 3;
  u32 inline_snapshot_kib = 64;
};

struct Broadcast {
  u32 datagram_budget_bytes = 1100;
  u32 interest_radius = 5;
  u32 cell_size = 0;
  u32 key_period_ticks = 96;
  bool send_tiers = false;
  u32 near_distance = 0;
  u32 spectator_budget_bytes = 12000;
  u32 spectator_send_hz = 20;
};

struct Gateway {
  u32 shards = 1;
  std::string steering = "auto";
  u32 max_sessions = 4096;
  u32 commands_per_second = 125;
  u32 commands_burst = 64;
  u32 max_handshakes = 1024;
  u32 retry_threshold = 256;
  u32 handshake_timeout_s = 5;
  u32 outside_timeout_s = 60;
  u32 idle_timeout_s = 30;
  u32 keep_alive_s = 15;
  std::string congestion = "cubic";
  bool path_mtu_discovery = true;
  std::string websocket_path = "/play";
  bool webtransport = true;
  std::vector<std::string> allowed_origins;
};

struct Overload {
  bool enabled = true;
  u32 lateness_bound_ms = 4;
  u32 delivery_bound_ms = 16;
  u32 climb_after_ms = 500;
  u32 descend_after_s = 3;
  bool lower_tiers = true;
  bool smaller_interest = true;
  u32 interest_percent = 60;
  u32 send_period = 2;
  bool refuse_joins = true;
  u32 retry_after_s = 5;
  bool dilate = true;
  u32 max_pace_percent = 400;
};

struct Shaping {
  std::vector<std::string> interfaces;
  std::string mode = "auto";
  u32 packets_per_second = 4000;
  u32 packets_burst = 8000;
  u32 bytes_per_second = 4'000'000;
  u32 bytes_burst = 4'000'000;
  u32 client_bytes_per_second = 0;
  u32 client_bytes_burst = 4'000'000;
  std::vector<std::string> block;
  std::vector<std::string> allow;
  std::string unknown_versions = "answer";
  u32 max_sources = 65536;
  std::string pin_folder;
};

struct Security {
  bool require_client_certificate = true;
  std::string pki_folder;
  u32 token_ttl_s = 300;
  u32 tls_ticket_hours = 12;
  bool quic_early_data = true;
  bool dev_tokens = true;
};

struct Threads {
  bool pin = true;
  std::string realtime = "auto";
  std::string event_loop = "epoll";
};

struct Log {
  std::string level = "info";
};

struct Configuration {
  Listen listen;
  Battle battle;
  Journal journal;
  Broadcast broadcast;
  Gateway gateway;
  Overload overload;
  Shaping shaping;
  Security security;
  Threads threads;
  Log log;
};

}  // namespace drumline::config

#include "config/keys.hpp"

#include <algorithm>
#include <type_traits>

#include "config/key_units.hpp"

namespace drumline::config {
namespace {

template <auto SectionMember, auto Field>
Value get_field(const Configuration& values) {
  const auto& field = (values.*SectionMember).*Field;
  if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(field)>> &&
                !std::is_same_v<std::remove_cvref_t<decltype(field)>, bool>) {
    return static_cast<i64>(field);
  } else {
    return field;
  }
}

template <auto SectionMember, auto Field>
void set_field(Configuration& values, const Value& value) {
  auto& field = (values.*SectionMember).*Field;
  using Type = std::remove_cvref_t<decltype(field)>;
  if constexpr (std::is_integral_v<Type> && !std::is_same_v<Type, bool>) {
    field = static_cast<Type>(std::get<i64>(value));
  } else {
    field = std::get<Type>(value);
  }
}

template <auto SectionMember, auto Field>
Key make_key(std::string_view section, std::string_view name, ValueType type, std::string_view help) {
  Key key;
  key.section = section;
  key.name = name;
  key.type = type;
  key.help = help;
  key.get = get_field<SectionMember, Field>;
  key.set = set_field<SectionMember, Field>;
  return key;
}

/// The keys of one section.
template <auto SectionMember>
class SectionKeys {
 public:
  SectionKeys(std::vector<Key>& out, std::string_view section) : out_(out), section_(section) {}

  template <auto Field>
  SectionKeys& integer(std::string_view name, i64 minimum, i64 maximum, std::string_view unit,
                       std::string_view help) {
    Key& key = add<Field>(name, ValueType::integer, help);
    key.minimum = minimum;
    key.maximum = maximum;
    key.unit = unit;
    return *this;
  }
  template <auto Field>
  SectionKeys& boolean(std::string_view name, std::string_view help) {
    add<Field>(name, ValueType::boolean, help);
    return *this;
  }
  template <auto Field>
  SectionKeys& text(std::string_view name, std::string_view unit, std::string_view help) {
    add<Field>(name, ValueType::text, help).unit = unit;
    return *this;
  }
  template <auto Field>
  SectionKeys& secret(std::string_view name, std::string_view unit, std::string_view help) {
    Key& key = add<Field>(name, ValueType::text, help);
    key.unit = unit;
    key.secret = true;
    return *this;
  }
  template <auto Field>
  SectionKeys& choice(std::string_view name, const std::vector<std::string_view>& choices,
                      std::string_view help) {
    add<Field>(name, ValueType::choice, help).choices = choices;
    return *this;
  }
  template <auto Field>
  SectionKeys& list(std::string_view name, std::string_view unit, std::string_view help) {
    add<Field>(name, ValueType::list, help).unit = unit;
    return *this;
  }

 private:
  template <auto Field>
  Key& add(std::string_view name, ValueType type, std::string_view help) {
    out_.push_back(make_key<SectionMember, Field>(section_, name, type, help));
    return out_.back();
  }
  std::vector<Key>& out_;
  std::string_view section_;
};

std::vector<Key> make_keys() {
  std::vector<Key> all;

  SectionKeys<&Configuration::listen>(all, "listen")
      .text<&Listen::address>(
          "address", kAddress,
          "Where clients connect: QUIC on UDP, TLS and WebSocket on TCP. 0.0.0.0 or :: is every "
          "interface.")
      .integer<&Listen::port>("port", 0, 65535, "",
                              "The UDP and TCP port for clients. 0 picks a free one and prints it.")
      .boolean<&Listen::tls>(
          "tls",
          "TLS is spoken on the TCP port: to native clients that UDP does not reach, and below "
          "WebSockets (wss://).")
      .boolean<&Listen::plain_websocket>(
          "plain_websocket",
          "WebSockets without TLS (ws://) are served too. Turn it off where tokens cross a network.")
      .text<&Listen::admin_address>(
          "admin_address", kAddress,
          "Where /metrics, /ready and the console are served. Anything but loopback "
          "needs admin_token.")
      .integer<&Listen::admin_port>("admin_port", 0, 65535, "",
                                    "The TCP port of the admin endpoint. 0 picks a free one and prints it.")
      .secret<&Listen::admin_token>(
          "admin_token", kToken,
          "What an admin request must bring as \"Authorization: Bearer\" when "
          "admin_address is not loopback. Better given by its environment variable than "
          "in a file.");

  SectionKeys<&Configuration::battle>(all, "battle")
      .text<&Battle::game>("game", "",
                           "The rules module to run. `drumline serve --help` lists those linked in.")
      .text<&Battle::rules_file>("rules_file", kFile,
                                 "The rules document (TOML) of the game. Empty takes the game's own.")
      .integer<&Battle::max_players>("max_players", 1, 20000, "players",
                                     "Seats in the battle. One more join is refused with battle_full.")
      .integer<&Battle::seed>(
          "seed", 0, 9223372036854775807, "",
          "The seed of the battle's random numbers. 0 draws one; it is journaled either way.")
      .integer<&Battle::command_limit_per_tick>(
          "command_limit_per_tick", 1, 64, "commands",
          "Commands of one player that one tick accepts. More are refused and "
          "counted.")
      .integer<&Battle::input_ring_slots>(
          "input_ring_slots", 1024, 1048576, "commands",
          "Commands that may wait between a gateway shard and a battle; a power of "
          "two. When it is full the newest is dropped and counted.")
      .integer<&Battle::reconnect_grace_s>("reconnect_grace_s", 0, 3600, "s",
                                           "How long a dropped player's seat is kept for his return.")
      .integer<&Battle::max_ticks_behind>("max_ticks_behind", 1, 64, "ticks",
                                          "A battle later than this climbs the overload ladder.")
      .integer<&Battle::count>("count", 1, 20000, "battles",
                               "Battles that run at least: one that ends is replaced by a new one.")
      .integer<&Battle::most>(
          "most", 0, 20000, "battles",
          "Battles that run at most: a player who finds no free seat gets a further one up to "
          "that. 0 is as many as count.")
      .integer<&Battle::shards>(
          "shards", 1, 64, "threads",
          "Battle threads, each with battles of its own. One runs thousands of small battles.")
      .choice<&Battle::isolation>(
          "isolation", {"thread", "process"},
          "What a crash in a game's native code takes with it: thread, the whole server; process, the "
          "battles of its shard, which runs in a process of its own and comes back from its own journal "
          "while its players stay connected (docs/operations.md).")
      .choice<&Battle::sync_model>("sync_model", {"state_broadcast", "frame_sync", "lockstep"},
                                   "How players are kept in step with a new battle (docs/sync-models.md). A "
                                   "spectator may ask for another "
                                   "model.")
      .integer<&Battle::send_hz>(
          "send_hz", 1, 62, "Hz",
          "State messages a second to a player. The tick stays at 62.5 Hz; 62 is one every "
          "tick.")
      .integer<&Battle::max_hold_ticks>(
          "max_hold_ticks", 0, 250, "ticks",
          "A command may ask to be applied this far ahead; it is held till then.")
      .integer<&Battle::max_late_ticks>(
          "max_late_ticks", 0, 250, "ticks",
          "A command that comes so much after its tick is still applied, at once. A "
          "later one is refused with too_late.")
      .integer<&Battle::step_budget_ms>("step_budget_ms", 1, 60000, "ms",
                                        "Processor time that the rules may use in one tick of one battle. A "
                                        "battle that uses more has failed.")
      .choice<&Battle::on_failure>("on_failure", {"restart", "stop"},
                                   "What becomes of a battle whose rules failed (threw, asserted, used up "
                                   "their budget): restart goes on from "
                                   "its last good tick, stop ends it.")
      .integer<&Battle::max_failures>(
          "max_failures", 0, 1000, "failures",
          "So many failures in a row a battle is started again; one more ends it. So it is with the process "
          "of a battle shard (isolation).");

  SectionKeys<&Configuration::journal>(all, "journal")
      .integer<&Journal::segment_size_mib>("segment_size_mib", 1, 1024, "MiB",
                                           "Size of a journal segment, written in full before it is used.")
      .integer<&Journal::max_outstanding_ticks>(
          "max_outstanding_ticks", 1, 64, "ticks",
          "Ticks that may wait for the disk. Beyond it the battle waits: nothing "
          "is shown before it is durable.")
      .integer<&Journal::snapshot_every_ticks>(
          "snapshot_every_ticks", 16, 1000000, "ticks",
          "A full snapshot this often bounds recovery: 512 ticks are 8.2 s of "
          "play to replay at most.")
      .integer<&Journal::keep_snapshots>("keep_snapshots", 1, 1000, "snapshots",
                                         "Snapshots kept, with the segments since the oldest of them.")
      .integer<&Journal::inline_snapshot_kib>("inline_snapshot_kib", 0, 1024, "KiB",
                                              "A battle whose largest state is no more than this keeps its "
                                              "snapshots in the journal; others get files.");

  SectionKeys<&Configuration::broadcast>(all, "broadcast")
      .integer<&Broadcast::datagram_budget_bytes>(
          "datagram_budget_bytes", 256, 1200, "bytes",
          "Largest state datagram of a player and tick. Above about 1,100 it no "
          "longer fits every path's packets.")
      .integer<&Broadcast::interest_radius>(
          "interest_radius", 1, 32, "cells",
          "How far a player is sent others, in cells of the grid. Nearby cells come every tick, far ones "
          "every second to eighth.")
      .integer<&Broadcast::cell_size>(
          "cell_size", 0, 1000, "map units",
          "Edge of the grid's cells: smaller is finer interest and more cells to choose from. 0 chooses it "
          "so that a full battle has about 12 players in a cell.")
      .boolean<&Broadcast::send_tiers>(
          "send_tiers",
          "Players with nobody near are sent to every second or fourth time, those with somebody near each "
          "time. Otherwise all are sent to each time, until the overload ladder's first rung.")
      .integer<&Broadcast::near_distance>("near_distance", 0, 65536, "units",
                                          "Who is so near is near. 0 is an eighth of a cell.")
      .integer<&Broadcast::key_period_ticks>(
          "key_period_ticks", 2, 1000, "ticks",
          "How often a cell's state becomes its new key frame, staggered by cell.")
      .integer<&Broadcast::spectator_budget_bytes>(
          "spectator_budget_bytes", 256, 16000, "bytes",
          "Largest message to a spectator, who sees the whole map over "
          "WebSocket.")
      .integer<&Broadcast::spectator_send_hz>("spectator_send_hz", 1, 62, "Hz",
                                              "Messages a second to a spectator.");

  SectionKeys<&Configuration::gateway>(all, "gateway")
      .integer<&Gateway::shards>(
          "shards", 1, 64, "threads",
          "Gateway threads, each with its own sockets and sessions. They share the UDP and the TCP port, and "
          "the kernel spreads clients over them.")
      .choice<&Gateway::steering>(
          "steering", {"auto", "off"},
          "With several shards: auto has the kernel hand each QUIC packet to the shard that has its "
          "connection, by an eBPF program, so that a client whose address changes keeps its session; "
          "off, or without the capabilities for it, the address alone decides.")
      .integer<&Gateway::max_sessions>("max_sessions", 1, 100000, "sessions",
                                       "Sessions of a shard, all transports together. One more is refused.")
      .integer<&Gateway::commands_per_second>(
          "commands_per_second", 1, 10000, "1/s",
          "Commands of a session in the long run: the rate at which its token "
          "bucket fills. More are dropped and counted.")
      .integer<&Gateway::commands_burst>("commands_burst", 1, 10000, "commands",
                                         "Commands of a session at once: the size of its token bucket.")
      .integer<&Gateway::max_handshakes>("max_handshakes", 1, 100000, "handshakes",
                                         "Unfinished handshakes of a shard. One more is refused.")
      .integer<&Gateway::retry_threshold>(
          "retry_threshold", 0, 100000, "handshakes",
          "From this many unfinished QUIC handshakes on, a client must prove its "
          "address first (Retry). 0 asks always.")
      .integer<&Gateway::handshake_timeout_s>("handshake_timeout_s", 1, 60, "s",
                                              "A handshake that takes longer is ended.")
      .integer<&Gateway::outside_timeout_s>(
          "outside_timeout_s", 1, 3600, "s",
          "A session may be so long between two battles; then it is closed.")
      .integer<&Gateway::idle_timeout_s>("idle_timeout_s", 2, 600, "s",
                                         "A session from which nothing is heard for so long is closed.")
      .integer<&Gateway::keep_alive_s>(
          "keep_alive_s", 1, 300, "s",
          "A quiet QUIC session is pinged this often. Must be less than idle_timeout_s.")
      .boolean<&Gateway::path_mtu_discovery>(
          "path_mtu_discovery",
          "QUIC finds out how large packets may be on the way to each client, and uses it for what is sent "
          "reliably. Without it none is larger than 1,200 bytes.")
      .choice<&Gateway::congestion>(
          "congestion", {"cubic", "bbr"},
          "How much a QUIC session may have on its way. cubic takes each loss for a full link; bbr "
          "bears loss on long ways, and holds back some frames every few seconds to measure the way.")
      .text<&Gateway::websocket_path>("websocket_path", kUrlPath,
                                      "Where browsers connect, by WebTransport and by WebSocket.")
      .boolean<&Gateway::webtransport>(
          "webtransport",
          "Browsers are served by WebTransport too, on the UDP port of QUIC; without it they take the "
          "WebSocket.")
      .list<&Gateway::allowed_origins>(
          "allowed_origins", kOrigin,
          "Web pages that may connect, as \"https://play.example\"; \"*\" is any. "
          "Empty allows pages from loopback and from this server's own host.");

  SectionKeys<&Configuration::overload>(all, "overload")
      .boolean<&Overload::enabled>("enabled", "Whether anything is given up at all.")
      .integer<&Overload::lateness_bound_ms>(
          "lateness_bound_ms", 1, 1000, "ms",
          "A tick that starts so much after its time is late. A quarter of them late is overload.")
      .integer<&Overload::delivery_bound_ms>(
          "delivery_bound_ms", 1, 1000, "ms",
          "So is a frame whose last datagram leaves so much after its tick.")
      .integer<&Overload::climb_after_ms>("climb_after_ms", 250, 60000, "ms",
                                          "Overload for so long climbs a rung; so much later the next one.")
      .integer<&Overload::descend_after_s>(
          "descend_after_s", 1, 3600, "s",
          "Calm for so long climbs down a rung. It is doubled, up to a minute, each time that a rung is "
          "needed again soon after.")
      .boolean<&Overload::lower_tiers>(
          "lower_tiers",
          "Rung 1: every cell but a player's own is sent a tier less often, and players with nobody near "
          "are sent to less often (broadcast.near_distance).")
      .boolean<&Overload::smaller_interest>("smaller_interest",
                                            "Rung 2: players see less far, and are sent to less often.")
      .integer<&Overload::interest_percent>("interest_percent", 10, 100, "%",
                                            "Of broadcast.interest_radius, on rung 2 and above.")
      .integer<&Overload::send_period>(
          "send_period", 1, 16, "",
          "On rung 2 and above a player is sent to so many times less often; players take turns.")
      .boolean<&Overload::refuse_joins>("refuse_joins",
                                        "Rung 3: nobody new is let in; who has a seat comes back to it.")
      .integer<&Overload::retry_after_s>("retry_after_s", 1, 3600, "s",
                                         "When those who are refused are told to try again.")
      .boolean<&Overload::dilate>("dilate",
                                  "Rung 4: ticks take longer. Each battle journals it, and clients are told.")
      .integer<&Overload::max_pace_percent>("max_pace_percent", 100, 1000, "%",
                                            "The longest that a tick may take, of 16 ms.");

  SectionKeys<&Configuration::shaping>(all, "shaping")
      .list<&Shaping::interfaces>(
          "interfaces", kInterface,
          "Where the kernel looks at packets of listen.port (UDP), by eBPF programs. Empty: nowhere. Needs "
          "CAP_BPF and CAP_NET_ADMIN.")
      .choice<&Shaping::mode>(
          "mode", {"auto", "native", "generic"},
          "Where packets that come are looked at: native is in the interface's driver, generic behind it, "
          "which any driver can; auto takes the first that works.")
      .integer<&Shaping::packets_per_second>(
          "packets_per_second", 0, 100000000, "1/s",
          "Packets of a source (an IPv4 address, an IPv6 /64) in the long run; more are dropped. 0 is no "
          "limit. Many players may share an address.")
      .integer<&Shaping::packets_burst>("packets_burst", 1, 1000000000, "packets",
                                        "Packets of a source at once.")
      .integer<&Shaping::bytes_per_second>(
          "bytes_per_second", 0, 4000000000, "bytes/s",
          "Bytes of a source in the long run, with IP headers. 0 is no limit.")
      .integer<&Shaping::bytes_burst>("bytes_burst", 1, 1000000000, "bytes", "Bytes of a source at once.")
      .integer<&Shaping::client_bytes_per_second>(
          "client_bytes_per_second", 0, 4000000000, "bytes/s",
          "Bytes to a client (an address and port) in the long run; more are dropped, which its congestion "
          "control then sees as loss. 0 is no limit.")
      .integer<&Shaping::client_bytes_burst>("client_bytes_burst", 1, 1000000000, "bytes",
                                             "Bytes to a client at once; key frames come in bursts.")
      .list<&Shaping::block>("block", kPrefix,
                             "Sources whose packets are dropped. Of block and allow the longest range that "
                             "holds an address decides.")
      .list<&Shaping::allow>("allow", kPrefix, "Sources that no rate is kept of.")
      .choice<&Shaping::unknown_versions>(
          "unknown_versions", {"answer", "drop"},
          "What becomes of first packets of QUIC versions that are not spoken here: answer lets them to the "
          "node, which names those that are.")
      .integer<&Shaping::max_sources>("max_sources", 1024, 16777216, "sources",
                                      "Sources, and clients, that rates are kept of, each about 100 bytes of "
                                      "kernel memory. Those longest unheard are forgotten first.")
      .text<&Shaping::pin_folder>("pin_folder", kFile,
                                  "The folder, made by the node in a BPF file system, that `drumline shape` "
                                  "finds its maps in. Empty is "
                                  "/sys/fs/bpf/drumline-PORT.");

  SectionKeys<&Configuration::security>(all, "security")
      .boolean<&Security::require_client_certificate>(
          "require_client_certificate",
          "Native clients, over QUIC and over TLS, must present a certificate of our authority. "
          "Browsers bring tokens instead.")
      .text<&Security::pki_folder>(
          "pki_folder", kFile,
          "Where certificates and keys are. Empty is the pki folder in the data folder; there, "
          "on loopback, development ones are made when they are missing.")
      .integer<&Security::token_ttl_s>("token_ttl_s", 10, 86400, "s", "How long an issued token is good.")
      .integer<&Security::tls_ticket_hours>(
          "tls_ticket_hours", 0, 168, "h",
          "How long the key of TLS session tickets is used; the one before it is still good. Made of "
          "ticket.key, "
          "so every gateway with that file opens the tickets of the others. 0: no tickets.")
      .boolean<&Security::quic_early_data>(
          "quic_early_data",
          "A returning QUIC client may send its reconnect token, and pings, with its first packets (0-RTT), "
          "and is shown at once what its seat sees. A copy of such packets shows nobody anything, and takes "
          "no seat.")
      .boolean<&Security::dev_tokens>(
          "dev_tokens",
          "The admin endpoint gives out tokens at /token, for development and the console. "
          "Turn it off where real accounts exist.");

  SectionKeys<&Configuration::threads>(all, "threads")
      .boolean<&Threads::pin>("pin", "Each busy thread stays on one core.")
      .choice<&Threads::realtime>(
          "realtime", {"auto", "on", "off"},
          "Real-time scheduling (SCHED_FIFO) for the battle thread: auto takes it where it is "
          "permitted, on refuses to start without it.")
      .choice<&Threads::event_loop>("event_loop", {"epoll", "io_uring"},
                                    "How threads wait for connections, for packets and for the links to "
                                    "battle shards' processes. io_uring "
                                    "takes the program drumline-io-uring, which is beside drumline, and a "
                                    "kernel that allows it (5.11 or "
                                    "later).");

  SectionKeys<&Configuration::log>(all, "log")
      .choice<&Log::level>("level", {"debug", "info", "warning", "error", "off"},
                           "The least severe lines that are written to stderr.");
  return all;
}

constexpr Section kSections[] = {
    {"listen", "Addresses and ports."},
    {"battle", "The battles that this node runs."},
    {"journal", "Durability: every tick's inputs are on disk before anyone sees their effect."},
    {"broadcast", "What players and spectators are sent."},
    {"gateway", "Sessions and what they may do."},
    {"overload",
     "What is given up, and when, under more load than there is processor time "
     "(docs/operations.md)."},
    {"shaping",
     "Packets refused in the kernel, before they cost anything, by eBPF programs (docs/operations.md); "
     "`drumline shape` changes rates and ranges of a node that runs."},
    {"security", "Certificates and tokens."},
    {"threads", "How threads run."},
    {"log", "What is logged."},
};

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> all = make_keys();
  return all;
}

std::span<const Section> sections() {
  return kSections;
}

const Key* find_key(std::string_view section, std::string_view name) {
  const auto all = keys();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Key& key) { return key.section == section && key.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace drumline::config

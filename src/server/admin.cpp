// What the server tells about itself in numbers: metrics and the console's figures. admin_pages.cpp: the
// rest.
#include "battle/build_info.hpp"
#include "server/server.hpp"
#include "telemetry/process_stats.hpp"

namespace drumline::server {
namespace {

double per_thousand(u64 ns) {
  return static_cast<double>(ns) / 1000;
}

/// The TCP port, and what native clients do over TLS.
void collect_tls(telemetry::MetricSink& sink, const transport::TlsCounters& t,
                 const telemetry::Labels& labels) {
  const auto with = [&](const char* key, const char* value) {
    telemetry::Labels all = labels;
    all.emplace_back(key, value);
    return all;
  };
  sink.counter("drumline_tcp_accepted_total", "TCP connections taken", t.accepted, labels);
  sink.gauge("drumline_tcp_arriving", "TCP connections that are no session yet", t.arriving, labels);
  const char* const refused = "TCP connections that came to nothing before they said who they are, by reason";
  sink.counter("drumline_tcp_refused_total", refused, t.refused_full, with("reason", "full"));
  sink.counter("drumline_tcp_refused_total", refused, t.refused_plain, with("reason", "plain"));
  sink.counter("drumline_tcp_refused_total", refused, t.handshake_timeouts, with("reason", "timeout"));
  sink.counter("drumline_tcp_refused_total", refused, t.accept_errors, with("reason", "accept"));
  sink.counter("drumline_tls_handshakes_total", "TLS handshakes over TCP done", t.handshakes, labels);
  sink.counter("drumline_tls_resumed_total", "Of those, made short by a ticket", t.resumed, labels);
  for (std::size_t i = 1; i < transport::kHandshakeFailures; ++i) {
    sink.counter(
        "drumline_tls_handshakes_failed_total", "TLS handshakes over TCP that failed, by reason",
        t.handshakes_failed[i],
        with("reason", transport::handshake_failure_name(static_cast<transport::HandshakeFailure>(i))));
  }
  sink.gauge("drumline_tls_sessions", "Native sessions over TLS", t.sessions, labels);
  sink.counter("drumline_tls_opened_total", "Native sessions over TLS that opened", t.opened, labels);
  const char* const ended = "Native sessions over TLS that were ended here, by reason";
  sink.counter("drumline_tls_closed_here_total", ended, t.closed_too_slow, with("reason", "too_slow"));
  sink.counter("drumline_tls_closed_here_total", ended, t.closed_bad_record, with("reason", "bad_record"));
  sink.counter("drumline_tls_closed_here_total", ended, t.closed_idle, with("reason", "idle"));
  sink.counter("drumline_tls_datagrams_dropped_total", "Datagrams dropped as the peer was behind",
               t.datagrams_dropped, labels);
}

void collect_gateway(telemetry::MetricSink& sink, const GatewayThread& thread, const std::string& shard) {
  const telemetry::Labels labels{{"shard", shard}};
  const auto with = [&](const char* key, std::string_view value) {
    telemetry::Labels more = labels;
    more.push_back({key, std::string(value)});
    return more;
  };
  const gateway::GatewayCounters& c = thread.gateway_counters();
  sink.gauge("drumline_sessions", "Sessions that are open", c.sessions, labels);
  sink.gauge("drumline_session_seats", "Sessions by what they do", c.players, with("seat", "player"));
  sink.gauge("drumline_session_seats", "Sessions by what they do", c.spectators, with("seat", "spectator"));
  sink.counter("drumline_sessions_opened_total", "Sessions that opened", c.sessions_opened, labels);
  sink.counter("drumline_sessions_closed_total", "Sessions that ended", c.sessions_closed, labels);
  sink.counter("drumline_commands_received_total", "Commands that came in", c.commands_received, labels);
  sink.counter("drumline_commands_forwarded_total", "Commands handed to a battle", c.commands_forwarded,
               labels);
  const char* const dropped = "Commands that the gateway dropped, by reason";
  sink.counter("drumline_commands_dropped_total", dropped, c.commands_repeated, with("reason", "repeated"));
  sink.counter("drumline_commands_dropped_total", dropped, c.commands_malformed, with("reason", "malformed"));
  sink.counter("drumline_commands_dropped_total", dropped, c.commands_limited, with("reason", "limited"));
  sink.counter("drumline_commands_dropped_total", dropped, c.ring_full, with("reason", "ring_full"));
  sink.counter("drumline_commands_dropped_total", dropped, c.commands_stale, with("reason", "stale"));
  sink.counter("drumline_wire_frames_malformed_total", "Frames that did not parse", c.frames_malformed,
               labels);
  sink.counter("drumline_messages_malformed_total", "Messages that did not verify", c.messages_malformed,
               labels);
  sink.counter("drumline_hellos_refused_total", "Sessions that were not let into a battle", c.hellos_refused,
               labels);
  sink.counter("drumline_hellos_refused_overloaded_total", "Of those, because of overload",
               c.hellos_refused_overloaded, labels);
  sink.counter("drumline_early_sights_total",
               "Seats shown to returning clients whose handshake was not complete yet", c.early_sights,
               labels);
  sink.counter("drumline_session_visits_total", "Further battles that open sessions went on to", c.visits,
               labels);
  const char* const closed = "Sessions that the gateway closed, by reason";
  sink.counter("drumline_sessions_closed_by_gateway_total", closed, c.closed_flood, with("reason", "flood"));
  sink.counter("drumline_sessions_closed_by_gateway_total", closed, c.closed_bad,
               with("reason", "bad_bytes"));
  sink.counter("drumline_sessions_closed_by_gateway_total", closed, c.closed_idle,
               with("reason", "no_hello"));
  sink.counter("drumline_sessions_closed_by_gateway_total", closed, c.closed_outside,
               with("reason", "outside"));
  sink.counter("drumline_sessions_closed_by_gateway_total", closed, c.closed_revoked,
               with("reason", "revoked"));
  sink.counter("drumline_client_frames_sent_total", "State frames handed to transports", c.client_frames_sent,
               labels);
  sink.counter("drumline_client_frames_dropped_total", "State frames that a transport had no room for",
               c.client_frames_dropped, labels);
  sink.counter("drumline_client_frames_skipped_total",
               "State frames passed over, as the shard was behind and newer ones were there",
               c.client_frames_skipped, labels);
  sink.counter("drumline_client_frame_bytes_total", "Bytes of the state frames sent", c.client_frame_bytes,
               labels);
  sink.counter("drumline_battle_frames_total", "Battle frames delivered", c.battle_frames, labels);
  sink.counter("drumline_desyncs_total", "Clients in lockstep that said another state hash", c.desyncs,
               labels);
  sink.counter("drumline_lockstep_restarts_total", "States sent anew to clients in lockstep",
               c.lockstep_restarts, labels);
  sink.counter("drumline_sync_acks_unknown_total",
               "Acknowledgements of ticks that were never sent or are long over", c.sync_acks_unknown,
               labels);
  sink.counter("drumline_battle_frames_malformed_total", "Battle frames or notices that did not parse",
               c.battle_frames_malformed, labels);
  sink.counter("drumline_frame_ring_laps_total", "Times that the shard fell a whole frame ring behind",
               c.laps, labels);
  sink.histogram_ns("drumline_broadcast_schedule_seconds",
                    "From a frame's encoding to its delivery's begin, the journal's write included",
                    thread.schedule_ns(), telemetry::tick_time_bounds_s(), labels);
  sink.histogram_ns(
      "drumline_broadcast_delivery_seconds",
      "From a frame's encoding to its last datagram in the kernel; what the journal's write took "
      "longer is left out",
      thread.delivery_ns(), telemetry::tick_time_bounds_s(), labels);

  for (std::size_t i = 0; i < env::kPhases; ++i) {
    const auto phase = static_cast<env::Phase>(i);
    sink.counter("drumline_gateway_phase_seconds_total",
                 "What the gateway thread's time goes to, estimated from one round in sixteen",
                 static_cast<double>(thread.phases().total_ns(phase)) * 1e-9,
                 with("phase", env::phase_name(phase)));
  }

  const TransportCounters transport = thread.transport_counters();
  const auto count = [](u64 value) { return static_cast<double>(value); };
  const transport::QuicCounters& q = transport.quic;
  sink.gauge("drumline_quic_connections", "QUIC connections", count(transport.quic_connections), labels);
  sink.gauge("drumline_quic_half_open", "QUIC handshakes under way", count(transport.quic_half_open), labels);
  sink.gauge("drumline_quic_waiting_packets", "Packets of handshakes that wait for their turn",
             count(transport.quic_waiting), labels);
  sink.counter("drumline_quic_handshakes_total", "QUIC handshakes done", count(q.handshakes_completed),
               labels);
  sink.counter("drumline_quic_resumed_total", "Of those, made short by a ticket", count(q.handshakes_resumed),
               labels);
  sink.counter("drumline_quic_early_data_total", "Connections whose client spoke with its first packets",
               count(q.early_data), labels);
  for (std::size_t i = 1; i < transport::kHandshakeFailures; ++i) {
    sink.counter(
        "drumline_quic_handshakes_failed_total", "QUIC handshakes that failed, by reason",
        count(q.handshakes_failed[i]),
        with("reason", transport::handshake_failure_name(static_cast<transport::HandshakeFailure>(i))));
  }
  for (std::size_t i = 0; i < transport::kPacketDrops; ++i) {
    sink.counter("drumline_quic_packets_dropped_total", "Packets that reached no connection, by reason",
                 count(q.packets_dropped[i]),
                 with("reason", transport::packet_drop_name(static_cast<transport::PacketDrop>(i))));
  }
  for (std::size_t i = 0; i < transport::kCloseCodes; ++i) {
    sink.counter("drumline_quic_sessions_closed_total", "QUIC sessions that ended, by close code",
                 count(q.closed[i]),
                 with("code", transport::close_code_name(static_cast<transport::CloseCode>(i))));
  }
  sink.counter("drumline_quic_retries_total", "Retry packets sent", count(q.retries_sent), labels);
  sink.counter("drumline_quic_resets_total", "Stateless resets sent", count(q.resets_sent), labels);
  sink.counter("drumline_quic_amplification_limited_total", "Writes held back until an address was proven",
               count(q.amplification_limited), labels);
  sink.counter("drumline_quic_datagrams_dropped_total", "Datagrams for which a connection had no budget",
               count(q.datagrams_dropped_congestion), labels);
  sink.counter("drumline_quic_datagrams_sent_total", "Datagrams sent over QUIC", count(q.datagrams_sent),
               labels);
  sink.counter("drumline_quic_datagrams_lost_total",
               "Of those, lost on their way: the peer acknowledged later ones", count(q.datagrams_lost),
               labels);
  sink.counter("drumline_quic_paths_narrowed_total",
               "Paths that no longer carried packets of the size found out", count(q.paths_narrowed), labels);
  sink.counter("drumline_udp_packets_received_total", "UDP packets received",
               count(transport.udp.packets_received), labels);
  sink.counter("drumline_udp_packets_sent_total", "UDP packets sent", count(transport.udp.packets_sent),
               labels);
  sink.counter("drumline_udp_messages_sent_total", "UDP packets and trains of them given to the kernel",
               count(transport.udp.messages_sent), labels);
  sink.counter("drumline_udp_packets_send_dropped_total", "UDP packets that the kernel did not take",
               count(transport.udp.send_dropped), labels);
  const transport::WebTransportCounters& web = q.webtransport;
  sink.gauge("drumline_webtransport_sessions", "WebTransport sessions", count(web.sessions), labels);
  sink.counter("drumline_webtransport_opened_total", "WebTransport sessions opened", count(web.opened),
               labels);
  const char* const web_refused = "WebTransport sessions refused, by reason";
  sink.counter("drumline_webtransport_refused_total", web_refused, count(web.refused_token),
               with("reason", "token"));
  sink.counter("drumline_webtransport_refused_total", web_refused, count(web.refused_origin),
               with("reason", "origin"));
  sink.counter("drumline_webtransport_refused_total", web_refused, count(web.refused_request),
               with("reason", "request"));
  sink.counter("drumline_webtransport_protocol_errors_total",
               "Connections ended as HTTP/3 was spoken wrongly", count(web.protocol_errors), labels);
  sink.counter("drumline_webtransport_streams_refused_total", "Streams that no session here has",
               count(web.streams_refused), labels);
  sink.counter("drumline_webtransport_datagrams_stray_total", "Datagrams of sessions that are not there",
               count(web.stray_datagrams), labels);
  if (const transport::WebSocketCounters* const w = thread.websocket_counters()) {
    sink.gauge("drumline_websocket_sessions", "WebSocket sessions", w->sessions, labels);
    sink.counter("drumline_websocket_opened_total", "WebSocket handshakes done", w->opened, labels);
    const char* const refused = "WebSocket connections refused, by reason";
    sink.counter("drumline_websocket_refused_total", refused, w->refused_token, with("reason", "token"));
    sink.counter("drumline_websocket_refused_total", refused, w->refused_origin, with("reason", "origin"));
    sink.counter("drumline_websocket_refused_total", refused, w->refused_request, with("reason", "request"));
    sink.counter("drumline_websocket_datagrams_dropped_total", "Datagrams dropped as the peer was behind",
                 w->datagrams_dropped, labels);
    sink.counter("drumline_websocket_closed_too_slow_total", "WebSocket sessions closed as too slow",
                 w->closed_too_slow, labels);
  }
  if (const transport::TlsCounters* const t = thread.tls_counters()) collect_tls(sink, *t, labels);
}

void collect_shaping(telemetry::MetricSink& sink, const ebpf::ShapingMaps& maps) {
  const auto counts = maps.counts();
  if (!counts) return;
  for (u32 i = 0; i < SHAPING_VERDICTS; ++i) {
    const auto verdict = static_cast<shaping_verdict>(i);
    const telemetry::Labels labels{{"direction", ebpf::is_outgoing(verdict) ? "out" : "in"},
                                   {"verdict", std::string(ebpf::verdict_name(verdict))}};
    sink.counter("drumline_shaping_packets_total",
                 "Packets that the kernel looked at, by what became of them",
                 static_cast<double>((*counts)[i].packets), labels);
    sink.counter("drumline_shaping_bytes_total", "Their bytes, IP headers included",
                 static_cast<double>((*counts)[i].bytes), labels);
  }
}

/// Per-battle series up to so many battles; beyond, a scrape would be mostly them.
constexpr std::size_t kMaxBattlesInMetrics = 64;

void collect_overload(telemetry::MetricSink& sink, const OverloadWatch& watch) {
  const OverloadWatch::Counters& c = watch.counters();
  sink.gauge(
      "drumline_overload_rung",
      "Of the overload ladder: 0 normal, 1 far cells less often, 2 smaller interest, 3 no new players, 4 "
      "time dilated",
      c.rung, {});
  sink.gauge("drumline_pace_percent", "How long ticks take, in percent of 16 ms", c.pace_percent, {});
  const char* const steps = "Steps on the overload ladder";
  sink.counter("drumline_overload_steps_total", steps, c.climbs, {{"direction", "up"}});
  sink.counter("drumline_overload_steps_total", steps, c.descents, {{"direction", "down"}});
}

void collect_shard(telemetry::MetricSink& sink, const ShardFigures& figures) {
  const ShardCounters& shard = *figures.ticks;
  const PipelineCounters& pipeline = *figures.battles;
  const telemetry::Labels labels{{"shard", std::to_string(figures.shard)}};
  sink.gauge("drumline_battles", "Battles running", pipeline.battles, labels);
  sink.gauge("drumline_players", "Seats taken in all battles", pipeline.players, labels);
  sink.counter("drumline_battles_created_total", "New battles", pipeline.battles_created, labels);
  sink.counter("drumline_battles_ended_total", "Battles that are over", pipeline.battles_ended, labels);
  sink.counter("drumline_battle_failures_total",
               "Times that a battle's rules threw, asserted or used up their budget", pipeline.battles_failed,
               labels);
  sink.gauge("drumline_tick", "Tick of the shard's first battle", pipeline.tick, labels);
  sink.counter("drumline_ticks_total", "Ticks run by the shard", pipeline.ticks, labels);
  sink.counter("drumline_battle_ticks_total", "Ticks of all battles", pipeline.battle_ticks, labels);
  sink.counter("drumline_ticks_skipped_total", "Ticks left out: always 0, a late tick is run late", 0.0,
               labels);
  sink.counter("drumline_ticks_late_total", "Ticks that started more than a tick after their deadline",
               shard.late_ticks, labels);
  sink.counter("drumline_schedule_shifts_total", "Times that the schedule was moved because of overload",
               shard.schedule_shifts, labels);
  sink.counter("drumline_journal_waits_total", "Times that a tick waited for the journal", shard.disk_waits,
               labels);
  sink.counter("drumline_tick_allocations_total", "Heap allocations made in ticks", shard.allocations,
               labels);
  sink.gauge("drumline_tick_thread_realtime", "1: the tick thread has real-time priority", shard.realtime,
             labels);
  const std::span<const double> usual = telemetry::tick_time_bounds_s();
  sink.histogram_ns("drumline_tick_lateness_seconds", "From a tick's deadline to its start",
                    shard.lateness_ns, usual, labels);
  sink.histogram_ns("drumline_tick_step_seconds", "Inputs, steps and journal records of a tick",
                    pipeline.step_ns, usual, labels);
  sink.histogram_ns("drumline_tick_encode_seconds", "Encoding of a tick's frames", pipeline.encode_ns, usual,
                    labels);
  sink.histogram_ns("drumline_tick_work_seconds", "A whole tick of the shard", pipeline.work_ns, usual,
                    labels);
  sink.histogram_ns("drumline_battle_install_seconds", "Taking a battle in between two ticks",
                    pipeline.install_ns, usual, labels);
  sink.counter("drumline_inputs_total", "Entries taken from the input rings", pipeline.inputs, labels);
  sink.counter("drumline_inputs_astray_total", "Entries for battles that did not run (any more)",
               pipeline.inputs_astray, labels);
  sink.counter("drumline_tells_lost_total",
               "Messages for battles that did not run, or of which too many waited", pipeline.tells_lost,
               labels);
  sink.counter("drumline_battle_frame_bytes_total", "Bytes of battle frames encoded", pipeline.frame_bytes,
               labels);
  sink.counter("drumline_notices_delayed_total", "Times that a frame had no room for a notice",
               pipeline.notices_delayed, labels);
}

void collect_journal(telemetry::MetricSink& sink, const JournalFigures& journal) {
  telemetry::Labels labels;
  if (journal.group) labels.push_back({"group", std::to_string(*journal.group)});
  const auto count = [](u64 value) { return static_cast<double>(value); };
  sink.histogram_ns("drumline_journal_commit_seconds", "From a batch's taking to its durability",
                    *journal.commit_ns, telemetry::tick_time_bounds_s(), labels);
  sink.counter("drumline_journal_bytes_total", "Bytes made durable", count(journal.bytes), labels);
  sink.gauge("drumline_journal_space_bytes", "Bytes that segments take", count(journal.space_bytes), labels);
  sink.counter("drumline_journal_fenced_segments_total", "Segments left behind after a failed write",
               count(journal.fenced_segments), labels);
  sink.gauge("drumline_journal_read_only", "1: no space, battles stand still until there is",
             journal.state == journal::WriterState::read_only ? 1 : 0, labels);
  sink.counter("drumline_snapshots_written_total", "Snapshots made durable", count(journal.snapshots_written),
               labels);
  sink.counter("drumline_snapshots_skipped_total", "Snapshots skipped as others were under way",
               count(journal.snapshots_skipped), labels);
  sink.counter("drumline_snapshots_failed_total", "Snapshots that could not be written",
               count(journal.snapshots_failed), labels);
}

void collect_group(telemetry::MetricSink& sink, const GroupFigures& group) {
  const telemetry::Labels labels{{"group", std::to_string(group.group)}};
  sink.gauge("drumline_group_up", "1: the battle group's process runs and ticks", group.up ? 1 : 0, labels);
  sink.gauge("drumline_group_given_up", "1: it failed too often and is not started again",
             group.given_up ? 1 : 0, labels);
  sink.gauge("drumline_group_process_id", "The battle group's process; 0: none runs",
             static_cast<double>(group.process), labels);
  sink.counter("drumline_group_restarts_total", "Times that the battle group's process was started again",
               static_cast<double>(group.restarts), labels);
  sink.counter("drumline_group_battles_behind_total",
               "Battles that came back behind a tick that was shown: always 0",
               static_cast<double>(group.behind), labels);
}

void collect_battle(telemetry::MetricSink& sink, const battle::BattleEntry& battle) {
  const battle::ActorCounters& c = *battle.counters;
  const telemetry::Labels labels{{"battle", std::to_string(battle.descriptor->id.value)}};
  const auto with = [&](const char* key, const char* value) {
    telemetry::Labels more = labels;
    more.push_back({key, value});
    return more;
  };
  const char* const commands = "Commands by what became of them";
  sink.counter("drumline_battle_commands_total", commands, c.commands_accepted, with("outcome", "accepted"));
  sink.counter("drumline_battle_commands_total", commands, c.commands_refused, with("outcome", "refused"));
  sink.counter("drumline_battle_commands_total", commands, c.commands_repeated, with("outcome", "repeated"));
  sink.counter("drumline_battle_commands_total", commands, c.commands_stray, with("outcome", "stray"));
  sink.counter("drumline_battle_commands_held_total",
               "Commands that came before the tick they were meant for", c.commands_held, labels);
  sink.counter("drumline_battle_commands_late_total",
               "Commands that came after it, and were applied all the same", c.commands_late, labels);
  const char* const tells = "Messages from outside by what became of them";
  sink.counter("drumline_battle_tells_total", tells, c.tells_accepted, with("outcome", "accepted"));
  sink.counter("drumline_battle_tells_total", tells, c.tells_refused, with("outcome", "refused"));
  sink.counter("drumline_battle_inputs_dropped_total", "Inputs beyond what a tick may hold", c.inputs_dropped,
               labels);
  sink.counter("drumline_battle_joins_total", "Players seated", c.joins, labels);
  sink.counter("drumline_battle_leaves_total", "Players gone for good", c.leaves, labels);
  sink.counter("drumline_battle_drops_total", "Players whose connection was lost", c.drops, labels);
  sink.counter("drumline_battle_reconnects_total", "Players that came back", c.reconnects, labels);
}

}  // namespace

void Server::collect_metrics(telemetry::MetricSink& sink) const {
  for (const ShardFigures& shard : battles_->shards()) collect_shard(sink, shard);
  const auto battles = directory_.all();
  if (battles.size() <= kMaxBattlesInMetrics) {
    for (const auto& battle : battles) collect_battle(sink, *battle);
  }
  sink.counter("drumline_battles_restarted_total", "Battles started again after their rules failed",
               static_cast<double>(battles_->restarted()));
  sink.counter("drumline_battles_given_up_total", "Battles ended as their rules failed",
               static_cast<double>(battles_->given_up()));
  collect_overload(sink, *overload_watch_);
  for (const JournalFigures& journal : battles_->journals()) collect_journal(sink, journal);
  for (const GroupFigures& group : battles_->groups()) collect_group(sink, group);
  if (shaping_) collect_shaping(sink, shaping_->maps());
  sink.counter("drumline_credentials_renewed_total", "Times that changed certificate files were taken up",
               static_cast<double>(credentials_->renewals()));
  sink.counter("drumline_credentials_failed_total", "Changes of certificate files that could not be used",
               static_cast<double>(credentials_->failures()));
  sink.gauge("drumline_gateway_steered",
             "1: the kernel hands QUIC packets to the shard that their connection id names",
             steers_packets_ ? 1 : 0);
  for (std::size_t shard_number = 0; shard_number < gateways_.size(); ++shard_number) {
    collect_gateway(sink, *gateways_[shard_number], std::to_string(shard_number));
  }
  admin_->collect(sink);
  telemetry::collect_process_stats(sink);
}

telemetry::ServerStats Server::stats() {
  telemetry::ServerStats stats;
  Histogram lateness;
  for (const ShardFigures& shard : battles_->shards()) {
    lateness.merge(shard.ticks->lateness_ns);
    stats.tick = std::max(stats.tick, static_cast<u64>(shard.battles->tick.value()));
    stats.players += static_cast<u64>(shard.battles->players.value());
  }
  u64 frames = 0;
  for (const auto& gateway : gateways_) {
    stats.sessions += static_cast<u64>(gateway->gateway_counters().sessions.value());
    frames += gateway->gateway_counters().client_frames_sent.value();
  }
  const TimeNs now = clock_.now();
  // Asked by several pages, the rate is still over at least half a second.
  if (now - rate_at_ >= kSecondNs / 2) {
    if (rate_at_ != 0) {
      frames_per_s_ = static_cast<double>(frames - rate_frames_) * 1e9 / static_cast<double>(now - rate_at_);
    }
    rate_at_ = now;
    rate_frames_ = frames;
  }
  stats.client_frames_per_s = frames_per_s_;
  stats.lateness_us_p50 = per_thousand(lateness.percentile(50));
  stats.lateness_us_p99 = per_thousand(lateness.percentile(99));
  stats.lateness_us_p999 = per_thousand(lateness.percentile(99.9));
  Histogram commit;
  for (const JournalFigures& journal : battles_->journals()) commit.merge(*journal.commit_ns);
  stats.journal_commit_us_p50 = per_thousand(commit.percentile(50));
  stats.journal_commit_us_p99 = per_thousand(commit.percentile(99));
  if (const auto process = telemetry::read_process_stats()) stats.memory_bytes = process->resident_bytes;
  stats.overload_rung = static_cast<u32>(overload_watch_->counters().rung.value());
  stats.overload_rung_name = battle::rung_name(static_cast<battle::Rung>(stats.overload_rung));
  stats.pace_percent = static_cast<u32>(overload_watch_->counters().pace_percent.value());
  stats.overload_reason = overload_watch_->reason();
  stats.uptime_s = static_cast<double>(now - started_at_) / 1e9;
  return stats;
}

}  // namespace drumline::server

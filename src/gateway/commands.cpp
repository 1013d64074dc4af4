// GatewayShard: what clients say.
#include "gateway/gateway_shard.hpp"
#include "wire/command.hpp"

namespace drumline::gateway {
namespace {

using transport::CloseCode;

/// Commands over the limit that a session may send within a second before it is a flood.
constexpr u32 kFloodExcess = 2000;
/// A client whose state is another than the battle's is recorded, and given the state
/// anew, this often.
constexpr i64 kDesyncPeriodNs = kSecondNs;
/// How long it may take to send its own state.
constexpr i64 kUploadTimeoutNs = 5 * kSecondNs;

}  // namespace

void GatewayShard::on_reliable(transport::Session& session, Bytes bytes) {
  GatewaySession* const found = find(session);
  if (found == nullptr || found->state == SessionState::closing) return;
  const SessionId id = found->id;
  found->reader.feed(bytes, [&](Bytes payload) {
    on_payload(*found, payload);
    // A message may end the session, and the reader with it.
    return find(id) == found && found->state != SessionState::closing;
  });
  if (find(id) != found || found->state == SessionState::closing) return;
  if (found->reader.failure() != wire::FrameStatus::ok) {
    counters_.frames_malformed.add();
    counters_.closed_bad.add();
    say_goodbye(*found, CloseCode::bad_frame,
                std::string("the byte stream is not frames: ") +
                    wire::frame_status_name(found->reader.failure()) + " (docs/formats/frame.md)",
                0);
  }
}

void GatewayShard::on_datagram(transport::Session& session, Bytes payload) {
  GatewaySession* const found = find(session);
  if (found == nullptr || found->state == SessionState::closing) return;
  const SessionId id = found->id;
  const auto status = wire::for_each_frame(payload, wire::kMaxCommandPayloadBytes,
                                           wire::kMaxCommandsPerDatagram, [&](Bytes frame) {
                                             if (find(id) == found) on_command(*found, frame);
                                           });
  // A datagram may be damaged or cut by anybody on the way: it is dropped, nothing more.
  if (status != wire::FrameStatus::ok) counters_.frames_malformed.add();
}

void GatewayShard::on_payload(GatewaySession& session, Bytes payload) {
  if (wire::is_client_message(payload))
    on_message(session, payload);
  else
    on_command(session, payload);
}

// ---- commands: the hot path in

void GatewayShard::on_command(GatewaySession& session, Bytes payload) {
  if (session.state == SessionState::closing) return;
  counters_.commands_received.add();
  battle::Inbound scratch;
  BattleFeed* const feed = is_in_battle(session.state) ? session.feed : nullptr;
  // Decoded where the battle reads it; not committed, the slot is simply used again.
  battle::Inbound* slot = feed != nullptr ? feed->inbound().try_reserve() : nullptr;
  const bool ring_full = slot == nullptr;
  if (slot == nullptr) slot = &scratch;
  slot->kind = battle::Inbound::Kind::command;
  wire::CommandAcks acks;
  const wire::DecodeStatus status = wire::decode_command(payload, slot->command, acks);
  if (status != wire::DecodeStatus::ok && status != wire::DecodeStatus::unknown_action) {
    counters_.commands_malformed.add();
    if (auto pass = log_limit_.allow(clock_.now())) {
      log_warning("a command from {} is refused: {} ({} more like it)", session.transport->peer().to_string(),
                  wire::decode_status_name(status), pass->suppressed);
    }
    return;
  }
  if (feed == nullptr) return;
  if (acks.visit != session.visit()) {
    // On its way since before the session came here: nothing in it is of this battle.
    counters_.commands_stale.add();
    return;
  }
  if (session.state == SessionState::playing && slot->command.action != world::Action::none) {
    if (slot->command.sequence <= session.highest_sequence) {
      counters_.commands_repeated.add();
    } else if (within_limits(session, clock_.now())) {
      if (ring_full) {
        counters_.ring_full.add();
      } else {
        session.highest_sequence = slot->command.sequence;
        if (session.lockstep != nullptr) {
          session.lockstep->note_arrival(slot->command.apply_tick, feed->cache.tick());
        }
        slot->battle = feed->id();
        slot->player = session.player;
        slot->session = session.id;
        feed->inbound().commit();
        counters_.commands_forwarded.add();
      }
    }
  }
  if (is_in_battle(session.state)) on_acknowledgements(session, acks);
}

bool GatewayShard::within_limits(GatewaySession& session, TimeNs now) {
  if (session.commands.take(now)) return true;
  counters_.commands_limited.add();
  if (now - session.excess_since > kSecondNs) {
    session.excess_since = now;
    session.excess_commands = 0;
  }
  if (++session.excess_commands > kFloodExcess) {
    counters_.closed_flood.add();
    say_goodbye(
        session, CloseCode::flood,
        "too many commands: the limit is " + std::to_string(options_.commands_per_second) + " a second",
        5000);
  }
  return false;
}

void GatewayShard::on_acknowledgements(GatewaySession& session, const wire::CommandAcks& acks) {
  if (session.view != nullptr) {
    for (const u32 ack : acks.view()) session.view->acknowledge(ack);
    return;
  }
  if (session.lockstep == nullptr) return;
  const TickLog& log = session.feed->ticks;
  switch (session.lockstep->acknowledge(acks, log)) {
    case LockstepView::Verdict::fine:
      break;
    case LockstepView::Verdict::unknown:
      counters_.sync_acks_unknown.add();
      break;
    case LockstepView::Verdict::diverged: {
      const Tick tick = log.whole(acks.sync_tick);
      on_desync(session, tick, acks.sync_hash, log.state_hash(tick));
      break;
    }
  }
}

// ---- messages

void GatewayShard::on_message(GatewaySession& session, Bytes payload) {
  auto message = wire::decode_client_message(payload);
  if (!message) {
    counters_.messages_malformed.add();
    counters_.closed_bad.add();
    say_goodbye(session, CloseCode::bad_message, message.error().message, 0);
    return;
  }
  if (const auto* hello = std::get_if<wire::Hello>(&*message)) {
    on_hello(session, *hello);
  } else if (const auto* ping = std::get_if<wire::Ping>(&*message)) {
    send(session, wire::Pong{ping->nonce, is_in_battle(session.state) ? session.feed->cache.tick() : 0});
  } else if (const auto* desync = std::get_if<wire::Desync>(&*message)) {
    if (session.lockstep != nullptr) on_desync(session, desync->tick, desync->hash, desync->expected);
  } else if (const auto* part = std::get_if<wire::StatePart>(&*message)) {
    on_state_part(session, *part);
  } else if (std::holds_alternative<wire::Leave>(*message)) {
    on_leave(session);
  }
}

void GatewayShard::on_leave(GatewaySession& session) {
  if (session.outlives_battle) {
    // The battle may have ended before it: then there is nothing to leave.
    if (session.state == SessionState::outside) return;
    take_out(session, Departure::leave);
    step_outside(session);
    return;
  }
  if (session.state == SessionState::playing) forward(session, battle::Inbound::Kind::leave);
  release(session);
  session.transport->close(CloseCode::none, "left");
}

// ---- a client in lockstep that has gone another way

void GatewayShard::on_desync(GatewaySession& session, Tick tick, u64 hash, u64 expected) {
  counters_.desyncs.add();
  const TimeNs now = clock_.now();
  if (now < session.next_desync_report) return;
  session.next_desync_report = now + kDesyncPeriodNs;
  // Its own state follows, if it sends one: what is recorded waits for that.
  if (session.upload == nullptr && uploads_ < options_.max_state_uploads) {
    ++uploads_;
    session.upload = std::make_unique<StateUpload>();
    session.upload->tick = tick;
    session.upload->hash = hash;
    session.upload->expected = expected;
    const Tick good = session.lockstep->acknowledged();
    if (good < tick && session.feed->ticks.has(good)) {
      session.upload->good_tick = good;
      session.upload->good_hash = session.feed->ticks.state_hash(good);
    }
    deadlines_.set(session, now + kUploadTimeoutNs);
  }
  restart_lockstep(session);
}

/// The state anew, and the ticks from there on.
void GatewayShard::restart_lockstep(GatewaySession& session) {
  counters_.lockstep_restarts.add();
  *session.lockstep = {};
  forward(session, battle::Inbound::Kind::resend_state);
}

void GatewayShard::on_state_part(GatewaySession& session, const wire::StatePart& part) {
  StateUpload* const upload = session.upload.get();
  if (upload == nullptr || part.tick != upload->tick) return;
  if (upload->total_bytes == 0) upload->total_bytes = part.total_bytes;
  const bool fits = part.total_bytes == upload->total_bytes && part.total_bytes <= StateUpload::kMaxBytes &&
                    part.offset == upload->bytes.size() &&
                    part.bytes.size() <= part.total_bytes - part.offset;
  if (!fits) {
    // What it sends makes no sense: the report goes out without it.
    upload->bytes.clear();
    finish_upload(session);
    return;
  }
  upload->bytes.insert(upload->bytes.end(), part.bytes.begin(), part.bytes.end());
  if (upload->bytes.size() == upload->total_bytes) finish_upload(session);
}

void GatewayShard::finish_upload(GatewaySession& session) {
  const auto upload = std::move(session.upload);
  --uploads_;
  if (session.feed == nullptr) return;
  DesyncReport report;
  report.battle = session.feed->id();
  report.player = session.player;
  report.peer = session.transport->peer().to_string();
  report.tick = upload->tick;
  report.hash = upload->hash;
  report.expected = upload->expected;
  report.good_tick = upload->good_tick;
  report.good_hash = upload->good_hash;
  if (upload->bytes.size() == upload->total_bytes) report.state = std::move(upload->bytes);
  links_.on_desync(std::move(report));
}

}  // namespace drumline::gateway

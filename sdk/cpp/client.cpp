#include "client/client.hpp"

#include <algorithm>
#include <array>

namespace drumline::client {

using transport::CloseCode;

namespace {

constexpr wire::FrameReaderLimits kReaderLimits{.max_payload = wire::kMaxServerPayloadBytes, .max_errors = 1};

// Whoever waits for the Welcome says something so often: a server that has died and
// come back since it took the Hello answers that it knows nothing of us.
constexpr i64 kGreetingPingNs = 250 * kMillisecondNs;

/// Coming back would meet the same answer.
bool is_final(CloseCode code) {
  switch (code) {
    case CloseCode::unauthenticated:
    case CloseCode::version:
    case CloseCode::replaced:
    case CloseCode::bad_frame:
    case CloseCode::bad_message:
    case CloseCode::too_large:
      return true;
    default:
      return false;
  }
}

}  // namespace

Client::Client(ClientOptions options, Connector& connector, ClientListener& listener, env::Random& random)
    : listener_(listener), options_(std::move(options)), connector_(connector), random_(random) {
  options_.name = wire::clean_name(options_.name);
}

void Client::start(TimeNs now) {
  if (state_ != ClientState::idle) return;
  backoff_ns_ = options_.reconnect_first_ns;
  lost_since_ = now;
  connect(now);
}

void Client::join(BattleId battle, TimeNs now) {
  options_.battle = battle;
  options_.follow = kNoPlayer;
  wants_battle_ = true;
  lost_since_ = now;
  token_.clear();
  switch (state_) {
    case ClientState::greeting:
      join_pending_ = true;
      break;
    case ClientState::connecting:
      join_pending_ = greeted_early_;
      break;
    case ClientState::playing:
      next_attempt_ = now;
      if (options_.keep_session) {
        step_between(now);
        say_hello(now);
      } else {
        leave_now(now);
      }
      break;
    case ClientState::between:
      say_hello(now);
      break;
    case ClientState::waiting:
      next_attempt_ = std::min(next_attempt_, now + options_.reconnect_first_ns);
      break;
    default:
      break;
  }
}

void Client::leave_battle(TimeNs now) {
  wants_battle_ = false;
  join_pending_ = false;
  token_.clear();
  if (state_ == ClientState::playing) {
    leave_now(now);
  } else if (state_ == ClientState::connecting) {
    close_session(CloseCode::none, "left");
    state_ = ClientState::waiting;
  }
}

void Client::leave_now(TimeNs now) {
  send_message(wire::Leave{});
  if (options_.keep_session) {
    step_between(now);
  } else {
    close_session(CloseCode::none, "left");
    state_ = ClientState::waiting;
  }
}

void Client::leave(TimeNs now) {
  leaving_ = true;
  if (state_ == ClientState::playing || state_ == ClientState::greeting) send_message(wire::Leave{});
  close_session(CloseCode::none, "left");
  state_ = ClientState::closed;
  (void)now;
}

u32 Client::send(world::Command command, u64 wall_ms, TimeNs now) {
  if (state_ != ClientState::playing || welcome_.player == kNoPlayer) return 0;
  command.timestamp_ms = wall_ms;
  if (command.entity == EntityId{}) command.entity = welcome_.entity;
  const u32 sequence = commands_.push(command, now);
  ++statistics_.commands_sent;
  flush_commands(now);
  return sequence;
}

void Client::set_sync(const wire::SyncAck& sync, TimeNs now) {
  sync_ = sync;
  if (sync_.tick != 0) ack_deadline_ = std::min(ack_deadline_, now + kAckDelayNs);
}

void Client::tell(const wire::ClientMessage& message) {
  if (session_ != nullptr && state_ == ClientState::playing) send_message(message);
}

TimeNs Client::deadline() const {
  switch (state_) {
    case ClientState::waiting:
      return wants_battle_ ? next_attempt_ : CommandQueue::kNever;
    case ClientState::greeting:
      return std::min(greeting_deadline_, next_ping_);
    case ClientState::between:
      return std::min({wants_battle_ ? next_attempt_ : CommandQueue::kNever, next_ping_,
                       last_heard_ + options_.silence_ns});
    case ClientState::playing:
      return std::min({commands_.deadline(), ack_deadline_, next_ping_, last_heard_ + options_.silence_ns});
    default:
      return CommandQueue::kNever;
  }
}

void Client::poll(TimeNs now) {
  if (now < deadline()) return;
  switch (state_) {
    case ClientState::waiting:
      connect(now);
      break;
    case ClientState::greeting:
      if (now < greeting_deadline_) {
        next_ping_ = now + kGreetingPingNs;
        send_message(wire::Ping{static_cast<u64>(now)});
        break;
      }
      close_session(CloseCode::idle, "no Welcome in time");
      drop(CloseCode::idle, "the server did not answer the Hello in time", now);
      break;
    case ClientState::between:
    case ClientState::playing:
      if (now >= last_heard_ + options_.silence_ns) {
        close_session(CloseCode::idle, "nothing heard");
        drop(CloseCode::idle, "nothing was heard from the server for too long", now);
        break;
      }
      if (now >= next_ping_) {
        next_ping_ = now + options_.ping_interval_ns;
        if (needs_ping(now)) send_message(wire::Ping{static_cast<u64>(now)});
      }
      // Sending may have ended the session.
      if (state_ == ClientState::playing && now >= std::min(commands_.deadline(), ack_deadline_))
        flush_commands(now);
      if (state_ == ClientState::between && wants_battle_ && now >= next_attempt_) say_hello(now);
      break;
    default:
      break;
  }
}

/// In state broadcast nothing follows the round trip: once it is known, and while the server is
/// heard, most pings can be spared, which cost three packets each. A silent server is asked
/// whether it still knows us.
bool Client::needs_ping(TimeNs now) {
  constexpr u32 kSparedInARow = 3;
  const bool heard = now - last_heard_ < options_.ping_interval_ns / 2;
  const bool known = statistics_.round_trip_ns != 0;
  const bool spared = state_ == ClientState::playing && heard && known && pings_spared_ < kSparedInARow &&
                      welcome_.model == world::SyncModel::state_broadcast;
  pings_spared_ = spared ? pings_spared_ + 1 : 0;
  return !spared;
}

void Client::connect(TimeNs now) {
  state_ = ClientState::connecting;
  welcomed_in_session_ = false;
  auto session = connector_.connect(*this, now);
  if (!session) {
    drop(CloseCode::internal, session.error().message, now);
    return;
  }
  session_ = *session;
  sees_early_ = greeted_early_ = false;
  if (token_.empty()) return;
  // A copy of it is no use to anybody: it takes the seat only if the handshake is completed, too.
  std::vector<std::byte> bytes;
  wire::encode_message(hello(), bytes);
  greeted_early_ = session_->send_early(bytes);
  if (greeted_early_) reader_.emplace(kReaderLimits);
}

void Client::on_open(transport::Session& session, TimeNs now) {
  if (state_ != ClientState::connecting || &session != session_) return;
  last_heard_ = now;
  if (greeted_early_) {
    await_welcome(now);
    return;
  }
  reader_.emplace(kReaderLimits);
  say_hello(now);
}

void Client::say_hello(TimeNs now) {
  join_pending_ = false;
  await_welcome(now);
  send_message(hello());
}

void Client::await_welcome(TimeNs now) {
  greeting_deadline_ = now + options_.greeting_timeout_ns;
  next_ping_ = now + kGreetingPingNs;
  state_ = ClientState::greeting;
}

wire::Hello Client::hello() const {
  wire::Hello hello;
  hello.game = options_.game;
  hello.battle = options_.battle;
  hello.name = options_.name;
  hello.seat = options_.seat;
  hello.reconnect_token = token_;
  hello.model = options_.model;
  hello.simulation_id = options_.simulation_id;
  hello.rules_hash = options_.rules_hash;
  hello.keeps_session = options_.keep_session;
  hello.follow = options_.follow;
  return hello;
}

/// The session goes on without a battle: what was the battle's is forgotten.
void Client::step_between(TimeNs now) {
  state_ = ClientState::between;
  commands_.clear();
  sync_ = {};
  ack_deadline_ = CommandQueue::kNever;
  next_ping_ = now + options_.ping_interval_ns;
  if (lost_since_ == 0) lost_since_ = now;
}

void Client::try_again(CloseCode code, const std::string& reason, TimeNs now) {
  if (options_.reconnect && !is_final(code) && now - lost_since_ < options_.give_up_after_ns) {
    next_attempt_ = after_pause(now);
    return;
  }
  close_session(code, reason);
  drop(code, reason, now);
}

/// Half to three halves of the back-off, so that the lost do not come back as one.
TimeNs Client::after_pause(TimeNs now) {
  const i64 jitter = static_cast<i64>(random_.next_u64() % static_cast<u64>(std::max<i64>(backoff_ns_, 1)));
  const TimeNs at = now + std::max(retry_after_ns_, backoff_ns_ / 2 + jitter);
  backoff_ns_ = std::min(backoff_ns_ * 2, options_.reconnect_most_ns);
  retry_after_ns_ = 0;
  return at;
}

void Client::on_close(transport::Session& session, CloseCode code, std::string_view reason, TimeNs now) {
  if (&session != session_) return;
  session_ = nullptr;
  std::string text = std::string(transport::close_code_name(code));
  if (!reason.empty()) text += ": " + std::string(reason);
  drop(code, text, now);
}

// The session is gone, whoever ended it: come back later, or not at all.
void Client::drop(CloseCode code, const std::string& reason, TimeNs now) {
  session_ = nullptr;
  last_error_ = reason;
  if (code == CloseCode::battle_over) forget_battle(welcome_.battle);
  if (state_ == ClientState::closed) return;
  const bool had_battle = state_ == ClientState::playing;
  if (had_battle || (state_ == ClientState::between && welcomed_in_session_)) ++statistics_.session_losses;
  if (had_battle) lost_since_ = now;
  const bool gives_up = now - lost_since_ >= options_.give_up_after_ns;
  if (!options_.reconnect || is_final(code) || gives_up) {
    state_ = ClientState::closed;
  } else {
    state_ = ClientState::waiting;
    next_attempt_ = after_pause(now);
  }
  listener_.on_drop(*this, code, reason);
}

void Client::close_session(CloseCode code, std::string_view reason) {
  // First forgotten, so that what close() calls back finds nobody.
  if (transport::Session* const session = std::exchange(session_, nullptr)) session->close(code, reason);
}

void Client::send_message(const wire::ClientMessage& message) {
  std::vector<std::byte> bytes;
  wire::encode_message(message, bytes);
  if (session_ != nullptr) session_->send_reliable(bytes);
}

void Client::flush_commands(TimeNs now) {
  if (session_ == nullptr) return;
  std::array<std::byte, CommandQueue::kMaxDatagramBytes> memory;
  std::array<u32, wire::kMaxKeyAcks> acks;
  const std::size_t ack_count = decoder_->take_acks(acks);
  const std::size_t size =
      commands_.write(memory, std::span<const u32>(acks).first(ack_count), now, sync_, welcome_.visit);
  const bool more = decoder_->has_new_acks() || sync_.tick != 0;
  ack_deadline_ = more ? now + kAckDelayNs : CommandQueue::kNever;
  if (size == 0) return;
  session_->send_datagram(Bytes(memory).first(size));
  ++statistics_.command_datagrams;
}

}  // namespace drumline::client

#include "client/client.hpp"

#include <algorithm>
#include <array>

namespace drumline::client {

using transport::CloseCode;

namespace {

constexpr wire::FrameReaderLimits kReaderLimits{.max_payload = wire::kMaxServerPayloadBytes, .max_errors = 1};

// A client with nothing to say acknowledges key frames at least this often (state-frame.md).
constexpr i64 kAckDelayNs = 100 * kMillisecondNs;

// After so many refusals of a reconnect token in a row the seat is taken for gone.
constexpr u32 kTokenRefusals = 5;
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

broadcast::Schema schema_from(const wire::Welcome& welcome) {
  broadcast::Schema schema;
  for (const wire::TableSchema& table : welcome.schema) {
    broadcast::SentTable& sent = schema.emplace_back();
    sent.index = table.index;
    sent.name = table.name;
    for (const wire::FieldSchema& f : table.fields) {
      sent.fields.push_back({.name = f.name,
                             .bits = f.bits,
                             .shift = f.shift,
                             .is_signed = f.is_signed,
                             .is_fixed = f.is_fixed,
                             .role = f.role});
    }
  }
  return schema;
}

}  // namespace

Client::Client(ClientOptions options, Connector& connector, ClientListener& listener, env::Random& random)
    : options_(std::move(options)), connector_(connector), listener_(listener), random_(random) {
  options_.name = wire::clean_name(options_.name);
}

void Client::start(TimeNs now) {
  if (state_ != ClientState::idle) return;
  backoff_ns_ = options_.reconnect_first_ns;
  lost_since_ = now;
  connect(now);
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
      return next_attempt_;
    case ClientState::greeting:
      return std::min(greeting_deadline_, next_ping_);
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
    case ClientState::playing:
      if (now >= last_heard_ + options_.silence_ns) {
        close_session(CloseCode::idle, "nothing heard");
        drop(CloseCode::idle, "nothing was heard from the server for too long", now);
        break;
      }
      if (now >= next_ping_) {
        next_ping_ = now + options_.ping_interval_ns;
        send_message(wire::Ping{static_cast<u64>(now)});
      }
      // Sending may have ended the session.
      if (state_ == ClientState::playing && now >= std::min(commands_.deadline(), ack_deadline_))
        flush_commands(now);
      break;
    default:
      break;
  }
}

void Client::connect(TimeNs now) {
  state_ = ClientState::connecting;
  auto session = connector_.connect(*this, now);
  if (!session) {
    drop(CloseCode::internal, session.error().message, now);
    return;
  }
  session_ = *session;
}

void Client::on_open(transport::Session& session, TimeNs now) {
  if (state_ != ClientState::connecting || &session != session_) return;
  reader_.emplace(kReaderLimits);
  last_heard_ = now;
  greeting_deadline_ = now + options_.greeting_timeout_ns;
  next_ping_ = now + kGreetingPingNs;
  state_ = ClientState::greeting;
  wire::Hello hello;
  hello.game = options_.game;
  hello.battle = options_.battle;
  hello.name = options_.name;
  hello.seat = options_.seat;
  hello.reconnect_token = token_;
  hello.model = options_.model;
  hello.simulation_id = options_.simulation_id;
  hello.rules_hash = options_.rules_hash;
  send_message(hello);
}

void Client::on_reliable(transport::Session& session, Bytes bytes, TimeNs now) {
  if (&session != session_ || !reader_) return;
  last_heard_ = now;
  const bool going_on =
      reader_->feed(bytes, [&](Bytes payload) { return on_payload(payload, now) && session_ == &session; });
  if (going_on || session_ != &session || reader_->failure() == wire::FrameStatus::ok) return;
  ++statistics_.frames_malformed;
  close_session(CloseCode::bad_frame, "not frames");
  drop(CloseCode::bad_frame,
       std::string("the server's stream is not frames: ") + wire::frame_status_name(reader_->failure()), now);
}

bool Client::on_payload(Bytes payload, TimeNs now) {
  auto message = wire::decode_server_message(payload);
  if (!message) {
    ++statistics_.frames_malformed;
    close_session(CloseCode::bad_message, message.error().message);
    drop(CloseCode::bad_message, message.error().message, now);
    return false;
  }
  return std::visit([&](auto& m) { return on_message(std::move(m), now); }, *message);
}

bool Client::on_message(wire::Welcome&& welcome, TimeNs now) {
  broadcast::Schema schema = schema_from(welcome);
  if (auto good = broadcast::check_schema(schema); !good) {
    close_session(CloseCode::bad_message, good.error().message);
    drop(CloseCode::bad_message, good.error().message, now);
    return false;
  }
  decoder_ = std::make_unique<broadcast::StateDecoder>(std::move(schema), options_.decoder);
  commands_.clear();
  sync_ = {};
  ack_deadline_ = CommandQueue::kNever;
  if (welcomed_before_) {
    ++statistics_.reconnects;
    if (!welcome.resumed && welcome.player != kNoPlayer) ++statistics_.seats_lost;
  }
  welcomed_before_ = true;
  token_ = welcome.reconnect_token;
  welcome_ = std::move(welcome);
  state_ = ClientState::playing;
  backoff_ns_ = options_.reconnect_first_ns;
  lost_since_ = 0;
  token_refusals_ = 0;
  frame_in_session_ = false;
  // Spread over the interval, so that a thousand clients do not ping at once.
  next_ping_ = now + static_cast<i64>(random_.next_u64() %
                                      static_cast<u64>(std::max<i64>(options_.ping_interval_ns, 1)));
  const transport::Session* const before = session_;
  listener_.on_welcome(*this, welcome_);
  welcome_.map_description = {};
  return session_ == before;
}

bool Client::on_message(wire::Refused&& refused, TimeNs now) {
  if (refused.cmd_id != 0) {
    ++statistics_.commands_refused;
    commands_.refuse(refused.cmd_id);
  } else {
    last_error_ = refused.reason;
    const auto code = static_cast<CloseCode>(refused.code);
    if (!token_.empty()) {
      const bool token_is_void = code == CloseCode::token_expired || code == CloseCode::unauthenticated;
      if (token_is_void || ++token_refusals_ >= kTokenRefusals) token_.clear();
      // It was the token that was refused, and not us: the next attempt joins anew.
      close_session(CloseCode::none, "joining anew");
      drop(CloseCode::token_expired, refused.reason, now);
      return false;
    }
  }
  const transport::Session* const before = session_;
  listener_.on_refused(*this, refused);
  return session_ == before;
}

bool Client::on_message(wire::Roster&& roster, TimeNs) {
  const transport::Session* const before = session_;
  listener_.on_roster(*this, roster);
  return session_ == before;
}

bool Client::on_message(wire::Scoreboard&& board, TimeNs) {
  const transport::Session* const before = session_;
  listener_.on_scoreboard(*this, board);
  return session_ == before;
}

bool Client::on_message(wire::Pong&& pong, TimeNs now) {
  const i64 round_trip = now - static_cast<i64>(pong.nonce);
  if (round_trip >= 0) statistics_.round_trip_ns = round_trip;
  return true;
}

bool Client::on_message(wire::SnapshotPart&& part, TimeNs) {
  const transport::Session* const before = session_;
  listener_.on_snapshot_part(*this, part);
  return session_ == before;
}

bool Client::on_message(wire::Ticks&& ticks, TimeNs) {
  const transport::Session* const before = session_;
  listener_.on_ticks(*this, ticks);
  return session_ == before;
}

bool Client::on_message(wire::Goodbye&& goodbye, TimeNs) {
  retry_after_ns_ = i64{goodbye.retry_after_ms} * kMillisecondNs;
  last_error_ = goodbye.reason;
  return true;
}

void Client::on_datagram(transport::Session& session, Bytes payload, TimeNs now) {
  // What comes before the Welcome cannot be read yet.
  if (&session != session_ || state_ != ClientState::playing) return;
  last_heard_ = now;
  if (!payload.empty() && payload.front() == wire::kLockstepFrameKind) {
    listener_.on_lockstep_frame(*this, payload);
    return;
  }
  if (decoder_->apply(payload) == broadcast::StateDecoder::Status::malformed) {
    ++statistics_.frames_malformed;
    return;
  }
  ByteReader head(payload);
  head.read_bytes(2);
  count_frame(head.read<u32>(), payload.size(), now);
  commands_.confirm(decoder_->last_sequence());
  if (decoder_->has_acks() && ack_deadline_ == CommandQueue::kNever) ack_deadline_ = now + kAckDelayNs;
  listener_.on_frame(*this);
}

void Client::count_frame(u32 tick, std::size_t bytes, TimeNs now) {
  ++statistics_.frames;
  statistics_.frame_bytes += bytes;
  if (!frame_in_session_) {
    frame_in_session_ = true;
    ++statistics_.frames_due;
    // The frame says the low half; the Welcome was made within seconds of it.
    last_tick_ = welcome_.tick + static_cast<i64>(static_cast<i32>(tick - static_cast<u32>(welcome_.tick)));
  } else {
    const i32 ahead = static_cast<i32>(tick - static_cast<u32>(last_tick_));
    if (ahead > 0) {
      const u32 period = std::max<u32>(1, welcome_.send_period_ticks);
      statistics_.frames_due += std::max<u32>(1, (static_cast<u32>(ahead) + period / 2) / period);
      last_tick_ += static_cast<u32>(ahead);
    } else {
      ++statistics_.frames_late;
    }
    if (options_.interarrival_ns != nullptr)
      options_.interarrival_ns->record(static_cast<u64>(now - last_frame_at_));
  }
  last_frame_at_ = now;
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
  // The seat is gone with its battle: the next attempt seeks another one.
  if (code == CloseCode::battle_over) token_.clear();
  if (state_ == ClientState::closed) return;
  if (state_ == ClientState::playing) {
    ++statistics_.session_losses;
    lost_since_ = now;
  }
  const bool gives_up = now - lost_since_ >= options_.give_up_after_ns;
  if (!options_.reconnect || is_final(code) || gives_up) {
    state_ = ClientState::closed;
  } else {
    state_ = ClientState::waiting;
    // Half to three halves of the back-off, so that the lost do not come back as one.
    const i64 jitter = static_cast<i64>(random_.next_u64() % static_cast<u64>(std::max<i64>(backoff_ns_, 1)));
    next_attempt_ = now + std::max(retry_after_ns_, backoff_ns_ / 2 + jitter);
    backoff_ns_ = std::min(backoff_ns_ * 2, options_.reconnect_most_ns);
    retry_after_ns_ = 0;
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
  const std::size_t size = commands_.write(memory, std::span<const u32>(acks).first(ack_count), now, sync_);
  const bool more = decoder_->has_acks() || sync_.tick != 0;
  ack_deadline_ = more ? now + kAckDelayNs : CommandQueue::kNever;
  if (size == 0) return;
  session_->send_datagram(Bytes(memory).first(size));
  ++statistics_.command_datagrams;
}

}  // namespace drumline::client

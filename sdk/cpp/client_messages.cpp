// Client: what the server says.
#include <algorithm>

#include "broadcast/state_frame.hpp"
#include "client/client.hpp"

namespace drumline::client {

using transport::CloseCode;

namespace {

// After so many refusals of a reconnect token in a row the seat is taken for gone.
constexpr u32 kTokenRefusals = 5;

/// Asks memory for the lines of `object`, of its first `most` bytes.
template <class Object>
void prefetch(const Object& object, std::size_t most = sizeof(Object)) {
  constexpr std::size_t kLineBytes = 64;
  for (std::size_t at = 0; at < std::min(most, sizeof object); at += kLineBytes)
    __builtin_prefetch(reinterpret_cast<const char*>(&object) + at);
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
  if (welcome.early) return show_early(std::move(welcome), std::move(schema));
  sees_early_ = false;
  if (options_.bodies != nullptr)
    decoder_.emplace(options_.bodies->of(std::move(schema)), welcome.battle, options_.decoder);
  else
    decoder_.emplace(std::move(schema), options_.decoder);
  commands_.clear();
  commands_.set_send_period(welcome.send_period_ticks);
  sync_ = {};
  ack_deadline_ = CommandQueue::kNever;
  if (welcomed_in_session_) {
    ++statistics_.visits;
  } else if (welcomed_before_) {
    ++statistics_.reconnects;
    if (!welcome.resumed && welcome.player != kNoPlayer) ++statistics_.seats_lost;
  }
  welcomed_before_ = true;
  welcomed_in_session_ = true;
  token_ = welcome.reconnect_token;
  welcome_ = std::move(welcome);
  battle_time_.set_pace(world::kNormalPacePercent, now);
  state_ = ClientState::playing;
  backoff_ns_ = options_.reconnect_first_ns;
  lost_since_ = 0;
  token_refusals_ = 0;
  frame_in_session_ = false;
  // Spread over the interval, so that a thousand clients do not ping at once.
  next_ping_ = now + static_cast<i64>(random_.next_u64() %
                                      static_cast<u64>(std::max<i64>(options_.ping_interval_ns, 1)));
  if (!wants_battle_) {
    leave_battle(now);
    return session_ != nullptr;
  }
  if (join_pending_) {
    join(options_.battle, now);
    return session_ != nullptr;
  }
  const transport::Session* const before = session_;
  listener_.on_welcome(*this, welcome_);
  welcome_.map_description = {};
  return session_ == before;
}

/// The token is kept: it is about to be answered.
bool Client::show_early(wire::Welcome&& welcome, broadcast::Schema&& schema) {
  if (!greeted_early_ || state_ == ClientState::playing) return true;
  decoder_.emplace(std::move(schema), options_.decoder);
  welcome_ = std::move(welcome);
  sees_early_ = true;
  return true;
}

bool Client::on_message(wire::Refused&& refused, TimeNs now) {
  if (refused.cmd_id != 0) {
    ++statistics_.commands_refused;
    commands_.refuse(refused.cmd_id);
  } else {
    last_error_ = refused.reason;
    if (options_.keep_session) return on_hello_refused(refused, now);
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

/// The session goes on: the next attempt is another Hello on it.
bool Client::on_hello_refused(const wire::Refused& refused, TimeNs now) {
  if (state_ != ClientState::greeting) return true;
  retry_after_ns_ = i64{refused.retry_after_ms} * kMillisecondNs;
  auto code = static_cast<CloseCode>(refused.code);
  if (!token_.empty()) {
    const bool token_is_void = code == CloseCode::token_expired || code == CloseCode::unauthenticated ||
                               code == CloseCode::battle_over;
    if (token_is_void || ++token_refusals_ >= kTokenRefusals) token_.clear();
    // It was the token that was refused, and not us.
    code = CloseCode::token_expired;
  }
  step_between(now);
  next_attempt_ = now;
  const transport::Session* const before = session_;
  if (join_pending_) {
    say_hello(now);
    return true;
  }
  listener_.on_refused(*this, refused);
  if (session_ != before) return false;
  if (state_ == ClientState::between && wants_battle_) try_again(code, refused.reason, now);
  return session_ == before;
}

/// It is over: the next attempt seeks another one.
void Client::forget_battle(BattleId battle) {
  token_.clear();
  options_.follow = kNoPlayer;
  if (options_.battle == battle) options_.battle = {};
}

bool Client::on_message(wire::BattleOver&& over, TimeNs now) {
  // We may have left it before we heard.
  if (state_ != ClientState::playing || over.visit != welcome_.visit) return true;
  ++statistics_.battles_over;
  last_error_ = over.reason;
  forget_battle(over.battle);
  step_between(now);
  next_attempt_ = now;
  const transport::Session* const before = session_;
  listener_.on_battle_over(*this, over);
  if (session_ != before) return false;
  if (state_ != ClientState::between || !wants_battle_) return true;
  if (options_.reconnect)
    say_hello(now);
  else
    wants_battle_ = false;
  return true;
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

bool Client::on_message(wire::Pace&& pace, TimeNs now) {
  battle_time_.set_pace(pace.percent, now);
  const transport::Session* const before = session_;
  listener_.on_pace(*this, pace);
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
  // What a frame needs of us, asked for at once instead of line after line where it is needed.
  prefetch(listener_);
  prefetch(welcome_.visit);
  prefetch(options_.interarrival_ns);
  prefetch(statistics_);
  prefetch(decoder_, 384);
  prefetch(commands_, 2 * sizeof(world::Command));
  // What comes before the Welcome cannot be read yet.
  if (&session != session_ || (state_ != ClientState::playing && !sees_early_)) return;
  last_heard_ = now;
  const bool lockstep = !payload.empty() && payload.front() == wire::kLockstepFrameKind;
  const bool state = !payload.empty() && payload.front() == broadcast::kStateFrameKind;
  if ((lockstep || state) && wire::visit_of(payload) != welcome_.visit) {
    ++statistics_.frames_stale;
    return;
  }
  if (lockstep) {
    listener_.on_lockstep_frame(*this, payload);
    return;
  }
  if (decoder_->apply(payload) == broadcast::StateDecoder::Status::malformed) {
    ++statistics_.frames_malformed;
    return;
  }
  if (sees_early_) {
    ++statistics_.early_frames;
    listener_.on_early_frame(*this);
    return;
  }
  ByteReader head(payload);
  head.read_bytes(2);
  count_frame(head.read<u32>(), payload.size(), now);
  commands_.confirm(decoder_->last_sequence());
  if (decoder_->has_new_acks() && ack_deadline_ == CommandQueue::kNever) ack_deadline_ = now + kAckDelayNs;
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

}  // namespace drumline::client

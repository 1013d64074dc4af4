#include "transport/tcp/tls_session.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

namespace drumline::transport {

namespace asio = boost::asio;
using boost::system::error_code;
using Step = TlsStream::Step;

namespace {

/// What a peer may still send between our close and its end.
constexpr std::size_t kMaxLingerBytes = 256 * 1024;
/// A record of TLS, and so one write.
constexpr std::size_t kPackBytes = 16 * 1024;
/// Then other sessions have their turn.
constexpr int kReadsInARow = 4;

}  // namespace

TlsSession::TlsSession(Role role, std::shared_ptr<TlsSessionHub> hub, TlsStream stream,
                       const env::Address& peer)
    : role_(role),
      hub_(std::move(hub)),
      stream_(std::move(stream)),
      peer_(peer),
      queue_(hub_->limits.queue),
      last_heard_(Clock::now()),
      timer_(stream_.get_executor()) {}

template <class Handler>
void TlsSession::post(Handler handler) {
  asio::post(stream_.get_executor(), [self = shared_from_this(), handler] {
    if (self->state_ != State::closed) handler(*self);
  });
}

void TlsSession::let_in(PeerIdentity identity) {
  hold();
  identity_ = std::move(identity);
  state_ = State::open;
  told_open_ = true;
  open_due_ = true;
  hub_->counters.opened.add();
  hub_->counters.sessions.add(1);
  watch_silence();
  pump();
  hub_->handler->on_open(*this);
  read();
}

void TlsSession::turn_away(CloseCode code, std::string_view reason) {
  hold();
  close_code_ = code;
  close_reason_.assign(reason);
  begin_close(true);
  read();
}

bool TlsSession::send_datagram(Bytes payload) {
  if (state_ != State::open || payload.empty()) return false;
  if (payload.size() > hub_->limits.max_datagram_bytes) {
    hub_->counters.datagrams_too_large.add();
    return false;
  }
  if (!queue_.push(payload, false)) {
    hub_->counters.datagrams_dropped.add();
    return false;
  }
  pump();
  return true;
}

bool TlsSession::send_reliable(Bytes bytes) {
  if (state_ != State::open) return false;
  if (bytes.empty()) return true;
  if (!queue_.push(bytes, true)) {
    close(CloseCode::too_slow, "the send queue is full");
    return false;
  }
  pump();
  return true;
}

void TlsSession::close(CloseCode code, std::string_view reason) {
  if (state_ == State::opening) {
    end_with(code, std::string(reason));
    return;
  }
  if (state_ != State::open) return;
  close_code_ = code;
  close_reason_.assign(reason);
  begin_close(code == CloseCode::too_slow);
}

void TlsSession::begin_close(bool drop_all) {
  state_ = State::closing;
  // Of a message that is sent in pieces the rest belongs to the stream, too.
  queue_.drop_stale(drop_all, front_sent_ > 0 ? 1 : 0);
  timer_.expires_after(std::chrono::milliseconds(hub_->limits.close_timeout_ms));
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec) self->finish();
  });
  // Never from inside the caller: on_close follows, it does not interrupt.
  post([](TlsSession& self) { self.pump(); });
}

/// For a session that has never been open: over at once, but on_close comes later.
void TlsSession::end_with(CloseCode code, std::string reason) {
  if (state_ == State::closing || state_ == State::closed) return;
  const bool was_opening = state_ == State::opening;
  state_ = State::closing;
  close_code_ = code;
  close_reason_ = std::move(reason);
  if (was_opening) on_opening_over();
  post([](TlsSession& self) { self.finish(); });
}

void TlsSession::abandon(CloseCode code, std::string_view reason) {
  if (state_ == State::open) {
    close_code_ = code;
    close_reason_.assign(reason);
  }
  finish();
}

// ---- reading

void TlsSession::read() {
  if (state_ == State::closed) return;
  stream_.socket().async_wait(TlsStream::tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
    if (!ec) self->on_readable();
  });
}

void TlsSession::on_readable() {
  for (int i = 0; i < kReadsInARow; ++i) {
    if (state_ == State::closed) return;
    std::size_t size = 0;
    switch (stream_.try_read(hub_->inbox, size)) {
      case Step::done:
        if (!take(Bytes(hub_->inbox).first(size))) return;
        break;
      case Step::want_read:
        return read();
      case Step::want_write:
        // TLS has something of its own to say first.
        stream_.socket().async_wait(TlsStream::tcp::socket::wait_write,
                                    [self = shared_from_this()](error_code ec) {
                                      if (!ec) self->on_readable();
                                    });
        return;
      case Step::ended:
        peer_ended_ = true;
        if (state_ == State::closing) return finish();
        return on_cut("the peer ended the connection without a close");
      case Step::failed:
        if (state_ == State::opening) {
          close_code_ = stream_.failure().code;
          close_reason_ = stream_.failure().text;
          on_opening_over();
          state_ = State::closing;
          return finish();
        }
        return on_cut("the connection was lost: " + stream_.failure().text);
    }
  }
  // Others have their turn.
  post([](TlsSession& self) { self.on_readable(); });
}

/// False when there is nothing more to read.
bool TlsSession::take(Bytes bytes) {
  last_heard_ = Clock::now();
  pinged_ = false;
  hub_->counters.bytes_received.add(bytes.size());
  if (state_ == State::closing && (lingered_ += bytes.size()) > kMaxLingerBytes) {
    finish();
    return false;
  }
  if (deaf_) return true;
  RecordReader::Record record;
  while (true) {
    switch (reader_.next(bytes, record)) {
      case RecordReader::Status::more:
        return true;
      case RecordReader::Status::too_large:
        break_off(CloseCode::too_large,
                  "a record is larger than " + std::to_string(kMaxRecordPayloadBytes) + " bytes");
        return state_ != State::closed;
      case RecordReader::Status::unknown_kind:
        break_off(CloseCode::bad_message, "a record is of no known kind");
        return state_ != State::closed;
      case RecordReader::Status::record:
        hub_->counters.records_received.add();
        if (!take(record)) return state_ != State::closed;
        break;
    }
  }
}

/// False when what follows is not to be looked at.
bool TlsSession::take(const RecordReader::Record& record) {
  if (state_ == State::closed) return false;
  if (record.kind == RecordKind::close) {
    on_peer_closed(record.payload);
    return false;
  }
  if (state_ == State::closing) return true;
  if (state_ == State::opening) {
    if (record.kind != RecordKind::open) {
      break_off(CloseCode::bad_message, "the server began with another record than that the session is open");
      return false;
    }
    state_ = State::open;
    told_open_ = true;
    on_opening_over();
    hub_->counters.opened.add();
    hub_->counters.sessions.add(1);
    watch_silence();
    hub_->handler->on_open(*this);
    return true;
  }
  switch (record.kind) {
    case RecordKind::reliable:
      if (!record.payload.empty()) hub_->handler->on_reliable(*this, record.payload);
      return true;
    case RecordKind::datagram:
      if (!record.payload.empty()) hub_->handler->on_datagram(*this, record.payload);
      return true;
    case RecordKind::ping:
      // However many wait for an answer, there is one.
      pong_due_ = true;
      pump();
      return true;
    case RecordKind::pong:
      return true;
    default:
      break_off(CloseCode::bad_message, "the session is open already");
      return false;
  }
}

/// The peer sends what cannot be understood: it is told so, and nothing of it is looked at any more.
void TlsSession::break_off(CloseCode code, std::string reason) {
  if (state_ == State::closed) return;
  deaf_ = true;  // records have no boundary to find again
  if (state_ == State::closing) return finish();
  hub_->counters.closed_bad_record.add();
  if (state_ == State::opening) return end_with(code, std::move(reason));
  close(code, reason);
}

void TlsSession::on_peer_closed(Bytes payload) {
  CloseRecord record;
  if (!parse_close(payload, record)) record = {CloseCode::bad_message, "the peer's close makes no sense"};
  if (state_ == State::opening) {
    on_opening_over();
  } else if (state_ == State::closing) {
    // Both closed; ours may still be on its way.
    peer_ended_ = true;
    if (sending_over_) finish();
    return;
  }
  close_code_ = record.code;
  close_reason_ = std::move(record.reason);
  state_ = State::closing;
  stream_.finish_sending();
  finish();
}

/// The connection is gone without a close.
void TlsSession::on_cut(std::string reason) {
  if (state_ == State::opening) on_opening_over();
  if (state_ == State::opening || state_ == State::open) {
    close_code_ = CloseCode::idle;
    close_reason_ = std::move(reason);
  }
  finish();
}

// ---- writing

/// Fills `out` with what is due, as much as one write takes. False: nothing is.
bool TlsSession::pack(std::vector<std::byte>& out) {
  out.clear();
  if (close_packed_) return false;
  const auto flag = [&](bool& due, RecordKind kind) {
    if (std::exchange(due, false)) append_record(out, kind, {});
  };
  flag(open_due_, RecordKind::open);
  flag(pong_due_, RecordKind::pong);
  flag(ping_due_, RecordKind::ping);
  while (!queue_.empty()) {
    const SendQueue::Message& message = queue_.front();
    const std::size_t room = kPackBytes - out.size();
    Bytes rest = Bytes(message.bytes).subspan(front_sent_);
    if (!message.reliable) {
      if (kRecordHeaderBytes + rest.size() > room) break;
      append_record(out, RecordKind::datagram, rest);
    } else {
      if (room <= kRecordHeaderBytes) break;
      rest = rest.first(std::min(rest.size(), room - kRecordHeaderBytes));
      append_record(out, RecordKind::reliable, rest);
      front_sent_ += rest.size();
      if (front_sent_ < message.bytes.size()) {
        hub_->counters.records_sent.add();
        break;
      }
    }
    hub_->counters.records_sent.add();
    front_sent_ = 0;
    queue_.pop();
  }
  if (state_ == State::closing && queue_.empty() &&
      out.size() + 2 + kMaxCloseTextBytes + 2 * kRecordHeaderBytes <= kPackBytes) {
    append_close(out, close_code_, close_reason_);
    close_packed_ = true;
  }
  return !out.empty();
}

void TlsSession::pump() {
  if (waiting_to_write_ || cut_ || state_ == State::opening || state_ == State::closed) return;
  while (true) {
    const bool again = !pending_.empty();
    std::vector<std::byte>& out = again ? pending_ : hub_->outbox;
    if (!again && !pack(out)) break;
    const Step step = stream_.try_write(out);
    if (step == Step::done) {
      hub_->counters.bytes_sent.add(out.size());
      pending_.clear();
      continue;
    }
    if (!again) pending_ = out;
    return write_on(step);
  }
  if (pending_.capacity() > 0) pending_ = {};
  if (!close_packed_ || std::exchange(sending_over_, true)) return;
  stream_.finish_sending();
  if (peer_ended_) post([](TlsSession& self) { self.finish(); });
}

/// The last write was not taken, and why.
void TlsSession::write_on(Step step) {
  if (step == Step::want_write || step == Step::want_read) {
    waiting_to_write_ = true;
    const auto what =
        step == Step::want_write ? TlsStream::tcp::socket::wait_write : TlsStream::tcp::socket::wait_read;
    stream_.socket().async_wait(what, [self = shared_from_this()](error_code ec) {
      self->waiting_to_write_ = false;
      if (!ec) self->pump();
    });
    return;
  }
  cut_ = true;
  const std::string why = step == Step::ended ? "the peer is gone" : stream_.failure().text;
  post([why](TlsSession& self) { self.on_cut("the connection was lost: " + why); });
}

// ---- the end

void TlsSession::watch_silence() {
  const auto idle = std::chrono::milliseconds(hub_->limits.idle_timeout_ms);
  timer_.expires_at(last_heard_ + (pinged_ ? idle : idle / 2));
  timer_.async_wait([self = shared_from_this(), idle](error_code ec) {
    if (ec || self->state_ != State::open) return;
    const auto silence = Clock::now() - self->last_heard_;
    if (silence >= idle) {
      self->hub_->counters.closed_idle.add();
      return self->abandon(CloseCode::idle, "nothing was heard from the peer");
    }
    if (silence >= idle / 2 && !std::exchange(self->pinged_, true)) {
      self->ping_due_ = true;
      self->pump();
    }
    self->watch_silence();
  });
}

void TlsSession::finish() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  const auto keep = shared_from_this();
  hub_->sessions.erase(this);
  timer_.cancel();
  stream_.close();
  if (told_open_) {
    hub_->counters.sessions.add(-1);
    hub_->counters.closed.add();
    if (close_code_ == CloseCode::too_slow) hub_->counters.closed_too_slow.add();
  }
  if ((told_open_ || role_ == Role::client) && hub_->handler != nullptr) {
    hub_->handler->on_close(*this, close_code_, close_reason_);
  }
}

}  // namespace drumline::transport

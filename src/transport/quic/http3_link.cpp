#include "transport/quic/http3_link.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "transport/quic/quic_endpoint.hpp"

namespace drumline::transport {

Http3Link::Http3Link(QuicConnection& connection, const WebTransportOptions& options)
    : connection_(connection), options_(options) {}

bool Http3Link::begin() {
  i64 stream = -1;
  if (ngtcp2_conn_open_uni_stream(connection_.conn_, &stream, nullptr) != 0) return false;
  sides_[0].stream = stream;
  server_.begin(stream);
  return true;
}

void Http3Link::receive(i64 stream, Bytes bytes, bool end) {
  if (connection_.closing_) return;
  check(server_.receive(stream, bytes, end));
}

void Http3Link::receive_reset(i64 stream) {
  if (connection_.closing_) return;
  if (stream == sides_[0].stream)
    check(Http3Error{Http3Code::closed_critical_stream, "our control stream is not wanted"});
  else
    check(server_.receive_reset(stream));
}

void Http3Link::receive_datagram(Bytes bytes) {
  if (connection_.closing_) return;
  check(server_.receive_datagram(bytes));
}

void Http3Link::check(const std::optional<Http3Error>& error) {
  if (!error || connection_.closing_) return;
  ++connection_.owner_.counters_.webtransport.protocol_errors;
  wire_code_ = error->code;
  connection_.close(CloseCode::bad_message, error->reason);
  connection_.closing_->until = connection_.owner_.now_;
}

Http3Answer Http3Link::on_request(const RequestFields& fields) {
  WebTransportCounters& counters = connection_.owner_.counters_.webtransport;
  UpgradeDecision decision = decide_connect(fields, options_.path, options_.allowed_origins, options_.verify);
  if (!decision.refusal) {
    connection_.identity_ = std::move(decision.identity);
    return {};
  }
  switch (*decision.refusal) {
    case UpgradeRefusal::bad_token:
      ++counters.refused_token;
      refusal_ = CloseCode::unauthenticated;
      break;
    case UpgradeRefusal::bad_origin:
      ++counters.refused_origin;
      refusal_ = CloseCode::unauthenticated;
      break;
    default:
      ++counters.refused_request;
      break;
  }
  return {decision.status, std::move(decision.sentence)};
}

void Http3Link::on_answered(unsigned status) {
  QuicEndpoint& owner = connection_.owner_;
  if (status != 200) {
    if (status == 431) ++owner.counters_.webtransport.refused_request;
    connection_.close(refusal_, "the request was refused");
    return;
  }
  const std::size_t prefix = datagram_prefix().size();
  connection_.max_datagram_bytes_ -= std::min(prefix, connection_.max_datagram_bytes_);
  ++owner.counters_.webtransport.opened;
  ++owner.counters_.webtransport.sessions;
  connection_.tell_open();
}

void Http3Link::on_reliable_stream(i64 stream) {
  connection_.reliable_stream_ = stream;
  connection_.stream_exists_ = true;
}

void Http3Link::on_reliable(Bytes bytes) {
  if (connection_.closing_) return;
  connection_.owner_.counters_.reliable_bytes_received += bytes.size();
  connection_.owner_.handler_.on_reliable(connection_, bytes);
}

void Http3Link::on_reliable_end() {
  connection_.close(CloseCode::bad_frame, "the reliable stream was closed");
}

void Http3Link::on_session_datagram(Bytes payload) {
  ++connection_.owner_.counters_.datagrams_received;
  connection_.owner_.handler_.on_datagram(connection_, payload);
}

void Http3Link::on_stray_datagram() {
  ++connection_.owner_.counters_.webtransport.stray_datagrams;
}

void Http3Link::on_session_close(std::optional<u32> code, std::string_view reason) {
  connection_.close(close_code_from_capsule(code),
                    reason.empty() ? "the browser closed the session" : printable(reason));
}

bool Http3Link::say_goodbye(CloseCode code, std::string_view reason) {
  if (!server_.close(static_cast<u32>(code), reason)) return false;
  said_goodbye_ = true;
  return true;
}

void Http3Link::send(i64 stream, Bytes bytes, bool end) {
  Side& side = stream == sides_[0].stream ? sides_[0] : sides_[1];
  side.stream = stream;
  // What we say is bounded by what was asked: more is a mistake of ours, and ends the session.
  if (!side.bytes.append(bytes)) {
    connection_.close(CloseCode::internal, "an HTTP/3 stream's buffer is full");
    return;
  }
  side.ends = side.ends || end;
  connection_.owner_.mark_for_writing(connection_);
}

void Http3Link::refuse_stream(i64 stream, Http3Code code) {
  ++connection_.owner_.counters_.webtransport.streams_refused;
  const bool unidirectional = (stream & 2) != 0;
  if (unidirectional)
    ngtcp2_conn_shutdown_stream_read(connection_.conn_, 0, stream, static_cast<u64>(code));
  else
    ngtcp2_conn_shutdown_stream(connection_.conn_, 0, stream, static_cast<u64>(code));
}

bool Http3Link::write() {
  return std::all_of(sides_.begin(), sides_.end(), [this](Side& side) { return write(side); });
}

bool Http3Link::write(Side& side) {
  QuicEndpoint& owner = connection_.owner_;
  while (side.stream >= 0 && !side.is_blocked &&
         (side.bytes.has_unsent() || (side.ends && !side.end_is_sent))) {
    std::array<Bytes, Side::kBytes / SendBuffer::kBlockBytes + 1> views;
    std::array<ngtcp2_vec, views.size()> vecs;
    const std::size_t count = side.bytes.unsent(views);
    for (std::size_t i = 0; i < count; ++i) {
      vecs[i] = {reinterpret_cast<u8*>(const_cast<std::byte*>(views[i].data())), views[i].size()};
    }
    const MutableBytes room = owner.out_.space();
    ngtcp2_pkt_info info{};
    ngtcp2_ssize taken = -1;
    const ngtcp2_ssize written = ngtcp2_conn_writev_stream(
        connection_.conn_, owner.out_path_.get(), &info, reinterpret_cast<u8*>(room.data()), room.size(),
        &taken, side.ends ? NGTCP2_WRITE_STREAM_FLAG_FIN : NGTCP2_WRITE_STREAM_FLAG_NONE, side.stream,
        vecs.data(), count, static_cast<ngtcp2_tstamp>(owner.now_));
    if (taken >= 0) {
      side.bytes.mark_sent(static_cast<u64>(taken));
      side.end_is_sent = side.ends && !side.bytes.has_unsent();
    }
    if (written == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
      side.is_blocked = true;
    } else if (written == NGTCP2_ERR_STREAM_SHUT_WR || written == NGTCP2_ERR_STREAM_NOT_FOUND) {
      side = Side{};  // the peer wants no more of it
    } else if (written < 0) {
      connection_.error_ = static_cast<int>(written);
      return false;
    } else if (written == 0) {
      return true;
    } else {
      owner.commit(connection_, static_cast<std::size_t>(written), info.ecn);
    }
  }
  return true;
}

void Http3Link::acknowledge(i64 stream, u64 offset) {
  for (Side& side : sides_) {
    if (side.stream == stream) side.bytes.acknowledge(offset);
  }
}

void Http3Link::unblock() {
  for (Side& side : sides_) side.is_blocked = false;
}

bool Http3Link::all_acknowledged() const {
  return std::all_of(sides_.begin(), sides_.end(),
                     [](const Side& side) { return side.bytes.all_acknowledged(); });
}

}  // namespace drumline::transport

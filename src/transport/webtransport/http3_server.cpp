#include "transport/webtransport/http3_server.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace drumline::transport {

namespace {

namespace stream_type {
constexpr u64 kControl = 0x00;
constexpr u64 kPush = 0x01;
constexpr u64 kQpackEncoder = 0x02;
constexpr u64 kQpackDecoder = 0x03;
}  // namespace stream_type

namespace frame_type {
constexpr u64 kData = 0x00;
constexpr u64 kHeaders = 0x01;
constexpr u64 kCancelPush = 0x03;
constexpr u64 kSettings = 0x04;
constexpr u64 kPushPromise = 0x05;
constexpr u64 kGoAway = 0x07;
constexpr u64 kMaxPushId = 0x0D;
/// Not a frame: how a stream of a WebTransport session begins (draft-ietf-webtrans-http3-02, section 4.2).
constexpr u64 kSessionStream = 0x41;
}  // namespace frame_type

namespace setting {
constexpr u64 kMaxFieldSectionSize = 0x06;
constexpr u64 kExtendedConnect = 0x08;     // RFC 9220, section 3
constexpr u64 kDatagrams = 0x33;           // RFC 9297, section 2.1.1
constexpr u64 kWebTransport = 0x2B603742;  // draft-ietf-webtrans-http3-02, section 8.2: what browsers ask for
}  // namespace setting

// CLOSE_WEBTRANSPORT_SESSION (draft-ietf-webtrans-http3, section 5): a code of 32 bits, a reason.
constexpr u64 kCloseCapsule = 0x2843;
constexpr std::size_t kCloseCodeBytes = 4;

/// Frame types of HTTP/2 that HTTP/3 forbids (RFC 9114, section 7.2.8).
bool is_reserved_frame(u64 type) {
  return type == 0x02 || type == 0x06 || type == 0x08 || type == 0x09;
}

/// Settings of HTTP/2 that HTTP/3 forbids (RFC 9114, section 7.2.4.1).
bool is_reserved_setting(u64 id) {
  return id >= 0x02 && id <= 0x05;
}

bool is_unidirectional(i64 stream) {
  return (stream & 2) != 0;
}

Http3Error error(Http3Code code, const char* reason) {
  return {code, reason};
}

void append_frame(std::vector<std::byte>& out, u64 type, Bytes payload) {
  append_varint(out, type);
  append_varint(out, payload.size());
  out.insert(out.end(), payload.begin(), payload.end());
}

}  // namespace

void Http3Server::begin(i64 control_stream) {
  std::vector<std::byte> settings;
  for (const auto& [id, value] :
       {std::pair{setting::kMaxFieldSectionSize, u64{kMaxHeaderBytes}},
        std::pair{setting::kExtendedConnect, u64{1}}, std::pair{setting::kDatagrams, u64{1}},
        std::pair{setting::kWebTransport, u64{1}}}) {
    append_varint(settings, id);
    append_varint(settings, value);
  }
  std::vector<std::byte> out;
  append_varint(out, stream_type::kControl);
  append_frame(out, frame_type::kSettings, settings);
  // Without a dynamic table there need be no QPACK streams of ours (RFC 9204, section 4.2).
  events_.send(control_stream, out, false);
}

Http3Server::Stream* Http3Server::find(i64 id) {
  const auto found =
      std::find_if(streams_.begin(), streams_.end(), [&](const Stream& stream) { return stream.id == id; });
  return found == streams_.end() ? nullptr : &*found;
}

void Http3Server::forget(i64 id) {
  std::erase_if(streams_, [&](const Stream& stream) { return stream.id == id; });
}

std::optional<Http3Error> Http3Server::receive(i64 id, Bytes bytes, bool end) {
  Stream* stream = find(id);
  if (stream == nullptr) {
    if (streams_.size() >= kMaxStreams) return error(Http3Code::excessive_load, "too many streams");
    stream = &streams_.emplace_back();
    stream->id = id;
    stream->kind = is_unidirectional(id) ? Kind::new_unidirectional : Kind::new_bidirectional;
  }
  if (auto failed = receive(*stream, bytes)) return failed;
  if (!end) return std::nullopt;
  const Outcome ended = end_of(*stream);
  forget(id);
  return ended;
}

Http3Server::Outcome Http3Server::receive(Stream& stream, Bytes bytes) {
  while (!bytes.empty()) {
    switch (stream.kind) {
      case Kind::new_unidirectional: {
        const auto type = stream.varint.feed(bytes);
        if (!type) return std::nullopt;
        if (auto failed = begin_unidirectional(stream, *type)) return failed;
        break;
      }
      case Kind::new_bidirectional: {
        const auto type = stream.varint.feed(bytes);
        if (!type) return std::nullopt;
        if (*type == frame_type::kSessionStream) {
          stream.kind = Kind::session_id;
          break;
        }
        if (session_ >= 0) {  // one CONNECT a connection
          stream.kind = Kind::ignored;
          events_.refuse_stream(stream.id, Http3Code::request_rejected);
          return std::nullopt;
        }
        session_ = stream.id;
        stream.kind = Kind::request;
        // The frame's type is read already: the frames begin with it.
        std::vector<std::byte> again;
        append_varint(again, *type);
        if (auto failed = receive_request(stream, again)) return failed;
        break;
      }
      case Kind::session_id: {
        const auto session = stream.varint.feed(bytes);
        if (!session) return std::nullopt;
        if (auto failed = begin_session_stream(stream, *session)) return failed;
        break;
      }
      case Kind::control:
        return receive_control(stream, bytes);
      case Kind::qpack_encoder:
        return receive_encoder(bytes);
      case Kind::qpack_decoder:
        return receive_decoder(stream, bytes);
      case Kind::ignored:
        return std::nullopt;
      case Kind::request:
        return receive_request(stream, bytes);
      case Kind::reliable:
        if (state_ == State::open) events_.on_reliable(bytes);
        return std::nullopt;
    }
  }
  return std::nullopt;
}

Http3Server::Outcome Http3Server::begin_unidirectional(Stream& stream, u64 type) {
  const auto only_once = [&](bool& has, Kind kind) -> Outcome {
    if (has) return error(Http3Code::stream_creation_error, "a second control or QPACK stream");
    has = true;
    stream.kind = kind;
    return std::nullopt;
  };
  switch (type) {
    case stream_type::kControl:
      return only_once(has_control_, Kind::control);
    case stream_type::kQpackEncoder:
      return only_once(has_encoder_, Kind::qpack_encoder);
    case stream_type::kQpackDecoder:
      return only_once(has_decoder_, Kind::qpack_decoder);
    case stream_type::kPush:
      return error(Http3Code::stream_creation_error, "a client cannot push");
    default:
      // Also unidirectional streams of the session: nothing here takes them.
      stream.kind = Kind::ignored;
      events_.refuse_stream(stream.id, Http3Code::stream_creation_error);
      return std::nullopt;
  }
}

Http3Server::Outcome Http3Server::begin_session_stream(Stream& stream, u64 session) {
  if (session % 4 != 0) return error(Http3Code::id_error, "a session id is no id of a client's request");
  if (state_ == State::open && static_cast<u64>(session_) == session && !has_reliable_) {
    has_reliable_ = true;
    stream.kind = Kind::reliable;
    events_.on_reliable_stream(stream.id);
    return std::nullopt;
  }
  stream.kind = Kind::ignored;
  events_.refuse_stream(stream.id, Http3Code::webtransport_stream_rejected);
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_control(Stream& stream, Bytes bytes) {
  while (const auto piece = stream.records.next(bytes)) {
    if (!stream.has_begun && piece->type != frame_type::kSettings)
      return error(Http3Code::missing_settings, "the control stream does not begin with SETTINGS");
    if (piece->type == frame_type::kSettings) {
      if (piece->begins && stream.has_begun) return error(Http3Code::frame_unexpected, "a second SETTINGS");
      stream.has_begun = true;
      if (piece->length > kMaxSettingsBytes) return error(Http3Code::excessive_load, "SETTINGS are too long");
      stream.held.insert(stream.held.end(), piece->value.begin(), piece->value.end());
      if (!piece->ends) continue;
      if (auto failed = receive_settings(stream.held)) return failed;
      stream.held = {};
      continue;
    }
    if (piece->type == frame_type::kData || piece->type == frame_type::kHeaders ||
        piece->type == frame_type::kPushPromise || is_reserved_frame(piece->type)) {
      return error(Http3Code::frame_unexpected, "a frame that the control stream does not carry");
    }
    const bool is_one_number = piece->type == frame_type::kCancelPush || piece->type == frame_type::kGoAway ||
                               piece->type == frame_type::kMaxPushId;
    if (is_one_number && (piece->length < 1 || piece->length > 8))
      return error(Http3Code::frame_error, "a frame of one number has another length");
    // We push nothing, and a client's GOAWAY concerns pushes: their numbers mean nothing here.
  }
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_settings(Bytes payload) {
  std::vector<u64> seen;
  while (!payload.empty()) {
    const auto id = take_varint(payload);
    const auto value = id ? take_varint(payload) : std::nullopt;
    if (!value) return error(Http3Code::frame_error, "SETTINGS end within a setting");
    if (is_reserved_setting(*id)) return error(Http3Code::settings_error, "a setting of HTTP/2");
    if (std::find(seen.begin(), seen.end(), *id) != seen.end())
      return error(Http3Code::settings_error, "a setting is repeated");
    seen.push_back(*id);
    const bool is_switch = *id == setting::kDatagrams || *id == setting::kExtendedConnect;
    if (is_switch && *value > 1) return error(Http3Code::settings_error, "a switch is neither 0 nor 1");
  }
  // None of them changes what we send: no field section of ours is long, and whether the
  // peer takes datagrams is in its transport parameters.
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_encoder(Bytes bytes) {
  // We allow no dynamic table: all that can be said is that its capacity is 0 (RFC 9204, section 4.3.1).
  constexpr std::byte kCapacityZero{0x20};
  const bool good = std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == kCapacityZero; });
  if (!good) return error(Http3Code::qpack_encoder_stream_error, "a dynamic table was not offered");
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_decoder(Stream& stream, Bytes bytes) {
  // As nothing of ours uses a dynamic table, only Stream Cancellation can be meant:
  // 01 and an integer of a prefix of 6 bits (RFC 9204, section 4.4.2).
  for (const std::byte octet : bytes) {
    if (stream.in_instruction) {
      stream.in_instruction = (octet & std::byte{0x80}) != std::byte{};
      continue;
    }
    if ((octet & std::byte{0xC0}) != std::byte{0x40})
      return error(Http3Code::qpack_decoder_stream_error, "an acknowledgement of what was not sent");
    stream.in_instruction = (octet & std::byte{0x3F}) == std::byte{0x3F};
  }
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_request(Stream& stream, Bytes bytes) {
  while (const auto piece = stream.records.next(bytes)) {
    switch (piece->type) {
      case frame_type::kHeaders:
        if (auto failed = receive_headers(stream, *piece)) return failed;
        break;
      case frame_type::kData:
        if (!stream.has_begun) return error(Http3Code::frame_unexpected, "DATA before HEADERS");
        if (state_ != State::open) break;  // refused, or closed already
        if (auto failed = receive_capsules(piece->value)) return failed;
        break;
      case frame_type::kCancelPush:
      case frame_type::kSettings:
      case frame_type::kPushPromise:
      case frame_type::kGoAway:
      case frame_type::kMaxPushId:
        return error(Http3Code::frame_unexpected, "a frame that a request does not carry");
      default:
        if (is_reserved_frame(piece->type)) return error(Http3Code::frame_unexpected, "a frame of HTTP/2");
        break;  // unknown ones are for others (RFC 9114, section 9)
    }
  }
  return std::nullopt;
}

Http3Server::Outcome Http3Server::receive_headers(Stream& stream, const Http3RecordReader::Piece& piece) {
  if (piece.begins) {
    if (stream.has_begun) return error(Http3Code::frame_unexpected, "a CONNECT has no trailers");
    stream.has_begun = true;
    if (piece.length > kMaxHeaderBytes) {
      answer(stream.id,
             {431, "The request's header is larger than " + std::to_string(kMaxHeaderBytes) + " bytes."});
      return std::nullopt;
    }
  }
  if (state_ != State::waiting) return std::nullopt;  // refused as too large
  stream.held.insert(stream.held.end(), piece.value.begin(), piece.value.end());
  if (!piece.ends) return std::nullopt;
  auto fields = decode_request(std::exchange(stream.held, {}), kMaxHeaderBytes);
  if (fields) {
    answer(stream.id, events_.on_request(*fields));
  } else if (fields.error().code == ErrorCode::exhausted) {
    answer(stream.id, {431, fields.error().message});
  } else if (fields.error().code == ErrorCode::malformed) {
    answer(stream.id, {400, "This is no request: " + fields.error().message + '.'});
  } else {
    return error(Http3Code::qpack_decompression_failed, "a field section cannot be read");
  }
  return std::nullopt;
}

void Http3Server::answer(i64 stream, const Http3Answer& answer) {
  const bool accepted = answer.status == 200;
  std::vector<std::byte> out;
  append_frame(out, frame_type::kHeaders, encode_response(answer.status, !accepted));
  if (accepted) {
    state_ = State::open;
    append_varint(datagram_prefix_, static_cast<u64>(stream) / 4);
  } else {
    state_ = State::closed;
    append_frame(out, frame_type::kData, as_bytes(answer.sentence + '\n'));
  }
  events_.send(stream, out, !accepted);
  events_.on_answered(answer.status);
}

Http3Server::Outcome Http3Server::receive_capsules(Bytes bytes) {
  while (const auto piece = capsules_.next(bytes)) {
    if (piece->type != kCloseCapsule) continue;  // RFC 9297, section 3.2: unknown ones are passed over
    if (piece->length < kCloseCodeBytes || piece->length > kCloseCodeBytes + kMaxCloseReasonBytes)
      return error(Http3Code::message_error, "a close capsule has a wrong length");
    capsule_.insert(capsule_.end(), piece->value.begin(), piece->value.end());
    if (!piece->ends) continue;
    u32 code = 0;
    for (std::size_t i = 0; i < kCloseCodeBytes; ++i) code = code << 8U | static_cast<u8>(capsule_[i]);
    end_session(code, as_text(Bytes(capsule_).subspan(kCloseCodeBytes)));
    return std::nullopt;
  }
  return std::nullopt;
}

void Http3Server::end_session(std::optional<u32> code, std::string_view reason) {
  if (state_ != State::open) return;
  state_ = State::closed;
  events_.send(session_, {}, true);
  events_.on_session_close(code, reason);
}

Http3Server::Outcome Http3Server::end_of(Stream& stream) {
  switch (stream.kind) {
    case Kind::control:
    case Kind::qpack_encoder:
    case Kind::qpack_decoder:
      return error(Http3Code::closed_critical_stream, "a control or QPACK stream was closed");
    case Kind::request:
      if (state_ == State::waiting) return error(Http3Code::frame_error, "a request ends before its HEADERS");
      if (state_ != State::open) return std::nullopt;
      if (!stream.records.is_between() || !capsules_.is_between())
        return error(Http3Code::frame_error, "a request ends within a frame");
      end_session(std::nullopt, "");
      return std::nullopt;
    case Kind::reliable:
      if (state_ == State::open) events_.on_reliable_end();
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Http3Error> Http3Server::receive_reset(i64 id) {
  Stream* const stream = find(id);
  if (stream == nullptr) return std::nullopt;
  Outcome ended;
  if (stream->kind == Kind::request) {
    if (state_ == State::waiting)
      state_ = State::closed;
    else
      end_session(std::nullopt, "");
  } else {
    ended = end_of(*stream);
  }
  forget(id);
  return ended;
}

std::optional<Http3Error> Http3Server::receive_datagram(Bytes bytes) {
  // A quarter of a stream's id: the largest is 2^62 - 1 (RFC 9297, section 2.1).
  constexpr u64 kMaxQuarter = kMaxVarint / 4;
  const auto quarter = take_varint(bytes);
  if (!quarter || *quarter > kMaxQuarter)
    return error(Http3Code::datagram_error, "a datagram names no stream");
  if (state_ == State::open && *quarter == static_cast<u64>(session_) / 4)
    events_.on_session_datagram(bytes);
  else
    events_.on_stray_datagram();
  return std::nullopt;
}

bool Http3Server::close(u32 code, std::string_view reason) {
  if (state_ != State::open) return false;
  state_ = State::closed;
  const Bytes text = as_bytes(reason.substr(0, kMaxCloseReasonBytes));
  std::vector<std::byte> value(kCloseCodeBytes + text.size());
  for (std::size_t i = 0; i < kCloseCodeBytes; ++i) value[i] = static_cast<std::byte>(code >> (24 - 8 * i));
  std::copy(text.begin(), text.end(), value.begin() + kCloseCodeBytes);
  std::vector<std::byte> capsule;
  append_frame(capsule, kCloseCapsule, value);
  std::vector<std::byte> out;
  append_frame(out, frame_type::kData, capsule);
  events_.send(session_, out, true);
  return true;
}

}  // namespace drumline::transport

// The server's end of HTTP/3 (RFC 9114) on one QUIC connection, as far as one
// WebTransport session needs it: control stream and SETTINGS, an extended CONNECT
// and its answer, capsules, datagrams, and the session's first bidirectional
// stream, which is its reliable stream. docs/formats/webtransport.md is the page.
// Sans-I/O: bytes of streams come in by calls, what is to be sent goes out by Http3Events.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "transport/webtransport/field_section.hpp"
#include "transport/webtransport/record_reader.hpp"

namespace drumline::transport {

/// Error codes that we send, of RFC 9114 section 8.1, RFC 9204 section 6 and RFC 9297.
enum class Http3Code : u64 {
  datagram_error = 0x33,
  no_error = 0x100,
  stream_creation_error = 0x103,
  closed_critical_stream = 0x104,
  frame_unexpected = 0x105,
  frame_error = 0x106,
  excessive_load = 0x107,
  id_error = 0x108,
  settings_error = 0x109,
  missing_settings = 0x10A,
  request_rejected = 0x10B,
  message_error = 0x10E,
  qpack_decompression_failed = 0x200,
  qpack_encoder_stream_error = 0x201,
  qpack_decoder_stream_error = 0x202,
  webtransport_stream_rejected = 0x3994BD84,  ///< a stream of a session that is not there
};

/// Ends the whole connection.
struct Http3Error {
  Http3Code code;
  const char* reason;
};

/// What a CONNECT is answered with: 200 opens the session.
struct Http3Answer {
  unsigned status = 200;
  std::string sentence;  ///< the body of a refusal
};

/// Called from inside receive() and its like.
class Http3Events {
 public:
  virtual ~Http3Events() = default;
  virtual Http3Answer on_request(const RequestFields& fields) = 0;
  /// The answer is on its way: 200 (the session is open), or another status.
  virtual void on_answered(unsigned status) = 0;
  /// This stream carries the session's reliable bytes, both ways.
  virtual void on_reliable_stream(i64 stream) = 0;
  virtual void on_reliable(Bytes bytes) = 0;
  virtual void on_reliable_end() = 0;
  virtual void on_session_datagram(Bytes payload) = 0;
  /// A datagram of a session that is not there was dropped.
  virtual void on_stray_datagram() = 0;
  /// The peer closed the session, with a code and a reason or (nullopt) without a word.
  virtual void on_session_close(std::optional<u32> code, std::string_view reason) = 0;

  /// Appends to a stream of ours or to our half of the peer's; `end` is its end.
  virtual void send(i64 stream, Bytes bytes, bool end) = 0;
  /// Neither reads nor writes this stream any more.
  virtual void refuse_stream(i64 stream, Http3Code code) = 0;
};

class Http3Server {
 public:
  static constexpr std::size_t kMaxStreams = 16;  ///< of the peer's, alive at a time
  static constexpr std::size_t kMaxSettingsBytes = 1024;
  static constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
  static constexpr std::size_t kMaxCloseReasonBytes = 1024;

  explicit Http3Server(Http3Events& events) : events_(events) {}

  /// Says our settings on `control_stream`, a unidirectional stream of ours.
  void begin(i64 control_stream);

  /// The next bytes of a stream that the peer opened; `end` is its end. An error ends the
  /// connection: nothing may come after it.
  [[nodiscard]] std::optional<Http3Error> receive(i64 stream, Bytes bytes, bool end);
  /// The peer will send no more on the stream, or wants no more of it.
  [[nodiscard]] std::optional<Http3Error> receive_reset(i64 stream);
  [[nodiscard]] std::optional<Http3Error> receive_datagram(Bytes bytes);

  /// Closes the session with a capsule, and our half of its CONNECT stream. False: there is none open.
  bool close(u32 code, std::string_view reason);

  bool is_open() const { return state_ == State::open; }
  /// What stands before the payload of each of the session's datagrams.
  Bytes datagram_prefix() const { return datagram_prefix_; }

 private:
  enum class State : u8 { waiting, open, closed };
  enum class Kind : u8 {
    new_unidirectional,
    new_bidirectional,
    session_id,  ///< of the session's stream, which comes before its bytes
    control,
    qpack_encoder,
    qpack_decoder,
    ignored,
    request,
    reliable,
  };
  struct Stream {
    i64 id = -1;
    Kind kind = Kind::ignored;
    bool has_begun = false;       ///< the request's HEADERS or the control stream's SETTINGS are here
    bool in_instruction = false;  ///< QPACK decoder stream: within an integer
    VarintReader varint;
    Http3RecordReader records;
    std::vector<std::byte> held;  ///< of a record that is wanted whole
  };
  using Outcome = std::optional<Http3Error>;

  Stream* find(i64 id);
  void forget(i64 id);
  Outcome receive(Stream& stream, Bytes bytes);
  Outcome begin_unidirectional(Stream& stream, u64 type);
  Outcome begin_session_stream(Stream& stream, u64 session);
  Outcome receive_control(Stream& stream, Bytes bytes);
  Outcome receive_settings(Bytes payload);
  Outcome receive_encoder(Bytes bytes);
  Outcome receive_decoder(Stream& stream, Bytes bytes);
  Outcome receive_request(Stream& stream, Bytes bytes);
  Outcome receive_headers(Stream& stream, const Http3RecordReader::Piece& piece);
  Outcome receive_capsules(Bytes bytes);
  Outcome end_of(Stream& stream);
  void answer(i64 stream, const Http3Answer& answer);
  void end_session(std::optional<u32> code, std::string_view reason);

  Http3Events& events_;
  std::vector<Stream> streams_;
  Http3RecordReader capsules_;
  std::vector<std::byte> capsule_;  ///< of a CLOSE that has not come whole
  std::vector<std::byte> datagram_prefix_;
  i64 session_ = -1;  ///< its id is its CONNECT stream's
  State state_ = State::waiting;
  bool has_control_ = false;
  bool has_encoder_ = false;
  bool has_decoder_ = false;
  bool has_reliable_ = false;
};

}  // namespace drumline::transport

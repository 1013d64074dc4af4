// What a QUIC connection of a browser has beyond a native one's: the HTTP/3 layer,
// and the bytes that it sends beside the reliable stream.
#pragma once

#include <array>
#include <string_view>

#include "transport/quic/send_buffer.hpp"
#include "transport/webtransport/connect.hpp"
#include "transport/webtransport/http3_server.hpp"

namespace drumline::transport {

class QuicConnection;

/// Lives in its connection; turns what HTTP/3 says into what a Session does.
class Http3Link final : public Http3Events {
 public:
  /// Streams that a peer may open in all, as no credit is given later: a request, the session's
  /// stream and its refused rest; control, two of QPACK and those that are refused.
  static constexpr u64 kBidirectionalStreams = 4;
  static constexpr u64 kUnidirectionalStreams = 8;
  static constexpr u64 kUnidirectionalBytes = 16 << 10;

  /// Both outlive it.
  Http3Link(QuicConnection& connection, const WebTransportOptions& options);

  /// The QUIC handshake is done. False: the peer gives us no stream to speak on.
  bool begin();
  void receive(i64 stream, Bytes bytes, bool end);
  void receive_reset(i64 stream);
  void receive_datagram(Bytes bytes);

  Bytes datagram_prefix() const { return server_.datagram_prefix(); }
  /// Tells the browser that its session is over; false when there is none to end.
  bool say_goodbye(CloseCode code, std::string_view reason);
  /// The browser was told, and is to end the connection itself: one that is ended over its head may be
  /// shown to the page as lost, without code and reason.
  bool said_goodbye() const { return said_goodbye_; }
  /// The error code of CONNECTION_CLOSE.
  u64 wire_code() const { return static_cast<u64>(wire_code_); }

  /// Puts what it has into packets; false on an error, which is the connection's then.
  bool write();
  void acknowledge(i64 stream, u64 offset);
  void unblock();
  bool all_acknowledged() const;

 private:
  /// Our control stream, and our half of the request's.
  struct Side {
    static constexpr std::size_t kBytes = 4096;
    i64 stream = -1;
    SendBuffer bytes{kBytes};
    bool ends = false;
    bool end_is_sent = false;
    bool is_blocked = false;
  };

  Http3Answer on_request(const RequestFields& fields) override;
  void on_answered(unsigned status) override;
  void on_reliable_stream(i64 stream) override;
  void on_reliable(Bytes bytes) override;
  void on_reliable_end() override;
  void on_session_datagram(Bytes payload) override;
  void on_stray_datagram() override;
  void on_session_close(std::optional<u32> code, std::string_view reason) override;
  void send(i64 stream, Bytes bytes, bool end) override;
  void refuse_stream(i64 stream, Http3Code code) override;
  void check(const std::optional<Http3Error>& error);
  bool write(Side& side);

  QuicConnection& connection_;
  const WebTransportOptions& options_;
  Http3Server server_{*this};
  std::array<Side, 2> sides_;
  Http3Code wire_code_ = Http3Code::no_error;
  CloseCode refusal_ = CloseCode::bad_message;
  bool said_goodbye_ = false;
};

}  // namespace drumline::transport

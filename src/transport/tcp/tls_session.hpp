// One native session over TLS/TCP, either end, once its TLS handshake is done.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "transport/session.hpp"
#include "transport/tcp/record.hpp"
#include "transport/tcp/send_queue.hpp"
#include "transport/tcp/tls_counters.hpp"
#include "transport/tcp/tls_stream.hpp"

namespace drumline::transport {

struct TlsSessionLimits {
  std::size_t max_datagram_bytes = kMaxRecordPayloadBytes;  ///< sent by send_datagram; no more than that
  SendQueue::Limits queue;
  i64 idle_timeout_ms = 30'000;  ///< a ping goes out after half of it
  i64 close_timeout_ms = 2'000;  ///< for the queue to drain and the peer to end too
};

class TlsSession;

/// What sessions share with their owner. Outlives both: an asynchronous operation that
/// is still out when the owner goes holds its session, and that holds this.
struct TlsSessionHub {
  TlsSessionLimits limits;
  SessionHandler* handler = nullptr;  ///< null once the owner is gone
  TlsCounters counters;
  std::unordered_map<TlsSession*, std::shared_ptr<TlsSession>> sessions;
  std::vector<std::byte> inbox = std::vector<std::byte>(16 * 1024);  ///< of whoever reads just now
  std::vector<std::byte> outbox;                                     ///< of whoever writes just now
};

/// One thread.
class TlsSession : public Session, public std::enable_shared_from_this<TlsSession> {
 public:
  enum class Role : u8 {
    server,  ///< the owner hears of a session that is let in, and of no other
    client,  ///< the owner hears of the end in any case
  };
  /// The hub gets the session by hold().
  TlsSession(Role role, std::shared_ptr<TlsSessionHub> hub, TlsStream stream, const env::Address& peer);

  // Server: one of them, right after the handshake.

  /// Lets the peer in and tells it so; on_open is called from here.
  void let_in(PeerIdentity identity);
  /// Tells the peer why not. There is no on_open and no on_close.
  void turn_away(CloseCode code, std::string_view reason);

  TransportKind kind() const override { return TransportKind::tls; }
  const PeerIdentity& identity() const override { return identity_; }
  env::Address peer() const override { return peer_; }
  std::size_t max_datagram_bytes() const override { return hub_->limits.max_datagram_bytes; }
  bool send_datagram(Bytes payload) override;
  bool send_reliable(Bytes bytes) override;
  void close(CloseCode code, std::string_view reason) override;

  /// Ends now, without waiting for the peer; on_close is called from here.
  void abandon(CloseCode code, std::string_view reason);

 protected:
  enum class State : u8 {
    opening,  ///< a client's, until the server's word
    open,
    closing,
    closed,
  };
  void hold() { hub_->sessions.emplace(this, shared_from_this()); }
  /// Client: reads until the server says that the session is open, or why not.
  void await_open() { read(); }
  /// For a client, whose half-open ones are counted.
  virtual void on_opening_over() {}
  /// The session is over, whatever led here. Idempotent.
  void finish();
  void end_with(CloseCode code, std::string reason);
  TlsStream& stream() { return stream_; }
  boost::asio::steady_timer& timer() { return timer_; }
  State state() const { return state_; }

 private:
  using Clock = std::chrono::steady_clock;

  template <class Handler>
  void post(Handler handler);
  void read();
  void on_readable();
  bool take(Bytes bytes);
  bool take(const RecordReader::Record& record);
  void break_off(CloseCode code, std::string reason);
  void on_peer_closed(Bytes payload);
  void on_cut(std::string reason);
  void pump();
  void write_on(TlsStream::Step step);
  bool pack(std::vector<std::byte>& out);
  void begin_close(bool drop_all);
  void watch_silence();

  Role role_;
  std::shared_ptr<TlsSessionHub> hub_;
  TlsStream stream_;
  env::Address peer_;
  PeerIdentity identity_;
  State state_ = State::opening;
  bool told_open_ = false;  ///< on_open was called, so on_close must be

  RecordReader reader_;
  std::size_t lingered_ = 0;  ///< bytes that came after our close
  bool peer_ended_ = false;
  bool deaf_ = false;  ///< what came made no sense: nothing of the rest is looked at

  SendQueue queue_;
  std::size_t front_sent_ = 0;      ///< of the first message
  std::vector<std::byte> pending_;  ///< handed to TLS, not yet taken by the kernel
  bool waiting_to_write_ = false;
  bool cut_ = false;
  bool open_due_ = false;
  bool ping_due_ = false;
  bool pong_due_ = false;
  bool close_packed_ = false;
  bool sending_over_ = false;

  CloseCode close_code_ = CloseCode::none;
  std::string close_reason_;
  Clock::time_point last_heard_;
  bool pinged_ = false;  ///< since it was last heard
  boost::asio::steady_timer timer_;
};

}  // namespace drumline::transport

// What the gateway sees of a connection, whichever transport carries it: one
// reliable ordered byte stream (framed by wire/frame.hpp) and one unreliable
// channel of datagrams.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/types.hpp"
#include "env/network.hpp"

namespace drumline::transport {

/// Application error codes, as a peer sees them in CONNECTION_CLOSE or in a
/// WebSocket close reason. docs/formats/errors.md is the table.
enum class CloseCode : u32 {
  none = 0,             ///< orderly leave
  server_stopping = 1,  ///< drain: reconnect later with the token
  bad_frame = 2,        ///< the byte stream is not frames
  bad_message = 3,      ///< a frame does not verify or makes no sense here
  too_large = 4,
  too_slow = 5,         ///< the peer does not drain what it asked for
  flood = 6,            ///< more than the limits allow
  unauthenticated = 7,  ///< no certificate or token that we accept
  token_expired = 8,
  no_such_battle = 9,
  battle_full = 10,
  replaced = 11,  ///< the same player connected again elsewhere
  idle = 12,
  version = 13,  ///< protocol version or build not served
  internal = 14,
  battle_over = 15,  ///< it came to its end, or was ended
  overloaded = 16,   ///< nobody new is let in for now: come back later
};
const char* close_code_name(CloseCode code);

/// Who the peer proved to be.
struct PeerIdentity {
  bool authenticated = false;
  std::string name;      ///< certificate common name or token subject
  u64 account = 0;       ///< XXH3-64 of `name`, 0 when not authenticated
  bool may_play = true;  ///< false: may only watch (a spectator's token)
  u64 certificate = 0;   ///< certificate_id() of what it showed; 0: none
  BattleId battle{};     ///< the one battle that it may enter (a token's claim); 0: any
};
/// The account number of a proven name; never 0.
u64 account_of(std::string_view name);

enum class TransportKind : u8 { quic, webtransport, tls, websocket, memory };

/// One connection, alive from on_open to on_close. One thread.
class Session {
 public:
  virtual ~Session() = default;

  virtual TransportKind kind() const = 0;
  virtual const PeerIdentity& identity() const = 0;
  virtual env::Address peer() const = 0;

  /// Largest payload that send_datagram takes now, bytes.
  virtual std::size_t max_datagram_bytes() const = 0;
  /// Sends and forgets. False when it was dropped here (too large, or the
  /// connection's budget is spent): freshness is lost, nothing else.
  virtual bool send_datagram(Bytes payload) = 0;
  /// Appends to the reliable stream. False when the peer is so slow that the
  /// send buffer's cap is reached; the session then closes with too_slow.
  virtual bool send_reliable(Bytes bytes) = 0;
  /// Of a client's session that is not open yet: appends to the reliable stream what is to go with the
  /// very first packets, a round trip before on_open. Whoever listened may send it again, so the server
  /// takes it for no more than a question until the handshake is complete: for a reconnect token
  /// and for pings. False: this session cannot, and nothing was taken.
  virtual bool send_early(Bytes) { return false; }
  /// Closes after what was queued has had a fair chance to go out. on_close follows.
  virtual void close(CloseCode code, std::string_view reason) = 0;

  /// It is about to be sent to: asks for memory that this will touch, and does not wait for it.
  virtual void prefetch() const {}

  /// The owner's number for this session (its index in the gateway's table).
  u64 context = 0;
};

/// Told of everything that happens to sessions; called on the transport's thread,
/// from inside receive() and on_timer(). May send and close from within.
class SessionHandler {
 public:
  virtual ~SessionHandler() = default;
  /// The handshake is done and the identity proven (or allowed to be absent).
  virtual void on_open(Session& session) = 0;
  /// Server: what send_early() sent, before on_open. Perhaps a copy of what somebody sent once, by
  /// somebody else: it may be answered, and must change nothing. The same bytes come again by on_reliable
  /// when the peer has proven that it is there. The session may be sent to; on_open or on_close follows.
  virtual void on_early(Session&, Bytes) {}
  /// The next bytes of the reliable stream, in order; no message boundaries.
  virtual void on_reliable(Session& session, Bytes bytes) = 0;
  virtual void on_datagram(Session& session, Bytes payload) = 0;
  /// The session is gone; the reference is valid for this call only.
  virtual void on_close(Session& session, CloseCode code, std::string_view reason) = 0;
};

}  // namespace drumline::transport

#include "transport/quic/quic_counters.hpp"

namespace drumline::transport {

const char* handshake_failure_name(HandshakeFailure failure) {
  switch (failure) {
    case HandshakeFailure::none:
      return "none";
    case HandshakeFailure::certificate_missing:
      return "certificate_missing";
    case HandshakeFailure::certificate_untrusted:
      return "certificate_untrusted";
    case HandshakeFailure::certificate_expired:
      return "certificate_expired";
    case HandshakeFailure::certificate_revoked:
      return "certificate_revoked";
    case HandshakeFailure::certificate_unfit:
      return "certificate_unfit";
    case HandshakeFailure::alpn:
      return "alpn";
    case HandshakeFailure::tls:
      return "tls";
    case HandshakeFailure::protocol:
      return "protocol";
    case HandshakeFailure::timeout:
      return "timeout";
    case HandshakeFailure::closed_by_peer:
      return "closed_by_peer";
    case HandshakeFailure::closed_here:
      return "closed_here";
  }
  return "unknown";
}

const char* packet_drop_name(PacketDrop drop) {
  switch (drop) {
    case PacketDrop::malformed:
      return "malformed";
    case PacketDrop::not_initial:
      return "not_initial";
    case PacketDrop::unknown_connection:
      return "unknown_connection";
    case PacketDrop::half_open_limit:
      return "half_open_limit";
    case PacketDrop::bad_token:
      return "bad_token";
    case PacketDrop::reply_limit:
      return "reply_limit";
    case PacketDrop::waiting_limit:
      return "waiting_limit";
    case PacketDrop::closed:
      return "closed";
  }
  return "unknown";
}

}  // namespace drumline::transport

// One call for a native session, whatever the network lets through: QUIC is tried
// first, and where it has no answer after a head start, TLS over TCP as well. The
// first that is open wins and the other is closed (in the manner of RFC 8305).
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "transport/session.hpp"

namespace drumline::client {

/// One thread. What it is told and tells runs through it: the two transports have it as
/// their handler, and the owner sees one session, which is whichever won.
class NativeClients final : public transport::SessionHandler {
 public:
  /// Starts a connection with this number as its session's context.
  using Connect = std::function<Result<transport::Session*>(u64 context, TimeNs now)>;
  struct Ways {
    Connect quic;
    Connect tls;
    /// QUIC's head start. A lost packet costs QUIC longer than this, a far server nearly as much;
    /// both then run, and neither is late.
    i64 head_start_ns = 150 * kMillisecondNs;
  };

  /// `handler` outlives this, and this outlives the transports.
  NativeClients(Ways ways, transport::SessionHandler& handler);
  ~NativeClients() override;

  /// on_open or on_close follows, never from inside this call; the session lives until on_close
  /// and has `context` from the start. An on_close that was never open says what stood in
  /// each way.
  Result<transport::Session*> connect(u64 context, TimeNs now);

  /// Starts what is due.
  void poll(TimeNs now);
  /// When poll() has something to do next.
  TimeNs deadline() const;

  /// Sessions that TLS won, and that QUIC won.
  u64 won_by_tls() const { return won_by_tls_; }
  u64 won_by_quic() const { return won_by_quic_; }

  // From the transports.
  void on_open(transport::Session& session) override;
  void on_reliable(transport::Session& session, Bytes bytes) override;
  void on_datagram(transport::Session& session, Bytes payload) override;
  void on_close(transport::Session& session, transport::CloseCode code, std::string_view reason) override;

 private:
  class Race;

  Race* race_of(const transport::Session& session);
  void start_tls(Race& race, TimeNs now);
  void lose(Race& race, transport::CloseCode code, std::string_view reason);
  void drop_if_over(u64 number);

  Ways ways_;
  transport::SessionHandler& handler_;
  std::unordered_map<u64, std::unique_ptr<Race>> races_;
  u64 next_number_ = 1;
  u64 won_by_tls_ = 0;
  u64 won_by_quic_ = 0;
};

}  // namespace drumline::client

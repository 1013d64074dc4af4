// Keys of TLS session tickets: the same on every gateway that has the same secrets,
// and new ones by themselves as time goes, without anybody handing them round.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace drumline::transport {

using TicketSecret = std::array<std::byte, 32>;

/// From each secret and each period of time (period number n: from n × period_s
/// seconds after 1970) come a name, a cipher key and a MAC key, by HMAC-SHA-256.
/// Tickets are sealed with the first secret and the present period; those of any
/// secret, and of the period before and after, are opened: gateways' clocks need
/// not agree to the second, and a secret is exchanged by putting a new one first.
/// Immutable: any thread.
class TicketKeys {
 public:
  static constexpr std::size_t kNameBytes = 16;
  struct Key {
    std::array<u8, kNameBytes> name{};
    std::array<u8, 32> cipher{};  ///< AES-256-CBC
    std::array<u8, 32> mac{};     ///< HMAC-SHA-256
  };

  /// `secrets` is not empty; `period_s` is positive.
  TicketKeys(std::vector<TicketSecret> secrets, i64 period_s);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();

  Key sealing(i64 wall_now_s) const;
  /// False when the name is of none of our keys, or its time is over.
  bool opening(std::span<const u8, kNameBytes> name, i64 wall_now_s, Key& out) const;
  i64 period_s() const { return period_s_; }

  /// What GnuTLS makes the keys of QUIC's tickets of, period by period as here; from the first secret
  /// alone. `binding` is all that a ticket of one server must share with another: other text, other tickets.
  std::array<u8, 64> quic_master(std::string_view binding) const;

 private:
  static Key derive(const TicketSecret& secret, i64 period);
  std::vector<TicketSecret> secrets_;
  i64 period_s_;
};

}  // namespace drumline::transport

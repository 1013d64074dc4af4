// Reconnect tickets: what a server must know to give a client its seat again,
// sealed with AES-256-GCM so that any gateway with the key can open it and the
// client can neither read nor change it. Format: docs/formats/token.md.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "env/random.hpp"

namespace drumline::auth {

struct Ticket {
  BattleId battle;
  PlayerSlot player;
  u32 seat_generation = 0;  ///< of the seat when it was granted: a later owner makes the ticket void
  u64 account = 0;          ///< who was seated; the session that brings it must be the same, 0 aside
  i64 expires_at_s = 0;     ///< seconds since 1970
  friend bool operator==(const Ticket&, const Ticket&) = default;
};

/// Bytes of a sealed ticket: version, key id, nonce, ciphertext, tag.
inline constexpr std::size_t kTicketBytes = 2 + 12 + 32 + 16;

/// The keys that seal and open tickets: the first seals, all open, so a key is
/// rotated by putting a new one first and keeping the old until its tickets have
/// expired. Immutable after loading: any thread that may use the Random.
class TicketSealer {
 public:
  static constexpr std::size_t kMaxKeys = 8;

  /// Reads `path` (readable by its owner only): a line a key, "ID HEX", the id
  /// 0 .. 255 and 64 hexadecimal digits. Makes the file with one key when it is missing.
  /// `random` gives keys and nonces and must outlive the sealer.
  static Result<TicketSealer> load_or_create(const std::string& path, env::Random& random);
  /// Parses the file's text. Errors name the line and never its contents.
  static Result<TicketSealer> parse(std::string_view text, env::Random& random);

  TicketSealer(TicketSealer&& other) noexcept = default;
  TicketSealer& operator=(TicketSealer&& other) noexcept = default;
  ~TicketSealer();

  std::vector<std::byte> seal(const Ticket& ticket) const;

  /// A secret for another purpose from each key, in their order: who has the same keys has
  /// the same secrets (HMAC-SHA-256 of the purpose).
  std::vector<std::array<std::byte, 32>> derive(std::string_view purpose) const;

  /// The ticket, if it is ours and good at `wall_now` (ns since 1970). Errors:
  /// malformed (not of a ticket's shape), not_found (sealed with a key that is
  /// gone), corrupt (changed, or not ours), timeout (expired).
  Result<Ticket> open(Bytes sealed, TimeNs wall_now) const;

 private:
  struct Key {
    u8 id = 0;
    std::array<std::byte, 32> secret{};
  };
  explicit TicketSealer(env::Random& random) : random_(&random) {}

  env::Random* random_;  // outlives us: nonces
  std::vector<Key> keys_;
};

}  // namespace drumline::auth

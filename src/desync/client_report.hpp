// What a client says of its own run when its state is not the battle's: the hashes of its
// last ticks and, if it sent it, its state. Format: docs/formats/desync-report.md.
#pragma once

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "env/file.hpp"

namespace drumline::desync {

inline constexpr std::string_view kReportMagic = "DRUMDSY1";
inline constexpr std::size_t kMaxReportHashes = 65'536;
inline constexpr std::size_t kMaxReportStateBytes = std::size_t{64} << 20;

struct TickHash {
  Tick tick = 0;
  u64 hash = 0;

  friend bool operator==(const TickHash&, const TickHash&) = default;
};

struct ClientReport {
  BattleId battle{};
  PlayerSlot player = kNoPlayer;
  std::string simulation;        ///< that the client runs; at most 16 bytes
  std::string build;             ///< likewise
  std::vector<TickHash> hashes;  ///< its own, ascending by tick, 1 to kMaxReportHashes
  /// Its snapshot (docs/formats/snapshot.md) of the last tick in `hashes`; empty: not sent.
  std::vector<std::byte> state;
};

std::vector<std::byte> encode_report(const ClientReport& report);
/// malformed, corrupt, mismatch or exhausted, with the offset and what does not hold. Says
/// nothing of what is in the state.
Result<ClientReport> decode_report(Bytes bytes);

Result<void> write_report(env::FileSystem& files, const std::string& path, const ClientReport& report);
/// The same errors, with the file named.
Result<ClientReport> read_report(env::FileSystem& files, const std::string& path);

}  // namespace drumline::desync

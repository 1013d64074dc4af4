// Real clients with a brain: each its own session over a real transport. For
// `drumline bots`, for load in the benchmarks and for campaigns.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "broadcast/body_store.hpp"
#include "broadcast/sights.hpp"
#include "client/statistics.hpp"

namespace drumline::bots {

struct BotsOptions {
  std::string url = "quic://127.0.0.1:7777";  ///< or another that parse_server_url() takes
  u32 count = 100;
  u32 battles = 0;             ///< 0: whichever has room; otherwise bot i asks for battle 1 + i mod battles
  double seconds = 0;          ///< 0: until stopped
  double send_hz = 10;         ///< decisions a second and bot; each is at most one command
  std::string game = "arena";  ///< one of games_with_bots()
  std::string pki = "./data/pki";  ///< certificates for QUIC and TLS, token.key for WebSocket
  /// They only watch. Served all the way is who was seated, was never without a
  /// frame for more than 3 s while connected, and has a session at the end.
  bool spectators = false;
  u32 threads = 1;
  u64 seed = 1;
  /// Over QUIC: bots that share a UDP port, as players behind one relay do; 1 gives each
  /// a port of its own.
  u32 clients_per_port = 128;
  /// Over QUIC to a server on this machine: the network that is between, as
  /// env::parse_path_conditions() reads it ("50ms,2%"); empty: loopback as it is.
  std::string network;
  /// Without a seat for so long a session is lost for good.
  double give_up_seconds = 60;
  /// Figures start when every bot is seated instead of at once.
  bool measure_from_seated = false;
  /// What they are shown is kept for one of so many of their looks; 0: of none. Up to
  /// kMostSights entities.
  u32 sight_every = 0;
  std::string sights_file;  ///< where run_bots() writes them; empty: nowhere
  bool json = false;
  bool quiet = false;                      ///< no report, unless json
  bool progress = false;                   ///< a line on stderr that is drawn over
  const std::atomic<int>* stop = nullptr;  ///< ends the run when it is not 0
};

inline constexpr std::size_t kMostSights = 200'000;

/// What the bots received, all together.
struct BotsReport {
  u32 bots = 0;
  bool spectators = false;
  u32 threads = 0;
  double seconds = 0;         ///< of the figures
  double seated_after_s = 0;  ///< from the start until every bot was seated once; 0: never
  client::ClientStatistics received;
  /// Of the key frames and chunks in it that were news to who got them. Each was checked: decoded, or
  /// compared with what was decoded.
  broadcast::BodyCounters bodies;
  std::vector<broadcast::Sight> sights;
  Histogram interarrival_ns;
  u64 frames_sampled = 0;    ///< frames whose entities were counted (some of those that a bot decided on)
  u64 entities_fresh = 0;    ///< in them: told of by that very frame
  u64 entities_known = 0;    ///< in them: in sight, by that frame or an earlier one
  u64 places_predicted = 0;  ///< in frame sync: of a bot itself, that a frame could be compared with
  u64 places_corrected = 0;  ///< of those, by more than 1/16 unit
  double cpu_seconds = 0;    ///< of the bots' threads
  u64 rounds = 0;            ///< turns of the bots' loops
  std::map<std::string, u64> refused;  ///< commands, by reason
  u32 never_seated = 0;
  u32 lost_for_good = 0;              ///< had a seat, and has none at the end
  u32 starved = 0;                    ///< spectators that were without frames for too long
  std::map<std::string, u32> losses;  ///< of the two before, by what ended them

  /// Share of the frames due, one a tick. Of spectators it says nothing: they are sent to less often.
  double delivered() const;
  double entities_per_frame() const;
  double bytes_per_frame() const;
  double cpu_us_per_frame() const;
  bool all_well() const { return never_seated == 0 && lost_for_good == 0 && starved == 0; }
};

/// A moment of a run, for who watches.
struct BotsProgress {
  double seconds = 0;
  u32 seated = 0;
  u64 frames = 0;
  u64 frames_due = 0;
  u64 losses = 0;
};

/// Runs the bots to the end of their time and says what they received. `watch`
/// (may be empty) is called a few times a second from the calling thread.
Result<BotsReport> play_bots(const BotsOptions& options,
                             const std::function<void(const BotsProgress&)>& watch = {});

std::string to_text(const BotsReport& report);
std::string to_json(const BotsReport& report);

/// play_bots with the report printed to stdout. The exit status: 0, or 1 when a
/// session was lost for good or a spectator was without frames.
Result<int> run_bots(const BotsOptions& options);

}  // namespace drumline::bots

// One bot of arena: a client's listener that decides and sends, or only watches.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arena_bot/bot.hpp"
#include "client/client.hpp"
#include "env/clock.hpp"

namespace drumline::bots {

/// What the bots of one thread share: scratch memory, the map, sums.
struct Locker {
  const env::Clock* clock = nullptr;
  TimeNs started_at = 0;
  /// Every bot of a battle is sent the same map: it is kept once.
  std::map<std::vector<std::byte>, std::shared_ptr<const arena::MapDescription>> maps;
  std::vector<arena::SeenEntity> seen;
  std::map<std::string, u64> refused;
  u64 looks = 0;
  u64 frames_sampled = 0;
  u64 entities_fresh = 0;
  u64 entities_known = 0;
  u32 ever_seated = 0;
  TimeNs last_seated_at = 0;
};

/// One thread. The locker outlives it.
class ArenaPlayer final : public client::ClientListener {
 public:
  /// Decides every `decision_ticks`, shifted by `phase` against the others. Who
  /// `only_watches` looks then, and sends nothing.
  ArenaPlayer(Locker& locker, u64 seed, Tick decision_ticks, Tick phase, bool only_watches);

  void on_welcome(client::Client& client, const wire::Welcome& welcome) override;
  void on_frame(client::Client& client) override;
  void on_refused(client::Client& client, const wire::Refused& refused) override;

  void on_drop(client::Client& client, transport::CloseCode code, std::string_view reason) override;

  bool ever_seated() const { return ever_seated_; }
  /// The longest time without a frame while it had a session, up to `now`.
  i64 longest_gap_ns(TimeNs now) const;

 private:
  void look(client::Client& client);

  Locker& locker_;
  arena::Bot bot_;
  std::shared_ptr<const arena::MapDescription> map_;
  Tick decision_ticks_;
  Tick next_decision_;
  bool only_watches_;
  bool ever_seated_ = false;
  TimeNs last_frame_at_ = 0;  ///< or of the Welcome; 0 while there is no session
  i64 longest_gap_ns_ = 0;
};

/// A name that people can tell apart from the others.
std::string bot_name(u32 number);

}  // namespace drumline::bots

// One bot, whatever it plays: a client's listener that decides now and then and
// sends, or only watches. Each game has a class of its own (arena_player,
// duel_player), which brings a brain and what it looks at.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "bots/sight_sample.hpp"
#include "client/client.hpp"
#include "env/clock.hpp"

namespace drumline::bots {

/// What the bots of one thread share: a clock, sums.
struct Locker {
  const env::Clock* clock = nullptr;
  std::map<std::string, u64> refused;
  u64 looks = 0;
  u64 frames_sampled = 0;
  u64 entities_fresh = 0;
  u64 entities_known = 0;
  u64 places_predicted = 0;  ///< of oneself, that a frame could be compared with
  u64 places_corrected = 0;  ///< of those, by more than 1/16 unit
  u32 ever_seated = 0;
  SightSample sights;
};

/// When a bot decides, and whether it does.
struct PlayerOptions {
  u64 seed = 1;
  Tick decision_ticks = 6;
  Tick phase = 0;             ///< shifts its decisions against the others'
  bool only_watches = false;  ///< it looks then, and sends nothing
};

/// One thread. The locker outlives it.
class Player : public client::ClientListener {
 public:
  Player(Locker& locker, const PlayerOptions& options);

  void on_welcome(client::Client& client, const wire::Welcome& welcome) final;
  void on_frame(client::Client& client) final;
  void on_refused(client::Client& client, const wire::Refused& refused) final;
  void on_drop(client::Client& client, transport::CloseCode code, std::string_view reason) final;
  void on_battle_over(client::Client& client, const wire::BattleOver& over) final;

  bool ever_seated() const { return ever_seated_; }
  /// The longest time without a frame while it was in a battle, up to `now`.
  i64 longest_gap_ns(TimeNs now) const;

 protected:
  Locker& locker() { return locker_; }
  bool only_watches() const { return only_watches_; }
  /// Without sequence and timestamp.
  void send(client::Client& client, const world::Command& command);

 private:
  void end_of_frames();
  /// A battle that it knows nothing of yet: what it remembers is of another one.
  virtual void begin() = 0;
  /// What the game says of its map; what cannot be read is done without.
  virtual void learn(const wire::Welcome& welcome) = 0;
  /// A frame came.
  virtual void see(client::Client&) {}
  /// It is time to look at client.world(), and, unless it only watches, to decide.
  virtual void take_turn(client::Client& client) = 0;
  /// The server refused the command.
  virtual void forget(u32 /*sequence*/) {}
  /// The command, which has its sequence, as it is to be sent. `now` is battle time.
  virtual world::Command timed(const world::Command& command, TimeNs) { return command; }

  Locker& locker_;
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

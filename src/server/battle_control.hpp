// Makes battles, ends them, and starts those again whose rules failed: everything about
// battles that takes time and is not a tick, on a thread of its own. Also the way in for
// other threads to a battle: tell, ask, snapshot.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/counter.hpp"
#include "base/histogram.hpp"
#include "battle/directory.hpp"
#include "env/clock.hpp"
#include "env/random.hpp"
#include "gateway/desync.hpp"
#include "recovery/battle_replay.hpp"
#include "server/battle_ids.hpp"
#include "server/shard_mailbox.hpp"
#include "server/tick_pipeline.hpp"

namespace drumline::server {

/// What a new battle is made of where its maker does not say otherwise.
struct BattleTemplate {
  std::string game;
  std::string rules_document;  ///< empty: the game's own
  u64 seed = 0;                ///< 0: drawn for each battle
  u32 max_players = 64;
  u32 max_commands_per_tick = 8;
  world::SyncSettings sync;
};

struct BattleControlOptions {
  BattleTemplate defaults;
  RunningBattleSettings running;
  u32 keep = 1;          ///< so many battles run at least: those that end are replaced
  u32 most = 1;          ///< and so many at most
  u32 max_failures = 3;  ///< in a row; then a battle is given up
  bool restart_failed = true;
  std::string failures_folder;  ///< where reports of failures go
  bool shards_make = false;     ///< battles are made by their shards (MakeBattle), not here
};

class BattleControl final : public BattleEvents {
 public:
  /// References outlive the control; `mailboxes`: one a battle shard. Without `ids` battles get
  /// their numbers from elsewhere, by make_numbered().
  BattleControl(BattleControlOptions options, recovery::GameLookup games, std::optional<BattleIds> ids,
                battle::BattleDirectory& directory, std::span<ShardMailbox* const> mailboxes,
                env::FileSystem& files, env::Random& random, const env::Clock& clock);
  ~BattleControl() override;

  // ---- before start()

  /// A battle that was recovered, for shard `shard`; it can be found from here on.
  Result<std::unique_ptr<RunningBattle>> take_in(std::unique_ptr<battle::Battle> battle, u32 shard);
  /// The first battle of a new data folder: what is wrong with its settings is said here.
  Result<std::unique_ptr<RunningBattle>> make_first();
  /// One as the next one will be, which is not to run: to see what it needs.
  Result<std::unique_ptr<RunningBattle>> make_sample();
  /// Hands it to its shard.
  Result<void> install(std::unique_ptr<RunningBattle> battle);
  /// No frame may be larger than this; known when the first battles are.
  void set_frame_room(std::size_t bytes) { frame_room_bytes_ = bytes; }

  void start();
  /// No further battle is made or mended.
  void stop();

  // ---- any thread

  /// Somebody seeks a seat in a battle of `game` (empty: the default one), and there is
  /// none. One is made; not_found when that game is not played here, exhausted when there
  /// are as many battles as may be.
  Result<void> want_battle(const std::string& game);
  /// A battle of the configured kind; answers when it runs. exhausted when there are as many as may be.
  std::future<Result<BattleId>> create();
  /// A battle of the configured kind with a number that somebody else chose. `on_failure` hears,
  /// on the control's thread, why it cannot be made.
  void make_numbered(BattleId battle, std::function<void(Error)> on_failure);
  Result<void> dispose(BattleId battle, std::string why);
  /// A message for the battle's rules, applied at the next tick and journaled when they
  /// accept it; answered when that is durable. refused: the rules did, and why. unavailable:
  /// the rules failed in its tick, so it had no effect. exhausted: too many wait.
  std::future<Result<void>> tell(BattleId battle, Bytes message);
  /// A question to the battle's rules. The answer speaks of a state that is durable; it is
  /// a timeout when there is none by `deadline` (monotonic).
  std::future<Result<std::vector<std::byte>>> ask(BattleId battle, Bytes question, TimeNs deadline);
  std::future<Result<BattleSnapshot>> snapshot(BattleId battle, TimeNs deadline);

  /// Writes down that a client in lockstep has gone another way.
  void report(gateway::DesyncReport report);

  /// Time to make a battle, without its installation.
  const Histogram& make_ns() const { return make_ns_; }
  u64 restarted() const { return restarted_.load(std::memory_order_relaxed); }
  u64 given_up() const { return given_up_.load(std::memory_order_relaxed); }

  // ---- BattleEvents, on a shard's thread
  void on_installed(const std::shared_ptr<battle::BattleEntry>& entry) override;
  void on_failed(FailedBattle failed) override;
  void on_ended(std::unique_ptr<RunningBattle> battle) override;

  // ---- on the thread of a shard in another process

  /// A battle runs no more, or was not made.
  void on_gone(BattleId battle, std::string why);
  /// No battle is made there any more.
  void on_shard_lost(u32 shard);

 private:
  using Task = std::function<void()>;
  struct Pending {
    BattleId battle;
    std::promise<Result<BattleId>> promise;
  };

  void post(Task task);
  void run();
  void keep_up();
  Result<std::unique_ptr<RunningBattle>> make(const BattleTemplate& wanted, BattleId id, u32 shard);
  Result<void> make_on_shard(const BattleTemplate& wanted, BattleId id, u32 shard);
  Result<BattleId> create_now(const BattleTemplate& wanted);
  void mend(const FailedBattle& failed);
  void report(const FailedBattle& failed);
  std::optional<u32> least_loaded_shard() const;
  Result<u32> shard_of(BattleId battle) const;
  std::size_t running_or_coming() const;

  BattleControlOptions options_;
  recovery::GameLookup games_;
  std::optional<BattleIds> ids_;
  battle::BattleDirectory& directory_;
  std::vector<ShardMailbox*> mailboxes_;
  env::FileSystem& files_;
  env::Random& random_;
  const env::Clock& clock_;
  std::size_t frame_room_bytes_ = 0;
  std::atomic<u64> restarted_{0};
  std::atomic<u64> given_up_{0};
  std::atomic<bool> wanted_{false};
  std::atomic<bool> no_shard_left_{false};
  Histogram make_ns_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;

  // The thread's own.
  std::vector<Pending> pending_;  ///< made, and not running yet
  struct Coming {
    BattleId battle;
    u32 shard;
  };
  std::vector<Coming> coming_;
  std::vector<bool> lost_shards_;
  TimeNs make_again_at_ = 0;  ///< a shard could not make one: not at once again
  u32 desync_reports_ = 0;
  std::thread thread_;
};

}  // namespace drumline::server

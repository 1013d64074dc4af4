// The battles of one data folder in this process, from the folder to ticking shards:
// recovery, journal, snapshots, control.
#pragma once

#include <atomic>
#include <memory>

#include "config/configuration.hpp"
#include "env/file.hpp"
#include "env/random.hpp"
#include "server/battles.hpp"

namespace drumline::server {

struct BattleHostOptions {
  std::string data;
  std::string failures;         ///< folder of reports
  u32 shards = 1;               ///< battle shards here …
  u32 first_shard = 0;          ///< … and the first one's number in the node
  u32 gateways = 1;             ///< who hand inputs in and read frames
  bool chooses_battles = true;  ///< numbers battles and keeps up their count; false: somebody else does
  const battle::OverloadState* overload = nullptr;  ///< outlives the host; null: no ladder
  std::function<void()> on_durable;                 ///< on the journal's thread: more frames may be shown
  std::function<void()> on_tick;                    ///< on a shard's thread: more frames are there
};

class BattleHost final : public Battles {
 public:
  /// Recovers the folder, which stays as it is until begin(). References outlive the host.
  static Result<std::unique_ptr<BattleHost>> open(const config::Configuration& values,
                                                  BattleHostOptions options, recovery::GameLookup games,
                                                  battle::BattleDirectory& directory, env::FileSystem& files,
                                                  env::Random& random, const env::Clock& clock);
  ~BattleHost() override;

  const BattlesReport& report() const override { return report_; }
  BattleControl& control() override { return *control_; }
  std::span<battle::InboundRing* const> inbound_of(u32 gateway) override;
  std::vector<FrameSource> frames_of(u32 gateway) override;
  Result<void> begin() override;
  Result<void> start() override;
  void stop() override;
  std::optional<Error> failure() const override;
  std::vector<ShardFigures> shards() const override;
  std::vector<JournalFigures> journals() const override;
  std::vector<GroupFigures> groups() const override { return {}; }
  u64 restarted() const override { return control_->restarted(); }
  u64 given_up() const override { return control_->given_up(); }

  /// Of all battles that the folder is known to have had; 0: none.
  BattleId highest_battle() const { return highest_; }
  /// No frame of a ring is larger.
  u32 max_frame_bytes() const { return frames_.front()->max_frame_bytes(); }

 private:
  using Running = std::vector<std::unique_ptr<RunningBattle>>;
  BattleHost(const config::Configuration& values, BattleHostOptions options, recovery::GameLookup games,
             battle::BattleDirectory& directory, env::FileSystem& files, env::Random& random,
             const env::Clock& clock);
  Result<void> recover();
  Result<void> open_control();
  Result<void> take_in();
  Result<void> open_rings();
  Result<void> open_journal();
  Result<void> journal_resumption();
  Result<void> wait_until_durable(u64 sequence);
  Result<void> open_shards();
  void on_durable();

  const config::Configuration& values_;
  BattleHostOptions options_;
  recovery::GameLookup games_;
  battle::BattleDirectory& directory_;
  env::FileSystem& files_;
  env::Random& random_;
  const env::Clock& clock_;
  BattlesReport report_;
  BattleId highest_{};

  // From open() to begin().
  recovery::Recovery recovery_;
  Running recovered_;
  std::unique_ptr<RunningBattle> first_;  ///< of a new folder
  std::size_t tick_room_ = 0;
  snapshot::SnapshotRoom snapshot_room_;

  // In the order of the path; stopped from the outside in.
  std::vector<std::vector<std::unique_ptr<battle::InboundRing>>> inbound_;  ///< by gateway, by shard
  std::vector<std::vector<battle::InboundRing*>> inbound_of_gateway_;
  std::vector<std::unique_ptr<BroadcastRing>> frames_;  ///< by shard
  std::atomic<bool> ticking_{false};  ///< for on_durable, which runs before the shards exist
  std::unique_ptr<journal::GroupCommitter> committer_;
  std::vector<std::unique_ptr<snapshot::SnapshotWriter>> snapshots_;  ///< by shard
  std::vector<std::unique_ptr<ShardMailbox>> mailboxes_;              ///< by shard
  std::unique_ptr<BattleControl> control_;
  std::optional<env::Watchdog> watchdog_;
  std::vector<std::unique_ptr<BattleShard>> shards_;
};

/// What a battle is made of where its maker does not say otherwise, and how battles are kept.
Result<BattleControlOptions> control_options(const config::Configuration& values, std::string failures,
                                             env::FileSystem& files);

/// Every so-many-th tick, for about so many a second.
u32 send_period_ticks(u32 hz);

}  // namespace drumline::server

// The battles of a node with each battle shard in a process of its own (a battle group).
#pragma once

#include "config/configuration.hpp"
#include "env/random.hpp"
#include "server/remote_group.hpp"

namespace drumline::server {

struct IsolatedBattlesOptions {
  std::string data;  ///< the node's; groups have theirs in it
  std::string program;
  std::vector<std::string> arguments;
  const battle::OverloadState* overload = nullptr;  ///< outlives the battles
  std::function<void()> on_frames;                  ///< on a group's thread
};

class IsolatedBattles final : public Battles {
 public:
  /// Starts the processes, which recover their folders. References outlive the battles.
  static Result<std::unique_ptr<IsolatedBattles>> open(const config::Configuration& values,
                                                       IsolatedBattlesOptions options,
                                                       battle::BattleDirectory& directory,
                                                       env::FileSystem& files, env::Random& random,
                                                       const env::Clock& clock);
  ~IsolatedBattles() override;

  const BattlesReport& report() const override { return report_; }
  BattleControl& control() override { return *control_; }
  std::span<battle::InboundRing* const> inbound_of(u32 gateway) override { return inbound_[gateway]; }
  std::vector<FrameSource> frames_of(u32 gateway) override;
  /// Nothing: each process takes its folder over when it is told to tick.
  Result<void> begin() override { return {}; }
  Result<void> start() override;
  void stop() override;
  std::optional<Error> failure() const override;
  std::vector<ShardFigures> shards() const override;
  std::vector<JournalFigures> journals() const override;
  std::vector<GroupFigures> groups() const override;
  u64 restarted() const override;
  u64 given_up() const override;

 private:
  IsolatedBattles() = default;
  Result<void> launch(const config::Configuration& values, const IsolatedBattlesOptions& options,
                      env::FileSystem& files, const env::Clock& clock);
  /// The highest number of a battle that any of them knows.
  Result<BattleId> wait_until_opened(battle::BattleDirectory& directory);

  BattlesReport report_;
  std::vector<std::unique_ptr<ShardMailbox>> mailboxes_;
  std::unique_ptr<BattleControl> control_;
  std::vector<std::unique_ptr<RemoteGroup>> groups_;
  std::vector<std::vector<battle::InboundRing*>> inbound_;  ///< by gateway, by group
};

}  // namespace drumline::server

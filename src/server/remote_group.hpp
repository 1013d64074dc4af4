// A battle shard in a process of its own, as the node sees it: stands where a BattleShard
// stands, with the same input rings, frame ring and mailbox. Starts the process, hands on
// what comes, and starts it again when it dies. What the process says is not trusted.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/broadcast_ring.hpp"
#include "broadcast/battle_frame.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "env/linked_process.hpp"
#include "env/poller.hpp"
#include "env/wakeup.hpp"
#include "link/channel.hpp"
#include "link/messages.hpp"
#include "server/battles.hpp"
#include "server/group_status.hpp"

namespace drumline::server {

struct RemoteGroupOptions {
  u32 group = 0;
  u32 shards = 1;             ///< of the whole node
  std::string data;           ///< the group's own folder
  std::string failures;       ///< folder of reports
  std::string configuration;  ///< TOML
  std::string program;
  std::vector<std::string> arguments;
  u32 max_failures = 3;  ///< in a row; one more, and the group is given up
  u32 gateways = 1;
  env::PollerKind poller = env::default_poller_kind();
  std::size_t input_ring_slots = 16384;
  const battle::OverloadState* overload = nullptr;  ///< for the pace; outlives the group
  std::function<void()> on_frames;  ///< on the group's thread: frames are there, all of them durable
};

class RemoteGroup {
 public:
  /// What its folder held, when its process has read it.
  struct Opened {
    BattlesReport report;
    std::vector<battle::BattleDirectory::Entry> battles;
    BattleId highest;
  };

  static Result<std::unique_ptr<RemoteGroup>> create(RemoteGroupOptions options, ShardMailbox& mailbox,
                                                     env::FileSystem& files, const env::Clock& clock);
  ~RemoteGroup();

  // ---- one thread, in this order

  /// Starts the process.
  void launch();
  /// Until it has recovered its folder. From here on frames() is there.
  Result<Opened> wait_until_opened();
  /// Clients can come: the group ticks from here on. `control` outlives it and hears of its battles.
  void begin(BattleControl& control);
  /// Lets the process finish its tick and end. stop() waits for that.
  void request_stop();
  void stop();

  battle::InboundRing& inbound(u32 gateway) { return *inbound_[gateway]; }
  BroadcastRing& frames() { return *frames_; }

  // ---- any thread

  GroupFigures figures() const;
  const GroupMirror& mirror() const { return mirror_; }
  JournalFigures journal() const;

 private:
  /// One run of the process.
  struct Life {
    Life(env::LinkedProcess started, TimeNs now)
        : process(std::move(started)), channel(process.link()), heard_at(now) {}
    env::LinkedProcess process;
    link::Channel channel;
    bool ready = false;
    bool begun = false;
    u32 pace_percent = world::kNormalPacePercent;  ///< as told
    TimeNs heard_at;
    TimeNs begun_at = 0;
    BattlesReport report;
    std::unordered_map<BattleId, Tick> found;  ///< battles that its folder held, until ready
    std::vector<battle::BattleDirectory::Entry> entries;
    std::optional<Error> told;  ///< why it says that it cannot go on
  };
  struct Known {
    battle::BattleDirectory::Entry entry;
    Tick tick = 0;  ///< of its newest frame
  };

  RemoteGroup(RemoteGroupOptions options, ShardMailbox& mailbox, env::FileSystem& files,
              const env::Clock& clock, env::Wakeup wakeup, std::unique_ptr<env::Poller> poller);
  void run();
  std::string live();
  std::string serve(Life& life);
  Result<void> wait(const Life& life);
  void send(Life& life, const link::ToGroup& message);
  void begin_ticking(Life& life);
  void send_pace(Life& life);

  // What the process says.
  Result<void> on_message(Life& life, u16 kind, Bytes payload);
  Result<void> on(Life& life, link::Resumed& resumed);
  Result<void> on(Life& life, link::Note& note);
  Result<void> on(Life& life, link::Installed& installed);
  Result<void> on(Life& life, link::Ready& ready);
  Result<void> on(Life& life, link::Over& over);
  Result<void> on(Life& life, link::NotMade& not_made);
  Result<void> on(Life& life, link::Answer& answer);
  Result<void> on(Life& life, link::Snapshot& snapshot);
  Result<void> on(Life& life, link::Status& status);
  Result<void> on(Life& life, link::Failed& failed);
  Result<void> on_frames(Bytes payload);
  Result<void> check_frame(Bytes frame, std::vector<BattleId>& ended);
  void adopt(Life& life);
  void lose(BattleId battle, const std::string& why);

  // What it is told.
  void send_inputs(Life& life);
  void send_requests(Life& life);
  void request(Life& life, InstallBattle& install);
  void request(Life& life, MakeBattle& make);
  void request(Life& life, DisposeBattle& dispose);
  void request(Life& life, Tell& tell);
  void request(Life& life, Ask& ask);
  void request(Life& life, TakeSnapshot& take);
  void expire_requests();

  // Its death.
  void fail_requests(const Error& why);
  void refuse_requests();
  void report(i64 process, const std::string& why);
  void give_up(const std::string& why);

  RemoteGroupOptions options_;
  ShardMailbox& mailbox_;
  env::FileSystem& files_;
  const env::Clock& clock_;
  env::Wakeup wakeup_;
  std::unique_ptr<env::Poller> poller_;                        ///< of the wakeup and the life's link
  std::vector<std::unique_ptr<battle::InboundRing>> inbound_;  ///< by gateway
  std::unique_ptr<BroadcastRing> frames_;
  std::promise<Result<Opened>> opened_;
  bool was_opened_ = false;
  std::atomic<BattleControl*> control_{nullptr};
  std::atomic<bool> stopping_{false};

  // The thread's own.
  std::unordered_map<BattleId, Known> battles_;
  std::unordered_set<BattleId> coming_;  ///< it was told to make them
  struct PendingAsk {
    std::promise<Result<std::vector<std::byte>>> promise;
    TimeNs deadline;
  };
  struct PendingSnapshot {
    std::promise<Result<BattleSnapshot>> promise;
    TimeNs deadline;
  };
  struct PendingTell {
    std::promise<Result<void>> promise;
    TimeNs deadline;  ///< none: its group answers, or its end does
  };
  std::unordered_map<u64, PendingTell> tells_;
  std::unordered_map<u64, PendingAsk> asks_;
  std::unordered_map<u64, PendingSnapshot> snapshots_;
  u64 requests_ = 0;
  u32 failures_ = 0;                    ///< in a row
  std::deque<battle::Inbound> inputs_;  ///< the last that it was given, for the report
  std::vector<std::byte> scratch_;

  GroupMirror mirror_;
  std::atomic<u64> restarts_{0};
  std::atomic<u64> behind_{0};
  std::atomic<i64> process_{0};
  std::atomic<bool> up_{false};
  std::atomic<bool> given_up_{false};
  mutable std::mutex journal_mutex_;
  journal::WriterState journal_state_ = journal::WriterState::open;
  std::string journal_reason_;
  std::thread thread_;
};

}  // namespace drumline::server

#include "server/battle_group.hpp"

#include <cstring>
#include <future>
#include <set>

#include <poll.h>

#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "config/load.hpp"
#include "env/folder_lock.hpp"
#include "env/poller.hpp"
#include "env/thread.hpp"
#include "link/channel.hpp"
#include "server/battle_host.hpp"
#include "server/frame_packer.hpp"
#include "server/group_status.hpp"

namespace drumline::server {
namespace {

constexpr int kStopped = 0;
constexpr int kFailed = 3;
/// How soon an answer is looked for that a battle owes.
constexpr i64 kAnswerWaitNs = 4 * kMillisecondNs;
/// The poller's tokens.
constexpr u64 kWakeup = 0;
constexpr u64 kLink = 1;

class BattleGroup {
 public:
  BattleGroup(const std::vector<const world::Game*>& games, int link, env::Wakeup wakeup)
      : games_(games), link_(link), channel_(link), wakeup_(std::move(wakeup)) {}

  /// Until the node says stop or is gone.
  Result<void> run();
  /// The last that the node hears.
  void say(const Error& error);

 private:
  // Where a gateway would stand, the link does.
  Result<void> on_message(u16 kind, Bytes payload);
  Result<void> on(const link::Start& start);
  Result<void> on(const link::Begin&);
  Result<void> on(const link::Make& make);
  Result<void> on(const link::Dispose& dispose);
  Result<void> on(const link::Tell& tell);
  Result<void> on(const link::Ask& ask);
  Result<void> on(const link::TakeSnapshot& take);
  Result<void> on(const link::Stop&);
  Result<void> on(const link::Pace& pace);
  Result<void> on_inputs(Bytes payload);
  void report_recovery();
  void announce(const battle::BattleEntry& entry);
  void announce_changes();
  Result<void> send_frames();
  void send_over();
  void send_failures();
  void send_answers();
  void send_status();
  Result<void> wait_with(env::PollerKind kind);
  Result<void> wait();
  void send(const link::FromGroup& message);

  const std::vector<const world::Game*>& games_;
  int link_;
  link::Channel channel_;
  env::Wakeup wakeup_;
  std::unique_ptr<env::Poller> poller_;
  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::FileSystem> files_ = env::make_system_files();
  config::Loaded configuration_;
  std::optional<env::FolderLock> lock_;
  battle::BattleDirectory directory_;
  battle::OverloadState overload_;  ///< the node's, as far as it is told
  std::unique_ptr<BattleHost> host_;
  battle::InboundRing* inbound_ = nullptr;
  FrameSource frames_;
  bool begun_ = false;
  bool stopping_ = false;
  u64 inputs_dropped_ = 0;

  u64 directory_version_ = 0;
  std::set<BattleId> announced_;
  std::vector<BattleId> over_;  ///< to be told when the frame ring is empty
  template <class T>
  struct Pending {
    u64 request;
    std::future<Result<T>> future;
  };
  std::vector<Pending<void>> tells_;
  std::vector<Pending<std::vector<std::byte>>> asks_;
  std::vector<Pending<BattleSnapshot>> snapshots_;
  std::mutex failures_mutex_;
  std::vector<link::NotMade> failures_;  ///< from the control's thread
  StatusWriter status_;
  TimeNs next_status_ = 0;
  std::vector<std::byte> scratch_;
};

void BattleGroup::send(const link::FromGroup& message) {
  link::encode(message, scratch_);
  channel_.send(static_cast<u16>(link::kind_of(message)), scratch_);
}

void BattleGroup::say(const Error& error) {
  send(link::Failed{static_cast<u8>(error.code), error.message});
  pollfd writable{link_, POLLOUT, 0};
  while (channel_.queued_bytes() > 0 && ::poll(&writable, 1, 1000) > 0 && channel_.flush()) {
  }
}

// ---- what the node says

Result<void> BattleGroup::on_message(u16 kind, Bytes payload) {
  if (kind == static_cast<u16>(link::Kind::inputs)) return on_inputs(payload);
  auto message = link::decode_to_group(kind, payload);
  if (!message) return std::move(message).error();
  const bool first = std::holds_alternative<link::Start>(*message);
  if (first != (host_ == nullptr)) return Error{ErrorCode::malformed, "link: a message out of its turn"};
  return std::visit([this](const auto& which) { return on(which); }, *message);
}

Result<void> BattleGroup::on(const link::Start& start) {
  if (start.protocol != link::kProtocolVersion || start.build_id != battle::build_id()) {
    return Error{ErrorCode::mismatch, "the node is build " + start.build_id + ", the group's process is " +
                                          battle::build_id() + ": they must be one program"};
  }
  config::Sources sources;
  sources.file_name = "the node's configuration";
  sources.file_text = start.configuration;
  auto configuration = config::load_or_explain(sources);
  if (!configuration) return std::move(configuration).error();
  configuration_ = std::move(*configuration);
  if (const auto level = parse_log_level(configuration_.values.log.level)) set_log_level(*level);
  auto kind = env::parse_poller_kind(configuration_.values.threads.event_loop);
  if (!kind) return std::move(kind).error();
  if (auto waits = wait_with(*kind); !waits) return waits;
  if (auto made = files_->make_folder(start.data); !made) return made;
  auto lock = env::FolderLock::take(start.data);
  if (!lock) return std::move(lock).error();
  lock_ = std::move(*lock);
  BattleHostOptions options;
  options.data = start.data;
  options.failures = start.failures;
  options.first_shard = start.group;
  options.chooses_battles = false;
  options.overload = &overload_;
  options.on_durable = options.on_tick = [this] { wakeup_.notify(); };
  const recovery::GameLookup lookup = [this](std::string_view name) -> const world::Game* {
    for (const world::Game* game : games_) {
      if (game->name() == name) return game;
    }
    return nullptr;
  };
  auto host = BattleHost::open(configuration_.values, std::move(options), lookup, directory_, *files_,
                               random_, clock_);
  if (!host) return std::move(host).error();
  host_ = std::move(*host);
  inbound_ = host_->inbound_of(0).front();
  frames_ = host_->frames_of(0).front();
  report_recovery();
  return {};
}

void BattleGroup::report_recovery() {
  for (const recovery::BattleReport& battle : host_->report().recovered) {
    send(link::Resumed{battle.id, battle.game, battle.epoch.value, battle.resumed_tick, battle.state_hash,
                       battle.equal, battle.snapshot_tick, battle.ticks_replayed, battle.milliseconds});
  }
  for (const std::string& warning : host_->report().warnings) send(link::Note{warning});
  for (const auto& entry : directory_.all()) announce(*entry);
  directory_version_ = directory_.version();
  send(link::Ready{link::kProtocolVersion, host_->max_frame_bytes(), host_->highest_battle(),
                   host_->report().recovery_ms});
}

Result<void> BattleGroup::on(const link::Begin&) {
  if (begun_) return {};
  if (auto begun = host_->begin(); !begun) return begun;
  begun_ = true;
  return host_->start();
}

Result<void> BattleGroup::on(const link::Make& make) {
  host_->control().make_numbered(make.battle, [this, id = make.battle](Error why) {
    {
      const std::lock_guard lock(failures_mutex_);
      failures_.push_back({id, std::move(why.message)});
    }
    wakeup_.notify();
  });
  return {};
}

Result<void> BattleGroup::on(const link::Dispose& dispose) {
  // It may have ended meanwhile.
  (void)host_->control().dispose(dispose.battle, dispose.why);
  return {};
}

Result<void> BattleGroup::on(const link::Tell& tell) {
  tells_.push_back({tell.request, host_->control().tell(tell.battle, tell.message)});
  return {};
}

Result<void> BattleGroup::on(const link::Ask& ask) {
  asks_.push_back(
      {ask.request, host_->control().ask(ask.battle, ask.question, clock_.now() + ask.patience_ns)});
  return {};
}

Result<void> BattleGroup::on(const link::TakeSnapshot& take) {
  snapshots_.push_back(
      {take.request, host_->control().snapshot(take.battle, clock_.now() + take.patience_ns)});
  return {};
}

Result<void> BattleGroup::on(const link::Stop&) {
  stopping_ = true;
  return {};
}

Result<void> BattleGroup::on(const link::Pace& pace) {
  overload_.pace_percent.store(pace.percent, std::memory_order_relaxed);
  return {};
}

Result<void> BattleGroup::on_inputs(Bytes payload) {
  if (inbound_ == nullptr) return Error{ErrorCode::malformed, "link: inputs before Start"};
  ByteReader in(payload);
  while (!in.at_end()) {
    const auto inbound = link::read_inbound(in);
    if (!inbound) return Error{ErrorCode::malformed, "link: inputs that are none"};
    battle::Inbound* const slot = inbound_->try_reserve();
    if (slot == nullptr) {
      ++inputs_dropped_;
      continue;
    }
    *slot = *inbound;
    inbound_->commit();
  }
  return {};
}

// ---- what it hears

void BattleGroup::announce(const battle::BattleEntry& entry) {
  announced_.insert(entry.descriptor->id);
  send(link::Installed{*entry.descriptor, entry.seated.load(), entry.tick.load()});
}

void BattleGroup::announce_changes() {
  const u64 version = directory_.version();
  if (version == directory_version_) return;
  directory_version_ = version;
  std::set<BattleId> there;
  for (const auto& entry : directory_.all()) {
    there.insert(entry->descriptor->id);
    if (!announced_.contains(entry->descriptor->id)) announce(*entry);
  }
  std::erase_if(announced_, [&](BattleId id) {
    if (there.contains(id)) return false;
    // Its last frame is in the ring by now.
    over_.push_back(id);
    return true;
  });
}

Result<void> BattleGroup::send_frames() {
  BroadcastRing::Consumer& ring = *frames_.frames;
  while (channel_.has_room()) {
    const auto bytes = ring.peek();
    if (!bytes) {
      send_over();
      return {};
    }
    FrameEnvelope envelope;
    std::memcpy(&envelope, bytes->data(), sizeof envelope);
    if (ring.lapped() != 0) {
      ring.release();
      return Error{ErrorCode::unavailable, "the node took no frames for a whole frame ring"};
    }
    // Durable before visible: what a crash could undo does not leave this process.
    if (envelope.journal_sequence > frames_.durable()) {
      ring.release_unread();
      return {};
    }
    channel_.send(static_cast<u16>(link::Kind::frames), std::as_bytes(std::span(&envelope.published_at, 1)),
                  bytes->subspan(sizeof envelope));
    ring.release();
  }
  return {};
}

void BattleGroup::send_over() {
  for (const BattleId id : over_) send(link::Over{id});
  over_.clear();
}

void BattleGroup::send_failures() {
  std::vector<link::NotMade> failures;
  {
    const std::lock_guard lock(failures_mutex_);
    failures.swap(failures_);
  }
  for (link::NotMade& failure : failures) send(std::move(failure));
}

void BattleGroup::send_answers() {
  const auto settled = [](auto& pending) {
    return pending.future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  std::erase_if(tells_, [&](auto& pending) {
    if (!settled(pending)) return false;
    link::Answer answer{pending.request, 0, {}, {}};
    if (auto result = pending.future.get(); !result) {
      answer.error_code = static_cast<u8>(result.error().code);
      answer.error = std::move(result.error().message);
    }
    send(std::move(answer));
    return true;
  });
  std::erase_if(asks_, [&](auto& pending) {
    if (!settled(pending)) return false;
    link::Answer answer{pending.request, 0, {}, {}};
    if (auto result = pending.future.get()) {
      answer.bytes = std::move(*result);
    } else {
      answer.error_code = static_cast<u8>(result.error().code);
      answer.error = std::move(result.error().message);
    }
    send(std::move(answer));
    return true;
  });
  std::erase_if(snapshots_, [&](auto& pending) {
    if (!settled(pending)) return false;
    link::Snapshot answer;
    answer.request = pending.request;
    auto result = pending.future.get();
    if (result && result->content.size() > link::kMaxAnswerBytes) {
      result = Error{ErrorCode::exhausted, "the battle's state of " + std::to_string(result->content.size()) +
                                               " bytes is too large to be handed over"};
    }
    if (result) {
      answer.tick = result->tick;
      answer.state_hash = result->state_hash;
      answer.info = std::move(result->info);
      answer.content = std::move(result->content);
    } else {
      answer.error_code = static_cast<u8>(result.error().code);
      answer.error = std::move(result.error().message);
    }
    send(std::move(answer));
    return true;
  });
}

void BattleGroup::send_status() {
  if (clock_.now() < next_status_) return;
  next_status_ = clock_.now() + link::kStatusPeriodNs;
  send(status_.next(*host_, directory_));
}

// ---- the duty cycle

Result<void> BattleGroup::wait_with(env::PollerKind kind) {
  auto poller = env::make_poller(kind, 2);
  if (!poller) return std::move(poller).error().within("threads.event_loop");
  poller_ = std::move(*poller);
  return poller_->watch(wakeup_.descriptor(), env::Interest::read, kWakeup);
}

Result<void> BattleGroup::wait() {
  i64 wait_ns = begun_ ? std::max<i64>(0, next_status_ - clock_.now()) : kSecondNs;
  if (!tells_.empty() || !asks_.empty() || !snapshots_.empty()) wait_ns = std::min(wait_ns, kAnswerWaitNs);
  const auto interest = channel_.queued_bytes() > 0 ? env::Interest::both : env::Interest::read;
  if (auto watched = poller_->watch(link_, interest, kLink); !watched) return watched;
  for (const env::Ready& ready : poller_->wait(clock_.now() + wait_ns)) {
    if (ready.token == kWakeup) wakeup_.drain();
  }
  return {};
}

Result<void> BattleGroup::run() {
  env::set_timer_slack(1000);
  // Until the configuration is here.
  if (auto waits = wait_with(env::default_poller_kind()); !waits) return waits;
  while (!stopping_) {
    if (auto waited = wait(); !waited) return waited;
    auto received = channel_.receive([this](u16 kind, Bytes payload) { return on_message(kind, payload); });
    if (!received) return received;
    if (begun_) {
      announce_changes();
      if (auto sent = send_frames(); !sent) return sent;
      send_failures();
      send_answers();
      send_status();
      if (const auto failure = host_->failure()) return *failure;
    }
    if (auto flushed = channel_.flush(); !flushed) return flushed;
  }
  if (host_ != nullptr) host_->stop();
  return {};
}

}  // namespace

int run_battle_group(const std::vector<const world::Game*>& games, int link) {
  auto adopted = env::adopt_link(link);
  auto wakeup = env::Wakeup::create();
  if (!adopted || !wakeup) {
    log_error("a battle group does not start: {}",
              adopted ? wakeup.error().message : adopted.error().message);
    return kFailed;
  }
  env::set_thread_name("link");
  BattleGroup group(games, link, std::move(*wakeup));
  if (auto done = group.run(); !done) {
    group.say(done.error());
    return kFailed;
  }
  return kStopped;
}

}  // namespace drumline::server

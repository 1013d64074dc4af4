// RemoteGroup: its process comes, lives and goes. remote_group_link.cpp: what is said.
#include "server/remote_group.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "env/thread.hpp"
#include "recovery/describe.hpp"

namespace drumline::server {
namespace {

/// Input rings are looked at this often.
constexpr i64 kRoundNs = 2 * kMillisecondNs;
/// A process that ticks and says nothing for so long hangs.
constexpr i64 kSilenceNs = 10 * kSecondNs;
/// After so much good time a death counts as a first one again.
constexpr i64 kForgiveNs = 10 * kSecondNs;
/// How long a process may take to end by itself.
constexpr i64 kEndGraceNs = 10 * kSecondNs;
/// Between the second death in a row and the start after it; then twice as long each time.
constexpr i64 kBackOffNs = 50 * kMillisecondNs;
constexpr u32 kBackOffDoublings = 6;
/// The poller's tokens.
constexpr u64 kWakeup = 0;
constexpr u64 kLink = 1;

}  // namespace

RemoteGroup::RemoteGroup(RemoteGroupOptions options, ShardMailbox& mailbox, env::FileSystem& files,
                         const env::Clock& clock, env::Wakeup wakeup, std::unique_ptr<env::Poller> poller)
    : options_(std::move(options)),
      mailbox_(mailbox),
      files_(files),
      clock_(clock),
      wakeup_(std::move(wakeup)),
      poller_(std::move(poller)) {
  for (u32 gateway = 0; gateway < options_.gateways; ++gateway)
    inbound_.push_back(std::make_unique<battle::InboundRing>(options_.input_ring_slots));
}

Result<std::unique_ptr<RemoteGroup>> RemoteGroup::create(RemoteGroupOptions options, ShardMailbox& mailbox,
                                                         env::FileSystem& files, const env::Clock& clock) {
  auto wakeup = env::Wakeup::create();
  if (!wakeup) return std::move(wakeup).error();
  auto poller = env::make_poller(options.poller, 2);
  if (!poller) return std::move(poller).error().within("threads.event_loop");
  if (auto watched = (*poller)->watch(wakeup->descriptor(), env::Interest::read, kWakeup); !watched)
    return std::move(watched).error();
  return std::unique_ptr<RemoteGroup>(
      new RemoteGroup(std::move(options), mailbox, files, clock, std::move(*wakeup), std::move(*poller)));
}

RemoteGroup::~RemoteGroup() {
  stop();
}

void RemoteGroup::launch() {
  // The process is started there, as it ends with the thread that starts it.
  thread_ = std::thread([this] { run(); });
}

Result<RemoteGroup::Opened> RemoteGroup::wait_until_opened() {
  return opened_.get_future().get();
}

void RemoteGroup::begin(BattleControl& control) {
  control_.store(&control, std::memory_order_release);
  wakeup_.notify();
}

void RemoteGroup::request_stop() {
  stopping_.store(true);
  wakeup_.notify();
}

void RemoteGroup::stop() {
  request_stop();
  if (thread_.joinable()) thread_.join();
}

GroupFigures RemoteGroup::figures() const {
  return {options_.group, process_.load(), up_.load(), given_up_.load(), restarts_.load(), behind_.load()};
}

JournalFigures RemoteGroup::journal() const {
  JournalFigures figures;
  figures.group = options_.group;
  figures.commit_ns = &mirror_.commit_ns;
  figures.bytes = mirror_.journal_bytes.value();
  figures.space_bytes = static_cast<u64>(std::max<i64>(0, mirror_.journal_space_bytes.value()));
  figures.fenced_segments = mirror_.fenced_segments.value();
  figures.snapshots_written = mirror_.snapshots_written.value();
  figures.snapshots_skipped = mirror_.snapshots_skipped.value();
  figures.snapshots_failed = mirror_.snapshots_failed.value();
  const std::lock_guard lock(journal_mutex_);
  figures.state = journal_state_;
  figures.reason = journal_reason_;
  return figures;
}

// ---- from one process to the next

void RemoteGroup::run() {
  env::set_thread_name("group-" + std::to_string(options_.group));
  env::set_timer_slack(1000);
  while (!stopping_.load()) {
    const std::string why = live();
    const i64 process = process_.exchange(0);
    up_.store(false);
    if (stopping_.load()) break;
    if (!was_opened_) {
      opened_.set_value(Error{ErrorCode::unavailable,
                              "battle group " + std::to_string(options_.group) + " does not start: " + why});
      return;
    }
    ++failures_;
    log_error("the process of battle group {} {}: {} battles stop ({} in a row)", options_.group, why,
              battles_.size(), failures_);
    report(process, why);
    fail_requests({ErrorCode::unavailable, "the process of the battle " + why + "; it is started again"});
    if (failures_ > options_.max_failures) {
      give_up(why);
      return;
    }
    restarts_.fetch_add(1);
    if (failures_ > 1) {
      const TimeNs until = clock_.now() + (kBackOffNs << std::min(failures_ - 2, kBackOffDoublings));
      while (!stopping_.load() && wakeup_.wait_until(until)) {
      }
    }
  }
}

/// One process, from its start to its end; how it ended.
std::string RemoteGroup::live() {
  auto process = env::LinkedProcess::start(options_.program, options_.arguments);
  if (!process) return process.error().message;
  process_.store(process->id());
  Life life(std::move(*process), clock_.now());
  std::string why = serve(life);
  poller_->unwatch(life.process.link());
  const bool by_itself = why.empty();
  if (life.begun && clock_.now() - life.begun_at >= kForgiveNs) failures_ = 0;
  const env::ProcessEnd end = life.process.end_within(by_itself || stopping_.load() ? kEndGraceNs : 0);
  if (life.told) return "said: " + life.told->message;
  return by_itself ? end.to_string() : why;
}

/// Until the link ends (""), or the process is to be killed: then why.
std::string RemoteGroup::serve(Life& life) {
  send(life, link::Start{link::kProtocolVersion, options_.group, options_.shards, battle::build_id(),
                         options_.data, options_.failures, options_.configuration});
  bool told_to_stop = false;
  for (;;) {
    if (auto waited = wait(life); !waited) return "was killed: " + waited.error().message;
    auto received =
        life.channel.receive([&](u16 kind, Bytes payload) { return on_message(life, kind, payload); });
    if (!received) {
      const bool ended = received.error().code == ErrorCode::unavailable;
      return ended ? "" : "said what it must not (" + received.error().message + ") and was killed";
    }
    if (stopping_.load()) {
      if (!std::exchange(told_to_stop, true)) {
        send(life, link::Stop{});
        life.heard_at = clock_.now();
      }
    } else {
      if (life.ready && !life.begun && control_.load(std::memory_order_acquire) != nullptr) adopt(life);
      if (life.begun) {
        send_pace(life);
        send_inputs(life);
        send_requests(life);
      }
    }
    expire_requests();
    if (!life.channel.flush()) return "";
    const bool silent = clock_.now() - life.heard_at > kSilenceNs;
    if (silent && told_to_stop) return "did not stop and was killed";
    if (silent && life.begun) return "said nothing for 10 s and was killed";
    if (told_to_stop && !life.ready) return "was killed while it recovered";
  }
}

Result<void> RemoteGroup::wait(const Life& life) {
  const auto interest = life.channel.queued_bytes() > 0 ? env::Interest::both : env::Interest::read;
  if (auto watched = poller_->watch(life.process.link(), interest, kLink); !watched) return watched;
  const i64 wait_ns = life.begun ? kRoundNs : 100 * kMillisecondNs;
  for (const env::Ready& ready : poller_->wait(clock_.now() + wait_ns)) {
    if (ready.token == kWakeup) wakeup_.drain();
  }
  return {};
}

void RemoteGroup::begin_ticking(Life& life) {
  send(life, link::Begin{});
  life.begun = true;
  life.begun_at = life.heard_at = clock_.now();
  up_.store(true);
}

void RemoteGroup::send_pace(Life& life) {
  if (options_.overload == nullptr) return;
  const u32 pace = options_.overload->pace_percent.load(std::memory_order_relaxed);
  if (pace == life.pace_percent) return;
  life.pace_percent = pace;
  send(life, link::Pace{pace});
}

// ---- what its end means for battles

/// The process has recovered its folder: its battles are the node's from here on. They know
/// none of the sessions that played them, which is why each gets an entry of its own.
void RemoteGroup::adopt(Life& life) {
  BattleControl& control = *control_.load();
  std::unordered_map<BattleId, Known> before;
  before.swap(battles_);
  for (const battle::BattleDirectory::Entry& entry : life.entries) {
    const BattleId id = entry->descriptor->id;
    Known known{entry, life.found[id]};
    const auto old = before.find(id);
    if (old != before.end()) {
      if (known.tick < old->second.tick) {
        behind_.fetch_add(1);
        log_error("battle {} resumed at tick {}, but tick {} was shown", id.value, known.tick,
                  old->second.tick);
      }
      entry->failures.store(old->second.entry->failures.load() + 1);
      old->second.entry->open.store(false);
    }
    coming_.erase(id);
    // The first time the node takes them from what was opened.
    if (restarts_.load() != 0) control.on_installed(entry);
    battles_.emplace(id, std::move(known));
  }
  for (auto& [id, known] : before) {
    if (battles_.contains(id)) continue;
    known.entry->open.store(false);
    known.entry->lost.store(true);
    control.on_gone(id, "it ended with the process that it ran in");
  }
  for (const BattleId id : coming_) control.on_gone(id, "its process ended while it was made");
  coming_.clear();
  for (const std::string& warning : life.report.warnings)
    log_warning("battle group {}: {}", options_.group, warning);
  begin_ticking(life);
  if (restarts_.load() != 0) {
    log_warning("battle group {} is back with {} battles, recovered in {:.1f} ms", options_.group,
                battles_.size(), life.report.recovery_ms);
  }
}

/// No frame of it will come any more.
void RemoteGroup::lose(BattleId battle, const std::string& why) {
  const auto known = battles_.find(battle);
  if (known == battles_.end()) return;
  known->second.entry->end.store(wire::EndCause::failed);
  known->second.entry->open.store(false);
  known->second.entry->lost.store(true);
  battles_.erase(known);
  if (BattleControl* const control = control_.load()) control->on_gone(battle, why);
}

void RemoteGroup::give_up(const std::string& why) {
  given_up_.store(true);
  log_error("battle group {} is given up: its process failed {} times in a row, at last it {}",
            options_.group, failures_, why);
  BattleControl& control = *control_.load();
  control.on_shard_lost(options_.group);
  while (!battles_.empty()) lose(battles_.begin()->first, "its battle group is given up");
  for (const BattleId id : coming_) control.on_gone(id, "its battle group is given up");
  coming_.clear();
  if (options_.on_frames) options_.on_frames();
  while (!stopping_.load()) {
    refuse_requests();
    wakeup_.wait_until(clock_.now() + 100 * kMillisecondNs);
  }
}

// What a developer needs to find out what happened: docs/operations.md, "A battle group died".
void RemoteGroup::report(i64 process, const std::string& why) {
  nlohmann::ordered_json json{
      {"group", options_.group},        {"process", process},   {"reason", why}, {"in_a_row", failures_},
      {"build_id", battle::build_id()}, {"data", options_.data}};
  json["battles"] = nlohmann::ordered_json::array();
  for (const auto& [id, known] : battles_) {
    json["battles"].push_back({{"battle", id.value}, {"last_shown_tick", known.tick}});
  }
  json["last_inputs"] = nlohmann::ordered_json::array();
  for (const battle::Inbound& inbound : inputs_) {
    nlohmann::ordered_json entry{{"battle", inbound.battle.value}, {"session", inbound.session.value}};
    if (inbound.kind == battle::Inbound::Kind::command) {
      entry["input"] =
          recovery::input_json({battle::InputKind::command, inbound.player, inbound.command, {}});
    } else {
      entry["kind"] = static_cast<int>(inbound.kind);
      entry["player"] = inbound.player.value;
    }
    json["last_inputs"].push_back(std::move(entry));
  }
  const std::string path = options_.failures + "/group-" + std::to_string(options_.group) + "-" +
                           std::to_string(clock_.wall_now() / kMillisecondNs) + ".json";
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  auto written = files_.make_folder(options_.failures);
  if (written) written = env::write_file_atomic(files_, path, as_bytes(text));
  if (written)
    log_warning("what was known of battle group {} at its end is in {}", options_.group, path);
  else
    log_error("the report of a battle group's end is not written: {}", written.error().message);
}

}  // namespace drumline::server

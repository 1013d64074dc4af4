#include "server/battle_control.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "battle/build_info.hpp"
#include "desync/client_report.hpp"
#include "env/thread.hpp"
#include "recovery/describe.hpp"

namespace drumline::server {
namespace {

/// Of one run of the server: clients must not fill the disk.
constexpr u32 kMaxDesyncReports = 100;

Error not_here(BattleId battle) {
  return {ErrorCode::not_found, "battle " + std::to_string(battle.value) + " does not run here"};
}

template <class T>
std::future<Result<T>> answered(Error error) {
  std::promise<Result<T>> promise;
  promise.set_value(std::move(error));
  return promise.get_future();
}

}  // namespace

BattleControl::BattleControl(BattleControlOptions options, recovery::GameLookup games,
                             std::optional<BattleIds> ids, battle::BattleDirectory& directory,
                             std::span<ShardMailbox* const> mailboxes, env::FileSystem& files,
                             env::Random& random, const env::Clock& clock)
    : options_(std::move(options)),
      games_(std::move(games)),
      ids_(std::move(ids)),
      directory_(directory),
      mailboxes_(mailboxes.begin(), mailboxes.end()),
      files_(files),
      random_(random),
      clock_(clock),
      lost_shards_(mailboxes_.size()) {}

BattleControl::~BattleControl() {
  stop();
}

void BattleControl::start() {
  thread_ = std::thread([this] { run(); });
  post([] {});  // which tops the battles up
}

void BattleControl::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BattleControl::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void BattleControl::run() {
  env::set_thread_name("control");
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    keep_up();
  }
}

// ---- making

Result<std::unique_ptr<RunningBattle>> BattleControl::make(const BattleTemplate& wanted, BattleId id,
                                                           u32 shard) {
  const world::Game* const game = games_(wanted.game);
  if (game == nullptr) {
    return Error{ErrorCode::invalid_argument, "this build serves no game '" + wanted.game + "'"};
  }
  battle::BattleInfo info;
  info.id = id;
  info.epoch = Epoch{1};
  info.game = wanted.game;
  info.rules_document =
      wanted.rules_document.empty() ? std::string(game->default_rules()) : wanted.rules_document;
  info.seed = wanted.seed != 0 ? wanted.seed : random_.next_u64();
  info.max_players = std::min(wanted.max_players, game->most_players());
  info.max_commands_per_tick = wanted.max_commands_per_tick;
  info.build = battle::build_id();
  info.sync = wanted.sync;
  auto created = battle::Battle::create(*game, std::move(info));
  if (!created) return std::move(created).error();
  auto entry = std::make_shared<battle::BattleEntry>();
  entry->descriptor = describe(*game, **created);
  entry->shard = shard;
  return make_running(std::move(*created), *game, std::move(entry), options_.running,
                      static_cast<u32>(random_.next_u64()), false);
}

Result<std::unique_ptr<RunningBattle>> BattleControl::take_in(std::unique_ptr<battle::Battle> battle,
                                                              u32 shard) {
  const world::Game* const game = games_(battle->info().game);
  DRUM_ASSERT(game != nullptr);
  auto entry = std::make_shared<battle::BattleEntry>();
  entry->descriptor = describe(*game, *battle);
  entry->shard = shard;
  entry->seated.store(battle->seated_count());
  entry->tick.store(battle->tick());
  auto running = make_running(std::move(battle), *game, entry, options_.running,
                              static_cast<u32>(random_.next_u64()), true);
  if (running) directory_.add(std::move(entry));
  return running;
}

Result<std::unique_ptr<RunningBattle>> BattleControl::make_first() {
  auto id = ids_->next();
  if (!id) return std::move(id).error();
  return make(options_.defaults, *id, 0);
}

Result<std::unique_ptr<RunningBattle>> BattleControl::make_sample() {
  return make(options_.defaults, BattleId{1}, 0);
}

Result<void> BattleControl::install(std::unique_ptr<RunningBattle> battle) {
  const BattleId id = battle->id();
  if (max_frame_room_bytes(*battle) > frame_room_bytes_) {
    return Error{ErrorCode::exhausted,
                 "battle " + std::to_string(id.value) + " needs larger frames than this node's battles have"};
  }
  const u32 shard = battle->entry->shard;
  if (auto posted = mailboxes_[shard]->post(InstallBattle{std::move(battle)}); !posted) return posted;
  coming_.push_back({id, shard});
  return {};
}

/// None when all are lost.
std::optional<u32> BattleControl::least_loaded_shard() const {
  std::vector<u32> load(mailboxes_.size());
  for (const auto& entry : directory_.all()) ++load[entry->shard];
  for (const Coming& coming : coming_) ++load[coming.shard];
  std::optional<u32> least;
  for (u32 shard = 0; shard < load.size(); ++shard) {
    if (!lost_shards_[shard] && (!least || load[shard] < load[*least])) least = shard;
  }
  return least;
}

std::size_t BattleControl::running_or_coming() const {
  return directory_.size() + coming_.size();
}

Result<BattleId> BattleControl::create_now(const BattleTemplate& wanted) {
  if (running_or_coming() >= options_.most) {
    return Error{
        ErrorCode::exhausted,
        std::to_string(options_.most) + " battles run here, as many as may (battle.most); try again later"};
  }
  const auto shard = least_loaded_shard();
  if (!shard) return Error{ErrorCode::unavailable, "every battle group has been given up"};
  auto id = ids_->next();
  if (!id) return id;
  if (auto made = make_on_shard(wanted, *id, *shard); !made) return made.error();
  return id;
}

Result<void> BattleControl::make_on_shard(const BattleTemplate& wanted, BattleId id, u32 shard) {
  if (options_.shards_make) {
    if (auto posted = mailboxes_[shard]->post(MakeBattle{id}); !posted) return posted;
    coming_.push_back({id, shard});
    return {};
  }
  const TimeNs begun = clock_.now();
  auto made = make(wanted, id, shard);
  if (!made) return std::move(made).error();
  make_ns_.record(static_cast<u64>(clock_.now() - begun));
  return install(std::move(*made));
}

void BattleControl::make_numbered(BattleId battle, std::function<void(Error)> on_failure) {
  post([this, battle, on_failure = std::move(on_failure)] {
    if (auto made = make_on_shard(options_.defaults, battle, 0); !made) on_failure(made.error());
  });
}

void BattleControl::keep_up() {
  while (running_or_coming() < options_.keep && clock_.now() >= make_again_at_) {
    if (auto made = create_now(options_.defaults); !made) {
      log_error("a battle cannot be made: {}", made.error().message);
      return;
    }
  }
}

Result<void> BattleControl::want_battle(const std::string& game) {
  if (!game.empty() && game != options_.defaults.game) {
    return Error{ErrorCode::not_found, "no battle of the game \"" + game + "\" runs here"};
  }
  if (directory_.size() >= options_.most) {
    return Error{ErrorCode::exhausted, "every seat is taken; try again later"};
  }
  if (no_shard_left_.load()) {
    return Error{ErrorCode::exhausted, "no battle can be made here any more; try another server"};
  }
  // Those who ask at once get one battle, and ask again when it is full.
  if (wanted_.exchange(true)) return {};
  post([this] {
    wanted_.store(false);
    const auto all = directory_.all();
    const bool there_is =
        std::any_of(all.begin(), all.end(), [](const auto& entry) { return entry->has_room(); });
    if (there_is || !coming_.empty()) return;
    if (auto made = create_now(options_.defaults); !made)
      log_warning("a player found no battle: {}", made.error().message);
  });
  return {};
}

std::future<Result<BattleId>> BattleControl::create() {
  auto promise = std::make_shared<std::promise<Result<BattleId>>>();
  auto future = promise->get_future();
  post([this, promise] {
    auto made = create_now(options_.defaults);
    if (!made)
      promise->set_value(std::move(made).error());
    else
      pending_.push_back({*made, std::move(*promise)});
  });
  return future;
}

void BattleControl::on_installed(const std::shared_ptr<battle::BattleEntry>& entry) {
  post([this, entry] {
    const BattleId id = entry->descriptor->id;
    std::erase_if(coming_, [&](const Coming& coming) { return coming.battle == id; });
    directory_.add(entry);
    std::erase_if(pending_, [&](Pending& pending) {
      if (pending.battle != id) return false;
      pending.promise.set_value(id);
      return true;
    });
  });
}

void BattleControl::on_ended(std::unique_ptr<RunningBattle> battle) {
  auto shared = std::shared_ptr<RunningBattle>(std::move(battle));
  post([this, shared] {
    log_debug("battle {} is over: {}", shared->id().value, shared->end_reason);
    directory_.remove(shared->id());
  });
}

void BattleControl::on_gone(BattleId battle, std::string why) {
  post([this, battle, why = std::move(why)] {
    log_debug("battle {} is gone: {}", battle.value, why);
    directory_.remove(battle);
    const auto not_made =
        std::erase_if(coming_, [&](const Coming& coming) { return coming.battle == battle; });
    if (not_made != 0) make_again_at_ = clock_.now() + kSecondNs;
    std::erase_if(pending_, [&](Pending& pending) {
      if (pending.battle != battle) return false;
      pending.promise.set_value(Error{ErrorCode::unavailable, why});
      return true;
    });
  });
}

void BattleControl::on_shard_lost(u32 shard) {
  post([this, shard] {
    lost_shards_[shard] = true;
    no_shard_left_.store(std::find(lost_shards_.begin(), lost_shards_.end(), false) == lost_shards_.end());
  });
}

// ---- mending

void BattleControl::on_failed(FailedBattle failed) {
  auto shared = std::make_shared<FailedBattle>(std::move(failed));
  post([this, shared] { mend(*shared); });
}

void BattleControl::mend(const FailedBattle& failed) {
  report(failed);
  const BattleId id = failed.info.id;
  ShardMailbox& mailbox = *mailboxes_[failed.entry->shard];
  const auto give_up = [&](const std::string& why) {
    given_up_.fetch_add(1, std::memory_order_relaxed);
    failed.entry->open.store(false);
    log_error("battle {} is given up: {}", id.value, why);
    if (auto posted =
            mailbox.post(DisposeBattle{id, "its rules failed: " + failed.reason, wire::EndCause::failed});
        !posted) {
      log_error("battle {} cannot be ended: {}", id.value, posted.error().message);
    }
  };
  if (!options_.restart_failed) return give_up("battle.on_failure is \"stop\"");
  if (failed.failures > options_.max_failures) {
    return give_up("it failed " + std::to_string(failed.failures) + " times in a row");
  }
  auto battle = battle::go_back(*failed.game, failed.info, failed.way);
  if (!battle) return give_up(battle.error().message);
  auto running = make_running(std::move(*battle), *failed.game, failed.entry, options_.running,
                              static_cast<u32>(random_.next_u64()), false);
  if (!running) return give_up(running.error().message);
  failed.entry->failures.fetch_add(1, std::memory_order_relaxed);
  restarted_.fetch_add(1, std::memory_order_relaxed);
  log_warning("battle {} is started again from tick {}, with state hash {}", id.value, failed.way.tick,
              to_hex(failed.way.state_hash));
  if (auto posted = mailbox.post(InstallBattle{std::move(*running), true}); !posted) {
    give_up(posted.error().message);
  }
}

// What a developer needs to see it happen again: docs/operations.md, "A battle failed".
void BattleControl::report(const FailedBattle& failed) {
  const std::string stem = options_.failures_folder + "/battle-" + std::to_string(failed.info.id.value) +
                           "-tick-" + std::to_string(failed.tick);
  nlohmann::ordered_json json{{"battle", failed.info.id.value},
                              {"tick", failed.tick},
                              {"reason", failed.reason},
                              {"in_a_row", failed.failures},
                              {"game", failed.info.game},
                              {"rules_hash", to_hex(failed.info.rules_hash())},
                              {"simulation_id", battle::simulation_id()},
                              {"build_id", battle::build_id()},
                              {"last_good_tick", failed.way.tick},
                              {"last_good_hash", to_hex(failed.way.state_hash)}};
  battle::TickRecord tick;
  json["inputs"] = nlohmann::ordered_json::array();
  if (battle::decode_tick(failed.inputs, tick)) {
    for (const battle::Input& input : tick.inputs) json["inputs"].push_back(recovery::input_json(input));
  }
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  auto written = files_.make_folder(options_.failures_folder);
  if (written) written = env::write_file_atomic(files_, stem + ".json", as_bytes(text));
  if (!written) log_error("the report of a failed battle is not written: {}", written.error().message);
}

void BattleControl::report(gateway::DesyncReport desync) {
  auto shared = std::make_shared<gateway::DesyncReport>(std::move(desync));
  post([this, shared] {
    const gateway::DesyncReport& report = *shared;
    log_warning("battle {}: player {} at {} has state hash {} after tick {}, where the battle has {}",
                report.battle.value, report.player.value, report.peer, to_hex(report.hash), report.tick,
                to_hex(report.expected));
    if (desync_reports_ >= kMaxDesyncReports) return;
    ++desync_reports_;
    const std::string stem = options_.failures_folder + "/desync-battle-" +
                             std::to_string(report.battle.value) + "-tick-" + std::to_string(report.tick) +
                             "-player-" + std::to_string(report.player.value);
    desync::ClientReport file;
    file.battle = report.battle;
    file.player = report.player;
    if (report.good_tick != 0) file.hashes.push_back({report.good_tick, report.good_hash});
    file.hashes.push_back({report.tick, report.hash});
    file.state = report.state;
    auto written = files_.make_folder(options_.failures_folder);
    if (written) written = desync::write_report(files_, stem + ".desync", file);
    if (!written) {
      log_error("a desync report is not written: {}", written.error().message);
    } else {
      log_warning("its report is {}.desync: drumline desync explain shows where it went another way", stem);
    }
  });
}

// ---- the way in for others

Result<u32> BattleControl::shard_of(BattleId battle) const {
  const auto entry = directory_.find(battle);
  if (entry == nullptr) return not_here(battle);
  return entry->shard;
}

Result<void> BattleControl::dispose(BattleId battle, std::string why) {
  auto shard = shard_of(battle);
  if (!shard) return std::move(shard).error();
  return mailboxes_[*shard]->post(DisposeBattle{battle, std::move(why), wire::EndCause::ended});
}

std::future<Result<void>> BattleControl::tell(BattleId battle, Bytes message) {
  if (message.size() > world::kMaxTellBytes) {
    return answered<void>(
        Error{ErrorCode::invalid_argument, "a message of " + std::to_string(message.size()) +
                                               " bytes for a battle; at most " +
                                               std::to_string(world::kMaxTellBytes) + " are possible"});
  }
  auto shard = shard_of(battle);
  if (!shard) return answered<void>(std::move(shard).error());
  Tell tell{battle, {message.begin(), message.end()}, {}};
  auto future = tell.outcome.get_future();
  if (auto posted = mailboxes_[*shard]->post(std::move(tell)); !posted) {
    return answered<void>(std::move(posted).error());
  }
  return future;
}

std::future<Result<std::vector<std::byte>>> BattleControl::ask(BattleId battle, Bytes question,
                                                               TimeNs deadline) {
  auto shard = shard_of(battle);
  if (!shard) return answered<std::vector<std::byte>>(std::move(shard).error());
  Ask ask{battle, {question.begin(), question.end()}, deadline, {}};
  auto future = ask.answer.get_future();
  if (auto posted = mailboxes_[*shard]->post(std::move(ask)); !posted) {
    return answered<std::vector<std::byte>>(std::move(posted).error());
  }
  return future;
}

std::future<Result<BattleSnapshot>> BattleControl::snapshot(BattleId battle, TimeNs deadline) {
  auto shard = shard_of(battle);
  if (!shard) return answered<BattleSnapshot>(std::move(shard).error());
  TakeSnapshot take{battle, deadline, {}};
  auto future = take.snapshot.get_future();
  if (auto posted = mailboxes_[*shard]->post(std::move(take)); !posted) {
    return answered<BattleSnapshot>(std::move(posted).error());
  }
  return future;
}

}  // namespace drumline::server

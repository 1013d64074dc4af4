#include "server/isolated_battles.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "config/print.hpp"
#include "recovery/data_folders.hpp"
#include "server/battle_host.hpp"

namespace drumline::server {

Result<std::unique_ptr<IsolatedBattles>> IsolatedBattles::open(const config::Configuration& values,
                                                               IsolatedBattlesOptions options,
                                                               battle::BattleDirectory& directory,
                                                               env::FileSystem& files, env::Random& random,
                                                               const env::Clock& clock) {
  auto settings = control_options(values, options.data + "/failures", files);
  if (!settings) return std::move(settings).error();
  settings->shards_make = true;
  std::unique_ptr<IsolatedBattles> battles(new IsolatedBattles);
  if (auto launched = battles->launch(values, options, files, clock); !launched)
    return std::move(launched).error();
  auto highest = battles->wait_until_opened(directory);
  if (!highest) return std::move(highest).error();
  auto ids = BattleIds::open(files, options.data + "/battle_ids", *highest);
  if (!ids) return std::move(ids).error();
  std::vector<ShardMailbox*> mailboxes;
  for (const auto& mailbox : battles->mailboxes_) mailboxes.push_back(mailbox.get());
  battles->control_ = std::make_unique<BattleControl>(
      std::move(*settings), [](std::string_view) { return nullptr; }, std::move(*ids), directory, mailboxes,
      files, random, clock);
  return battles;
}

IsolatedBattles::~IsolatedBattles() {
  stop();
}

Result<void> IsolatedBattles::launch(const config::Configuration& values,
                                     const IsolatedBattlesOptions& options, env::FileSystem& files,
                                     const env::Clock& clock) {
  config::Configuration own = values;
  own.listen.admin_token.clear();
  const auto poller = env::parse_poller_kind(values.threads.event_loop);
  if (!poller) return poller.error();
  for (u32 number = 0; number < values.battle.shards; ++number) {
    RemoteGroupOptions group;
    group.group = number;
    group.shards = values.battle.shards;
    group.data = recovery::group_folder(options.data, number);
    group.failures = options.data + "/failures";
    group.configuration = config::print_toml(own);
    group.program = options.program;
    group.arguments = options.arguments;
    group.max_failures = values.battle.max_failures;
    group.gateways = values.gateway.shards;
    group.poller = *poller;
    group.input_ring_slots = std::bit_ceil(std::size_t{values.battle.input_ring_slots});
    group.overload = options.overload;
    group.on_frames = options.on_frames;
    mailboxes_.push_back(std::make_unique<ShardMailbox>());
    auto made = RemoteGroup::create(std::move(group), *mailboxes_.back(), files, clock);
    if (!made) return std::move(made).error();
    groups_.push_back(std::move(*made));
  }
  // They recover at the same time.
  for (const auto& group : groups_) group->launch();
  inbound_.resize(values.gateway.shards);
  for (u32 gateway = 0; gateway < values.gateway.shards; ++gateway) {
    for (const auto& group : groups_) inbound_[gateway].push_back(&group->inbound(gateway));
  }
  return {};
}

Result<BattleId> IsolatedBattles::wait_until_opened(battle::BattleDirectory& directory) {
  BattleId highest{};
  for (const auto& group : groups_) {
    auto opened = group->wait_until_opened();
    if (!opened) return std::move(opened).error();
    highest = std::max(highest, opened->highest);
    report_.recovery_ms = std::max(report_.recovery_ms, opened->report.recovery_ms);
    std::move(opened->report.recovered.begin(), opened->report.recovered.end(),
              std::back_inserter(report_.recovered));
    std::move(opened->report.warnings.begin(), opened->report.warnings.end(),
              std::back_inserter(report_.warnings));
    for (auto& entry : opened->battles) directory.add(std::move(entry));
  }
  std::sort(report_.recovered.begin(), report_.recovered.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  report_.created_battle = report_.recovered.empty();
  return highest;
}

std::vector<FrameSource> IsolatedBattles::frames_of(u32 gateway) {
  std::vector<FrameSource> sources;
  for (const auto& group : groups_) {
    // What comes from there is durable.
    sources.push_back({&group->frames().consumer(gateway), [] { return std::numeric_limits<u64>::max(); }});
  }
  return sources;
}

Result<void> IsolatedBattles::start() {
  for (const auto& group : groups_) group->begin(*control_);
  control_->start();
  return {};
}

void IsolatedBattles::stop() {
  if (control_) control_->stop();
  for (const auto& group : groups_) group->request_stop();
  for (const auto& group : groups_) group->stop();
}

std::optional<Error> IsolatedBattles::failure() const {
  const bool all = std::all_of(groups_.begin(), groups_.end(),
                               [](const auto& group) { return group->figures().given_up; });
  if (!all) return std::nullopt;
  return Error{ErrorCode::unavailable,
               "every battle group has been given up, as its process failed too often (battle.max_failures); "
               "nothing that was shown is lost: see the log and DATA/failures, and start again"};
}

std::vector<ShardFigures> IsolatedBattles::shards() const {
  std::vector<ShardFigures> figures;
  for (u32 number = 0; number < groups_.size(); ++number) {
    const GroupMirror& mirror = groups_[number]->mirror();
    figures.push_back({number, &mirror.ticks, &mirror.battles});
  }
  return figures;
}

std::vector<JournalFigures> IsolatedBattles::journals() const {
  std::vector<JournalFigures> figures;
  for (const auto& group : groups_) figures.push_back(group->journal());
  return figures;
}

std::vector<GroupFigures> IsolatedBattles::groups() const {
  std::vector<GroupFigures> figures;
  for (const auto& group : groups_) figures.push_back(group->figures());
  return figures;
}

u64 IsolatedBattles::restarted() const {
  u64 sum = 0;
  for (const auto& group : groups_) sum += group->mirror().restarted.value();
  return sum;
}

u64 IsolatedBattles::given_up() const {
  u64 sum = 0;
  for (const auto& group : groups_) sum += group->mirror().given_up.value();
  return sum;
}

}  // namespace drumline::server

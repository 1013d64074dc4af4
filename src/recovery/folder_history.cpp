#include "recovery/folder_history.hpp"

#include <set>

#include <fmt/format.h>

#include "journal/reader.hpp"
#include "recording/reader.hpp"
#include "recovery/data_folders.hpp"
#include "recovery/recovery.hpp"
#include "world/snapshot.hpp"

namespace drumline::recovery {

FolderHistory::FolderHistory(env::FileSystem& files, const std::string& data)
    : files_(files), folder_(journal_folder(data)), store_(files, snapshot_folder(data)) {
  name_ = data;
}

Result<std::unique_ptr<FolderHistory>> FolderHistory::open(env::FileSystem& files, const std::string& data,
                                                           BattleId battle) {
  std::unique_ptr<FolderHistory> history(new FolderHistory(files, data));
  if (auto read = history->read_journal(battle); !read) return std::move(read).error();
  if (auto found = history->find_states(); !found) return std::move(found).error();
  return history;
}

Result<void> FolderHistory::read_journal(BattleId battle) {
  auto reader = journal::Reader::open(files_, folder_);
  if (!reader) return std::move(reader).error();
  std::set<BattleId> seen;
  info_.id = battle;
  for (;;) {
    auto next = (*reader)->next();
    if (!next) return std::move(next).error();
    if (*next == nullptr) break;
    const journal::Record& record = **next;
    const BattleId of = record.info.battle;
    if (of == BattleId{}) continue;
    if (battle == BattleId{}) {
      seen.insert(of);
      if (info_.id == BattleId{}) info_.id = of;
    }
    if (of != info_.id) continue;
    seen.insert(of);
    if (auto taken = take(record); !taken) return taken;
  }
  if (seen.empty()) {
    return Error{ErrorCode::not_found, battle == BattleId{}
                                           ? name_ + " holds no battle; give a data folder or a recording"
                                           : fmt::format("there is no battle {} in {}", battle.value, name_)};
  }
  if (seen.size() > 1) {
    std::string ids;
    for (const BattleId id : seen) ids += (ids.empty() ? "" : ", ") + std::to_string(id.value);
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{} holds the battles {}: choose one with --battle", name_, ids)};
  }
  for (const journal::TornTail& torn : (*reader)->torn()) {
    damage_.push_back({torn.offset, fmt::format("segment {} ends in {} torn bytes: {}", torn.segment,
                                                torn.bytes, torn.reason)});
  }
  return {};
}

Result<void> FolderHistory::take(const journal::Record& record) {
  const std::string where = battle::tick_name(info_.id, record.info.tick);
  if (record.info.kind == journal::RecordKind::battle_created) {
    auto created = battle::decode_created(record.payload, record.info.battle, record.info.epoch);
    if (!created) return std::move(created).error().within(where);
    info_ = std::move(created->info);
    created_hash_ = created->state_hash;
    has_creation_ = true;
  }
  const Place place{.segment = record.segment,
                    .bytes = static_cast<u32>(journal::record_bytes(record.payload.size())),
                    .offset = record.offset};
  if (record.info.kind == journal::RecordKind::snapshot) {
    // Where the beginning was pruned, the first one says what the battle is made of.
    if (!has_creation_ && inline_.empty()) {
      const auto snapshot = battle::decode_inline_snapshot(record.payload);
      if (!snapshot) return Error(snapshot.error()).within(where);
      auto created = battle::decode_created(snapshot->info, record.info.battle, record.info.epoch);
      if (!created) return std::move(created).error().within(where);
      info_ = std::move(created->info);
    }
    inline_[record.info.tick] = place;
  }
  if (record.info.kind != journal::RecordKind::tick) return {};
  if (places_.empty()) first_journaled_ = record.info.tick;
  const Tick expected = first_journaled_ + places_.size();
  if (record.info.tick != expected) {
    return Error{ErrorCode::corrupt,
                 fmt::format("{}: {}, offset {}: the battle's tick {} should come next", where,
                             journal::segment_path(folder_, record.segment), record.offset, expected)};
  }
  places_.push_back(place);
  last_tick_ = record.info.tick;
  return {};
}

Result<snapshot::Snapshot> FolderHistory::load_snapshot(Tick tick) const {
  auto loaded = store_.load(info_.id, tick);
  if (!loaded) return loaded;
  if (loaded->header.tick != tick) {
    return Error{ErrorCode::mismatch,
                 fmt::format("snapshot {} is of tick {}", loaded->path, loaded->header.tick)};
  }
  return loaded;
}

Result<void> FolderHistory::find_states() {
  if (has_creation_ && (places_.empty() || first_journaled_ == 1)) stored_ticks_.push_back(0);
  auto in_files = store_.ticks(info_.id);
  if (!in_files) return std::move(in_files).error();
  std::set<Tick> ticks(in_files->begin(), in_files->end());
  for (const auto& [tick, place] : inline_) ticks.insert(tick);
  for (const Tick tick : ticks) {
    // One past the journal's end is of a tick that a crash took: nobody saw it.
    if (places_.empty() || tick + 1 < first_journaled_ || tick > last_tick_ || tick == 0) continue;
    if (stored_ticks_.empty() && !inline_.contains(tick)) {
      // The first one says what the battle is made of, so it is looked into now.
      auto snapshot = load_snapshot(tick);
      auto created = snapshot ? battle::decode_created(snapshot->info(), info_.id, snapshot->header.epoch)
                              : Result<battle::CreatedRecord>(snapshot.error());
      if (!created) {
        damage_.push_back({0, created.error().message});
        continue;
      }
      info_ = std::move(created->info);
    }
    stored_ticks_.push_back(tick);
  }
  if (stored_ticks_.empty()) {
    return Error{
        ErrorCode::not_found,
        fmt::format("battle {}: the journal in {} begins at tick {}, and {}", info_.id.value, folder_,
                    first_journaled_,
                    damage_.empty() ? std::string("there is no snapshot to begin at")
                                    : "the last snapshot tried was refused: " + damage_.back().what)};
  }
  first_tick_ = stored_ticks_.front();
  origin_.build = info_.build;
  return {};
}

Result<recording::StoredState> FolderHistory::load_state(Tick tick) {
  recording::StoredState state;
  state.tick = tick;
  if (tick == 0 && has_creation_) {
    state.as_created = true;
    state.state_hash = created_hash_;
    return state;
  }
  if (inline_.contains(tick)) return load_inline(tick);
  auto snapshot = load_snapshot(tick);
  if (!snapshot) return std::move(snapshot).error();
  state.state_hash = snapshot->header.state_hash;
  const Bytes content = snapshot->content();
  state.content.assign(content.begin(), content.end());
  return state;
}

Result<recording::StoredState> FolderHistory::load_inline(Tick tick) {
  const auto record = read_record(inline_.at(tick), tick);
  if (!record) return record.error();
  const std::string where = battle::tick_name(info_.id, tick);
  const auto snapshot = battle::decode_inline_snapshot(record->payload);
  if (!snapshot) return Error(snapshot.error()).within(where);
  const auto view = world::read_snapshot(snapshot->content);
  if (!view) return Error(view.error()).within(where);
  recording::StoredState state;
  state.tick = tick;
  state.state_hash = view->hash;
  state.content.assign(snapshot->content.begin(), snapshot->content.end());
  return state;
}

/// The payload holds until the next call.
Result<journal::Record> FolderHistory::read_record(const Place& place, Tick tick) {
  if (file_ == nullptr || open_segment_ != place.segment) {
    auto file = files_.open(journal::segment_path(folder_, place.segment), env::OpenMode::read);
    if (!file) return std::move(file).error();
    file_ = std::move(file).value();
    open_segment_ = place.segment;
  }
  record_.resize(place.bytes);
  const auto read = file_->read_at(place.offset, record_);
  if (!read) return read.error();
  std::string why = "it is another one";
  const auto record = journal::parse_record(Bytes(record_).first(*read), place.segment, place.offset, &why);
  if (record && record->info.battle == info_.id && record->info.tick == tick) return *record;
  return Error{ErrorCode::corrupt, fmt::format("{}, offset {}: the record changed while it was read: {}",
                                               file_->path(), place.offset, why)};
}

Result<void> FolderHistory::read_tick(Tick tick, battle::TickRecord& out) {
  DRUM_ASSERT(tick > first_tick_);
  if (tick > last_tick_) {
    return Error{ErrorCode::not_found, fmt::format("battle {}: the journal in {} leads to tick {}",
                                                   info_.id.value, folder_, last_tick_)};
  }
  const auto record = read_record(places_[static_cast<std::size_t>(tick - first_journaled_)], tick);
  if (!record) return record.error();
  if (auto decoded = battle::decode_tick(record->payload, out); !decoded) {
    return std::move(decoded).error().within(battle::tick_name(info_.id, tick));
  }
  return {};
}

namespace {

/// In one of the folders with a journal that belong to `path`.
Result<std::unique_ptr<recording::History>> open_history_in(env::FileSystem& files, const std::string& path,
                                                            const std::vector<std::string>& folders,
                                                            BattleId battle) {
  if (battle == BattleId{} && folders.size() > 1) {
    return Error{
        ErrorCode::invalid_argument,
        fmt::format("{} holds {} battle groups: choose a battle with --battle", path, folders.size())};
  }
  for (const std::string& folder : folders) {
    auto opened = FolderHistory::open(files, folder, battle);
    if (opened) return std::unique_ptr<recording::History>(std::move(opened).value());
    if (folders.size() == 1 || opened.error().code != ErrorCode::not_found) return std::move(opened).error();
  }
  return Error{ErrorCode::not_found, fmt::format("there is no battle {} in {}", battle.value, path)};
}

}  // namespace

Result<std::unique_ptr<recording::History>> open_history(env::FileSystem& files, const std::string& path,
                                                         BattleId battle) {
  auto folders = folders_with_journal(files, path);
  if (!folders) return std::move(folders).error();
  if (!folders->empty()) return open_history_in(files, path, *folders, battle);
  if (files.list(path)) {
    return Error{ErrorCode::not_found, path + " holds no journal; give the folder that --data named"};
  }
  auto opened = recording::RecordingReader::open(files, path);
  if (!opened) return std::move(opened).error();
  if (battle != BattleId{} && battle != (*opened)->info().id) {
    return Error{ErrorCode::not_found, fmt::format("recording {} is of battle {}, not of battle {}", path,
                                                   (*opened)->info().id.value, battle.value)};
  }
  return std::unique_ptr<recording::History>(std::move(opened).value());
}

Error unknown_game(const battle::BattleInfo& info) {
  return {ErrorCode::not_found,
          fmt::format("battle {} is of game {}, which this program does not have", info.id.value, info.game)};
}

}  // namespace drumline::recovery

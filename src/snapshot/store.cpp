#include "snapshot/store.hpp"

#include <algorithm>
#include <optional>

#include <xxhash.h>

#include "base/bytes.hpp"
#include "base/crc.hpp"

namespace drumline::snapshot {
namespace {

constexpr std::string_view kMagic = "DRUMSNP1";
constexpr u32 kVersion = 1;
constexpr std::string_view kSuffix = ".snap";
constexpr std::string_view kFolderPrefix = "battle-";
constexpr std::size_t kTickDigits = 20;

std::optional<u64> parse_number(std::string_view text) {
  if (text.empty() || text.size() > kTickDigits) return std::nullopt;
  u64 value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const u64 next = value * 10 + static_cast<u64>(c - '0');
    if (next / 10 != value) return std::nullopt;
    value = next;
  }
  return value;
}

Error damaged(ErrorCode code, const std::string& path, const std::string& what) {
  return {code, "snapshot " + path + ": " + what};
}

}  // namespace

std::string snapshot_name(Tick tick) {
  std::string digits = std::to_string(tick);
  digits.insert(0, kTickDigits - digits.size(), '0');
  return digits.append(kSuffix);
}

u64 content_hash(Bytes content) {
  return XXH3_64bits(content.data(), content.size());
}

Result<Snapshot> read_snapshot_file(env::FileSystem& files, const std::string& path) {
  auto bytes = env::read_file(files, path, kMaxSnapshotFileBytes);
  if (!bytes) return std::move(bytes).error();
  Snapshot snapshot;
  snapshot.path = path;
  snapshot.bytes = std::move(bytes).value();
  const Bytes all(snapshot.bytes);
  if (all.size() < kSnapshotHeaderBytes) {
    return damaged(ErrorCode::malformed, path,
                   "it holds " + std::to_string(all.size()) + " bytes, fewer than a header");
  }
  ByteReader in(all.first(kSnapshotHeaderBytes));
  if (as_text(in.read_bytes(kMagic.size())) != kMagic) {
    return damaged(ErrorCode::malformed, path, "it does not begin with DRUMSNP1");
  }
  const u32 version = in.read<u32>();
  SnapshotHeader& header = snapshot.header;
  header.info_bytes = in.read<u32>();
  header.battle.value = in.read<u64>();
  header.epoch.value = in.read<u64>();
  header.tick = in.read<u64>();
  header.state_hash = in.read<u64>();
  header.content_bytes = in.read<u64>();
  header.content_hash = in.read<u64>();
  const u64 info_hash = in.read<u64>();
  const u32 reserved = in.read<u32>();
  const u32 crc = in.read<u32>();
  if (crc != crc32c(all.first(kSnapshotHeaderBytes - 4))) {
    return damaged(ErrorCode::corrupt, path, "its header's checksum does not hold");
  }
  if (version != kVersion) {
    return damaged(ErrorCode::mismatch, path,
                   "version " + std::to_string(version) + "; this build reads version 1");
  }
  if (reserved != 0 || header.content_bytes > kMaxSnapshotFileBytes ||
      all.size() != kSnapshotHeaderBytes + header.info_bytes + header.content_bytes) {
    return damaged(ErrorCode::corrupt, path,
                   "it holds " + std::to_string(all.size()) + " bytes, not what its header says");
  }
  if (content_hash(snapshot.info()) != info_hash) {
    return damaged(ErrorCode::corrupt, path, "the battle's description does not have the hash in the header");
  }
  if (content_hash(snapshot.content()) != header.content_hash) {
    return damaged(ErrorCode::corrupt, path, "its content does not have the hash in the header");
  }
  return snapshot;
}

std::string SnapshotStore::battle_folder(BattleId battle) const {
  return folder_ + "/" + std::string(kFolderPrefix) + std::to_string(battle.value);
}

Result<std::string> SnapshotStore::write(SnapshotHeader header, Bytes info, Bytes content) {
  const std::string folder = battle_folder(header.battle);
  auto there = files_.exists(folder);
  if (!there) return std::move(there).error();
  if (!*there) {
    if (auto made = files_.make_folder(folder); !made) return std::move(made).error();
    if (auto synced = files_.sync_folder(folder_); !synced) return std::move(synced).error();
  }
  std::array<std::byte, kSnapshotHeaderBytes> head;
  ByteWriter out(head);
  out.write_bytes(as_bytes(kMagic));
  out.write(kVersion);
  out.write(static_cast<u32>(info.size()));
  out.write(header.battle.value);
  out.write(header.epoch.value);
  out.write(header.tick);
  out.write(header.state_hash);
  out.write(u64{content.size()});
  out.write(content_hash(content));
  out.write(content_hash(info));
  out.write(u32{0});
  out.write(crc32c(out.written()));
  DRUM_ASSERT(out.ok() && out.size() == kSnapshotHeaderBytes);

  const std::string name = snapshot_name(header.tick);
  const std::string path = folder + "/" + name;
  const std::string making = path + ".new";
  auto file = files_.open(making, env::OpenMode::create_truncate);
  if (!file) return std::move(file).error();
  Result<void> done = (*file)->write_at(0, head);
  if (done && !info.empty()) done = (*file)->write_at(kSnapshotHeaderBytes, info);
  if (done && !content.empty()) done = (*file)->write_at(kSnapshotHeaderBytes + info.size(), content);
  if (done) done = (*file)->sync();
  file->reset();
  if (done) done = files_.rename(making, path);
  if (done) done = files_.sync_folder(folder);
  if (!done) {
    (void)files_.remove(making);
    return std::move(done).error().within("writing snapshot " + path);
  }
  return name;
}

Result<std::vector<BattleId>> SnapshotStore::battles() const {
  auto there = files_.exists(folder_);
  if (!there) return std::move(there).error();
  std::vector<BattleId> battles;
  if (!*there) return battles;
  auto folders = files_.list_folders(folder_);
  if (!folders) return std::move(folders).error();
  for (const std::string& name : *folders) {
    if (!name.starts_with(kFolderPrefix)) continue;
    if (const auto id = parse_number(std::string_view(name).substr(kFolderPrefix.size())); id) {
      battles.push_back(BattleId{*id});
    }
  }
  std::sort(battles.begin(), battles.end());
  return battles;
}

Result<std::vector<Tick>> SnapshotStore::ticks(BattleId battle) const {
  const std::string folder = battle_folder(battle);
  auto there = files_.exists(folder);
  if (!there) return std::move(there).error();
  std::vector<Tick> ticks;
  if (!*there) return ticks;
  auto names = files_.list(folder);
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix) || name.size() != kTickDigits + kSuffix.size()) continue;
    if (const auto tick = parse_number(std::string_view(name).substr(0, kTickDigits)); tick) {
      ticks.push_back(*tick);
    }
  }
  return ticks;
}

Result<Snapshot> SnapshotStore::load(BattleId battle, Tick tick) const {
  auto snapshot = read_snapshot_file(files_, battle_folder(battle) + "/" + snapshot_name(tick));
  if (snapshot && (snapshot->header.battle != battle || snapshot->header.tick != tick)) {
    return damaged(ErrorCode::corrupt, snapshot->path,
                   "its header is of battle " + std::to_string(snapshot->header.battle.value) + ", tick " +
                       std::to_string(snapshot->header.tick));
  }
  return snapshot;
}

namespace {

template <class Ticks>
Result<Snapshot> load_first_valid(const SnapshotStore& store, BattleId battle, const Ticks& candidates,
                                  std::vector<DamagedSnapshot>* passed_over) {
  for (const Tick tick : candidates) {
    auto snapshot = store.load(battle, tick);
    if (snapshot) return snapshot;
    if (passed_over != nullptr) {
      passed_over->push_back(
          {store.battle_folder(battle) + "/" + snapshot_name(tick), std::move(snapshot).error()});
    }
  }
  return Error{ErrorCode::not_found, "battle " + std::to_string(battle.value) + " has no valid snapshot in " +
                                         store.battle_folder(battle)};
}

}  // namespace

Result<Snapshot> SnapshotStore::load_latest(BattleId battle, Tick max_tick,
                                            std::vector<DamagedSnapshot>* passed_over) const {
  auto found = ticks(battle);
  if (!found) return std::move(found).error();
  std::erase_if(*found, [&](Tick tick) { return tick > max_tick; });
  std::reverse(found->begin(), found->end());
  return load_first_valid(*this, battle, *found, passed_over);
}

Result<Snapshot> SnapshotStore::load_oldest(BattleId battle, Tick min_tick,
                                            std::vector<DamagedSnapshot>* passed_over) const {
  auto found = ticks(battle);
  if (!found) return std::move(found).error();
  std::erase_if(*found, [&](Tick tick) { return tick < min_tick; });
  return load_first_valid(*this, battle, *found, passed_over);
}

Result<Tick> SnapshotStore::prune(BattleId battle, u32 keep) {
  keep = std::max(keep, kMinKept);
  auto found = ticks(battle);
  if (!found) return std::move(found).error();
  u32 valid = 0;
  Tick oldest_kept = 0;
  bool removed = false;
  for (auto tick = found->rbegin(); tick != found->rend(); ++tick) {
    if (valid >= keep) {
      auto gone = files_.remove(battle_folder(battle) + "/" + snapshot_name(*tick));
      if (!gone) return std::move(gone).error();
      removed = true;
    } else if (load(battle, *tick).ok()) {
      ++valid;
      oldest_kept = *tick;
    }
  }
  if (removed) {
    if (auto synced = files_.sync_folder(battle_folder(battle)); !synced) return std::move(synced).error();
  }
  return oldest_kept;
}

Result<void> SnapshotStore::remove_all(BattleId battle) {
  auto found = ticks(battle);
  if (!found) return std::move(found).error();
  for (const Tick tick : *found) {
    if (auto gone = files_.remove(battle_folder(battle) + "/" + snapshot_name(tick)); !gone) return gone;
  }
  return {};
}

}  // namespace drumline::snapshot

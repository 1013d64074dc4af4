#include "recovery/data_folders.hpp"

#include <algorithm>
#include <charconv>

#include "recovery/recovery.hpp"

namespace drumline::recovery {
namespace {

std::string groups_folder(const std::string& data) {
  return data + "/groups";
}

/// Numbers of the groups that have a journal, ascending.
Result<std::vector<u32>> groups_with_journal(env::FileSystem& files, const std::string& data) {
  std::vector<u32> groups;
  auto there = files.exists(groups_folder(data));
  if (!there) return std::move(there).error();
  if (!*there) return groups;
  auto names = files.list_folders(groups_folder(data));
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    u32 number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    auto journal = files.exists(journal_folder(group_folder(data, number)));
    if (!journal) return std::move(journal).error();
    if (*journal) groups.push_back(number);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

}  // namespace

std::string group_folder(const std::string& data, u32 group) {
  return groups_folder(data) + "/" + std::to_string(group);
}

Result<std::vector<std::string>> folders_with_journal(env::FileSystem& files, const std::string& data) {
  std::vector<std::string> folders;
  auto own = files.exists(journal_folder(data));
  if (!own) return std::move(own).error();
  if (*own) folders.push_back(data);
  auto groups = groups_with_journal(files, data);
  if (!groups) return std::move(groups).error();
  for (const u32 group : *groups) folders.push_back(group_folder(data, group));
  return folders;
}

Result<void> check_data_folder(env::FileSystem& files, const std::string& data, bool isolated, u32 shards) {
  auto own = files.exists(journal_folder(data));
  if (!own) return std::move(own).error();
  auto groups = groups_with_journal(files, data);
  if (!groups) return std::move(groups).error();
  if (isolated && *own) {
    return Error{ErrorCode::invalid_argument,
                 "the data folder " + data +
                     " holds battles that ran in the server's own process: go on with battle.isolation = "
                     "\"thread\", or choose another folder with --data"};
  }
  if (!isolated && !groups->empty()) {
    return Error{ErrorCode::invalid_argument,
                 "the data folder " + data + " holds battles of " + std::to_string(groups->size()) +
                     " battle groups: go on with battle.isolation = \"process\", or choose another folder "
                     "with --data"};
  }
  if (isolated && !groups->empty() && groups->back() >= shards) {
    return Error{ErrorCode::invalid_argument, "the data folder " + data + " holds battle group " +
                                                  std::to_string(groups->back()) + ", and battle.shards is " +
                                                  std::to_string(shards) + ": it takes at least " +
                                                  std::to_string(groups->back() + 1)};
  }
  return {};
}

}  // namespace drumline::recovery

// Where battles of a node lie: in DATA itself, or, with battle.isolation = "process", in a
// folder of each battle group, DATA/groups/<number>, laid out like DATA.
#pragma once

#include <string>
#include <vector>

#include "env/file.hpp"

namespace drumline::recovery {

std::string group_folder(const std::string& data, u32 group);

/// The folders with a journal: `data`, or those of its groups, by number. Empty when there is none.
Result<std::vector<std::string>> folders_with_journal(env::FileSystem& files, const std::string& data);

/// Whether a node of `shards` battle shards can go on with what lies in `data`: an error names
/// what is there that it would leave behind, and the setting that takes it along.
Result<void> check_data_folder(env::FileSystem& files, const std::string& data, bool isolated, u32 shards);

}  // namespace drumline::recovery

// Disks driven wrongly on purpose: the power-cut campaign, which the journal passes,
// must catch each. A checker that is never seen to bite proves nothing.
#include <gtest/gtest.h>

#include "support/journal_campaign.hpp"

namespace drumline::test {
namespace {

enum class Bug {
  none,
  skip_durable_write,  ///< acknowledges what is in the page cache only
  skip_folder_sync,    ///< a new segment's name may be gone after a crash
};

class PlantedFile final : public env::File {
 public:
  PlantedFile(std::unique_ptr<env::File> file, Bug bug) : file_(std::move(file)), bug_(bug) {}
  const std::string& path() const override { return file_->path(); }
  Result<u64> size() const override { return file_->size(); }
  Result<std::size_t> read_at(u64 offset, MutableBytes out) const override {
    return file_->read_at(offset, out);
  }
  Result<void> write_at(u64 offset, Bytes bytes) override { return file_->write_at(offset, bytes); }
  Result<void> write_durable_at(u64 offset, Bytes bytes) override {
    return bug_ == Bug::skip_durable_write ? file_->write_at(offset, bytes)
                                           : file_->write_durable_at(offset, bytes);
  }
  Result<void> sync() override { return file_->sync(); }
  Result<void> truncate(u64 size) override { return file_->truncate(size); }

 private:
  std::unique_ptr<env::File> file_;
  Bug bug_;
};

class PlantedFiles final : public env::FileSystem {
 public:
  PlantedFiles(env::FileSystem& files, Bug bug) : files_(files), bug_(bug) {}
  Result<std::unique_ptr<env::File>> open(const std::string& path, env::OpenMode mode) override {
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::unique_ptr<env::File>(std::make_unique<PlantedFile>(std::move(file).value(), bug_));
  }
  Result<std::vector<std::string>> list(const std::string& folder) override { return files_.list(folder); }
  Result<std::vector<std::string>> list_folders(const std::string& folder) override {
    return files_.list_folders(folder);
  }
  Result<void> make_folder(const std::string& folder) override { return files_.make_folder(folder); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> sync_folder(const std::string& folder) override {
    if (bug_ == Bug::skip_folder_sync) return {};
    return files_.sync_folder(folder);
  }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Result<u64> free_bytes(const std::string& folder) override { return files_.free_bytes(folder); }

 private:
  env::FileSystem& files_;
  Bug bug_;
};

std::string campaign(Bug bug) {
  const auto wrap = [bug](env::SimulatedFiles& disk) -> std::unique_ptr<env::FileSystem> {
    return std::make_unique<PlantedFiles>(disk, bug);
  };
  for (const u64 seed : {1, 2, 3}) {
    if (const std::string found = power_cut_campaign(40, seed, wrap); !found.empty()) return found;
  }
  return "";
}

TEST(planted_journal_bugs, the_campaign_passes_without_a_bug) {
  EXPECT_EQ(campaign(Bug::none), "");
}

TEST(planted_journal_bugs, a_write_that_is_not_durable_is_caught) {
  const std::string found = campaign(Bug::skip_durable_write);
  EXPECT_NE(found.find("lost: "), std::string::npos) << found;
}

TEST(planted_journal_bugs, a_folder_that_is_not_synced_is_caught) {
  EXPECT_NE(campaign(Bug::skip_folder_sync), "");
}

}  // namespace
}  // namespace drumline::test

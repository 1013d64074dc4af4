// What both file systems promise, and what only the disk can show.
#include "env/file.hpp"

#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/bytes.hpp"
#include "env/simulated_files.hpp"

namespace drumline::env {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string content(FileSystem& files, const std::string& path) {
  const auto bytes = read_file(files, path, 1 << 20);
  return bytes ? std::string(as_text(*bytes)) : "error: " + bytes.error().message;
}

std::unique_ptr<File> opened(FileSystem& files, const std::string& path, OpenMode mode) {
  auto file = files.open(path, mode);
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  return file ? std::move(*file) : nullptr;
}

/// Runs each test on the disk and in memory: they must agree.
class file_system : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "drumline-files-XXXXXX").string();
      ASSERT_NE(mkdtemp(pattern.data()), nullptr);
      folder = pattern;
      files = make_system_files();
    } else {
      folder = "/data";
      files = std::make_unique<SimulatedFiles>();
      ASSERT_TRUE(files->make_folder(folder));
    }
  }
  void TearDown() override {
    if (GetParam() && !folder.empty()) std::filesystem::remove_all(folder);
  }

  std::string folder;
  std::unique_ptr<FileSystem> files;
};

TEST_P(file_system, what_is_written_is_read_back) {
  const auto file = opened(*files, folder + "/a", OpenMode::create_exclusive);
  EXPECT_EQ(file->path(), folder + "/a");
  EXPECT_TRUE(file->write_at(3, as_bytes("def")));
  EXPECT_TRUE(file->write_durable_at(0, as_bytes("abc")));
  EXPECT_TRUE(file->sync());
  EXPECT_EQ(*file->size(), 6U);
  std::array<std::byte, 10> out{};
  EXPECT_EQ(*file->read_at(2, out), 4U);
  EXPECT_EQ(as_text(Bytes(out).first(4)), "cdef");
  EXPECT_EQ(*file->read_at(6, out), 0U);
  EXPECT_EQ(*file->read_at(600, out), 0U);
  EXPECT_EQ(content(*files, folder + "/a"), "abcdef");
}

TEST_P(file_system, a_gap_and_a_growing_truncation_read_as_zeros) {
  const auto file = opened(*files, folder + "/a", OpenMode::create_exclusive);
  EXPECT_TRUE(file->write_at(2, as_bytes("x")));
  EXPECT_TRUE(file->truncate(5));
  EXPECT_EQ(content(*files, folder + "/a"), std::string("\0\0x\0\0", 5));
  EXPECT_TRUE(file->truncate(1));
  EXPECT_TRUE(file->truncate(3));
  EXPECT_EQ(content(*files, folder + "/a"), std::string("\0\0\0", 3));
}

TEST_P(file_system, open_modes_hold_what_they_say) {
  const std::string path = folder + "/a";
  EXPECT_EQ(files->open(path, OpenMode::read).error().code, ErrorCode::not_found);
  EXPECT_EQ(files->open(path, OpenMode::read_write).error().code, ErrorCode::not_found);
  EXPECT_TRUE(opened(*files, path, OpenMode::create_exclusive)->write_at(0, as_bytes("old")));
  const auto again = files->open(path, OpenMode::create_exclusive);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_THAT(again.error().message, HasSubstr(path));
  EXPECT_TRUE(opened(*files, path, OpenMode::read_write)->write_at(3, as_bytes("er")));
  EXPECT_EQ(content(*files, path), "older");
  EXPECT_FALSE(opened(*files, path, OpenMode::read)->write_at(0, as_bytes("no")));
  opened(*files, path, OpenMode::create_truncate);
  EXPECT_EQ(content(*files, path), "");
  EXPECT_FALSE(files->open(folder, OpenMode::read));
  EXPECT_EQ(files->open(folder + "/none/a", OpenMode::create_exclusive).error().code, ErrorCode::not_found);
}

TEST_P(file_system, lists_are_sorted_and_keep_files_from_folders) {
  EXPECT_TRUE(files->make_folder(folder + "/sub/deep"));
  EXPECT_TRUE(files->make_folder(folder + "/sub/deep"));
  EXPECT_TRUE(files->make_folder(folder + "/another/"));
  for (const char* name : {"b", "a", "B", "a1"})
    opened(*files, folder + "/" + name, OpenMode::create_exclusive);
  opened(*files, folder + "/sub/inner", OpenMode::create_exclusive);
  EXPECT_THAT(*files->list(folder), ElementsAre("B", "a", "a1", "b"));
  EXPECT_THAT(*files->list_folders(folder), ElementsAre("another", "sub"));
  EXPECT_THAT(*files->list_folders(folder + "/sub"), ElementsAre("deep"));
  EXPECT_THAT(*files->list(folder + "/sub/"), ElementsAre("inner"));
  EXPECT_EQ(files->list(folder + "/none").error().code, ErrorCode::not_found);
  EXPECT_FALSE(files->make_folder(folder + "/a/below"));
}

TEST_P(file_system, rename_replaces_and_remove_removes) {
  EXPECT_TRUE(write_file_atomic(*files, folder + "/a", as_bytes("one")));
  EXPECT_TRUE(write_file_atomic(*files, folder + "/b", as_bytes("two")));
  EXPECT_TRUE(files->rename(folder + "/a", folder + "/b"));
  EXPECT_TRUE(files->sync_folder(folder));
  EXPECT_EQ(content(*files, folder + "/b"), "one");
  EXPECT_FALSE(*files->exists(folder + "/a"));
  EXPECT_TRUE(*files->exists(folder));
  EXPECT_EQ(files->rename(folder + "/a", folder + "/c").error().code, ErrorCode::not_found);
  EXPECT_TRUE(files->remove(folder + "/b"));
  EXPECT_EQ(files->remove(folder + "/b").error().code, ErrorCode::not_found);
  EXPECT_THAT(*files->list(folder), IsEmpty());
  EXPECT_GT(*files->free_bytes(folder), 0U);
}

TEST_P(file_system, an_open_file_outlives_its_name) {
  const auto file = opened(*files, folder + "/a", OpenMode::create_exclusive);
  EXPECT_TRUE(files->remove(folder + "/a"));
  EXPECT_TRUE(file->write_at(0, as_bytes("still")));
  EXPECT_EQ(*file->size(), 5U);
}

TEST_P(file_system, read_file_refuses_more_than_its_limit) {
  EXPECT_TRUE(write_file_atomic(*files, folder + "/a", as_bytes("12345")));
  EXPECT_TRUE(read_file(*files, folder + "/a", 5));
  EXPECT_EQ(read_file(*files, folder + "/a", 4).error().code, ErrorCode::exhausted);
  EXPECT_EQ(read_file(*files, folder + "/b", 4).error().code, ErrorCode::not_found);
}

TEST_P(file_system, write_file_atomic_leaves_one_file) {
  EXPECT_TRUE(write_file_atomic(*files, folder + "/a", as_bytes("first")));
  EXPECT_TRUE(write_file_atomic(*files, folder + "/a", as_bytes("second")));
  EXPECT_EQ(content(*files, folder + "/a"), "second");
  EXPECT_THAT(*files->list(folder), ElementsAre("a"));
}

INSTANTIATE_TEST_SUITE_P(on, file_system, testing::Values(true, false),
                         [](const auto& given) { return given.param ? "disk" : "memory"; });

TEST(system_files, a_full_disk_is_exhausted_and_names_the_path) {
  const auto files = make_system_files();
  auto full = files->open("/dev/full", OpenMode::read_write);
  if (!full) GTEST_SKIP() << "no /dev/full here";
  const auto written = (*full)->write_at(0, as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::exhausted);
  EXPECT_THAT(written.error().message, HasSubstr("/dev/full"));
}

TEST(system_files, a_short_write_is_continued_until_it_fails) {
  std::string folder = (std::filesystem::temp_directory_path() / "drumline-files-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto files = make_system_files();
  const auto file = opened(*files, folder + "/a", OpenMode::create_exclusive);

  // At the size limit the kernel writes what fits, then refuses the rest.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limited = before;
  limited.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  const std::vector<std::byte> bytes(4096, std::byte{7});
  const auto written = file->write_at(0, bytes);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::exhausted);
  EXPECT_EQ(*file->size(), 1000U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace drumline::env

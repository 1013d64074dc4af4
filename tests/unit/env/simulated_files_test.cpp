#include "env/simulated_files.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline::env {
namespace {

using Fault = SimulatedFiles::Fault;
using testing::AnyOf;
using testing::IsEmpty;

std::string content(SimulatedFiles& files, const std::string& path) {
  const auto bytes = read_file(files, path, 1 << 20);
  return bytes ? std::string(as_text(*bytes)) : "none";
}

std::unique_ptr<File> created(SimulatedFiles& files, const std::string& path) {
  return std::move(files.open(path, OpenMode::create_truncate)).value();
}

TEST(simulated_files, what_was_synced_survives_a_crash) {
  for (u64 seed = 0; seed < 20; ++seed) {
    SimulatedFiles files({.seed = seed});
    ASSERT_TRUE(files.make_folder("d"));
    ASSERT_TRUE(write_file_atomic(files, "d/a", as_bytes("kept")));
    const auto log = created(files, "d/log");
    ASSERT_TRUE(files.sync_folder("d"));
    ASSERT_TRUE(log->write_durable_at(0, as_bytes("record")));
    files.crash();
    EXPECT_EQ(content(files, "d/a"), "kept");
    EXPECT_EQ(content(files, "d/log"), "record");
    EXPECT_FALSE(log->write_at(0, as_bytes("dead")));
  }
}

TEST(simulated_files, a_new_name_may_be_lost_without_a_folder_sync) {
  std::set<std::string> outcomes;
  for (u64 seed = 0; seed < 50; ++seed) {
    SimulatedFiles files({.seed = seed});
    const auto file = created(files, "a");
    ASSERT_TRUE(file->write_durable_at(0, as_bytes("data")));
    files.crash();
    outcomes.insert(content(files, "a"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"none", "data"}));
}

TEST(simulated_files, a_rename_happens_whole_or_not_at_all) {
  std::set<std::string> outcomes;
  for (u64 seed = 0; seed < 50; ++seed) {
    SimulatedFiles files({.seed = seed});
    ASSERT_TRUE(write_file_atomic(files, "a", as_bytes("old")));
    ASSERT_TRUE(write_file_atomic(files, "b", as_bytes("new")));
    ASSERT_TRUE(files.rename("b", "a"));
    files.crash();
    outcomes.insert(content(files, "a") + "," + content(files, "b"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"old,new", "new,none"}));
}

TEST(simulated_files, unsynced_writes_are_kept_dropped_or_torn_by_sectors) {
  std::set<std::string> outcomes;
  for (u64 seed = 0; seed < 200; ++seed) {
    SimulatedFiles files({.seed = seed, .sector_bytes = 4});
    const auto file = created(files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes("aaaabbbb")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_folder("."));
    ASSERT_TRUE(file->write_at(0, as_bytes("AAAABBBBCC")));
    EXPECT_EQ(content(files, "a"), "AAAABBBBCC");
    files.crash();
    outcomes.insert(content(files, "a"));
  }
  EXPECT_EQ(outcomes.size(), 8U);
  EXPECT_TRUE(outcomes.contains("aaaabbbb"));
  EXPECT_TRUE(outcomes.contains("AAAABBBBCC"));
  EXPECT_TRUE(outcomes.contains("aaaaBBBB"));
}

TEST(simulated_files, a_durable_write_covers_its_own_range_only) {
  bool other_lost = false;
  for (u64 seed = 0; seed < 50; ++seed) {
    SimulatedFiles files({.seed = seed, .sector_bytes = 1});
    const auto file = created(files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes("........")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_folder("."));
    ASSERT_TRUE(file->write_at(0, as_bytes("x")));
    ASSERT_TRUE(file->write_durable_at(4, as_bytes("yyyy")));
    files.crash();
    EXPECT_EQ(content(files, "a").substr(4), "yyyy");
    other_lost |= content(files, "a")[0] == '.';
  }
  EXPECT_TRUE(other_lost);
}

TEST(simulated_files, after_a_failed_sync_the_next_says_all_is_well_and_the_data_is_lost) {
  bool lost = false;
  for (u64 seed = 0; seed < 50; ++seed) {
    SimulatedFiles files({.seed = seed});
    const auto file = created(files, "a");
    ASSERT_TRUE(files.sync_folder("."));
    ASSERT_TRUE(file->write_at(0, as_bytes("data")));
    files.fail_at(1, Fault::io_error);
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(file->sync());
    EXPECT_EQ(content(files, "a"), "data");
    files.crash();
    const std::string after = content(files, "a");
    EXPECT_THAT(after, AnyOf("", "data"));
    lost |= after.empty();
  }
  EXPECT_TRUE(lost);
}

TEST(simulated_files, every_kth_operation_fails_as_told) {
  SimulatedFiles files;
  const auto file = created(files, "a");
  files.fail_every(3, Fault::no_space);
  EXPECT_TRUE(file->write_at(0, as_bytes("1")));
  EXPECT_TRUE(file->write_at(1, as_bytes("2")));
  EXPECT_EQ(file->write_at(2, as_bytes("3")).error().code, ErrorCode::exhausted);
  EXPECT_TRUE(file->write_at(2, as_bytes("3")));
  EXPECT_TRUE(file->sync());
  EXPECT_EQ(file->sync().error().code, ErrorCode::exhausted);
  std::array<std::byte, 1> out{};
  files.fail_every(1, Fault::short_write);
  EXPECT_TRUE(file->read_at(0, out));  // a read cannot be a short write
  const std::vector<std::byte> bytes(100, std::byte{9});
  EXPECT_EQ(file->write_at(3, bytes).error().code, ErrorCode::io);
  EXPECT_LT(*file->size(), 103U);
  files.fail_every(1, Fault::io_error);
  EXPECT_FALSE(file->read_at(0, out));
  EXPECT_FALSE(files.list("."));
  files.fail_every(0, Fault::io_error);
  EXPECT_TRUE(files.list("."));
  EXPECT_GT(files.operations(), 10U);
}

TEST(simulated_files, write_file_atomic_is_whole_or_not_at_all_wherever_the_power_fails) {
  for (u64 cut = 1; cut <= 7; ++cut) {
    for (u64 seed = 0; seed < 30; ++seed) {
      SimulatedFiles files({.seed = seed, .sector_bytes = 1});
      ASSERT_TRUE(write_file_atomic(files, "a", as_bytes("the old content")));
      files.cut_power_at(cut);
      const bool said_done = write_file_atomic(files, "a", as_bytes("what is new")).ok();
      files.crash();
      const std::string after = content(files, "a");
      if (said_done) {
        EXPECT_EQ(after, "what is new") << cut << " " << seed;
      } else {
        EXPECT_THAT(after, AnyOf("the old content", "what is new")) << cut << " " << seed;
      }
    }
  }
}

TEST(simulated_files, write_file_atomic_keeps_the_old_file_at_every_fault) {
  for (const Fault fault : {Fault::io_error, Fault::no_space, Fault::short_write}) {
    for (u64 nth = 1; nth <= 6; ++nth) {
      SimulatedFiles files;
      ASSERT_TRUE(write_file_atomic(files, "a", as_bytes("old")));
      files.fail_at(nth, fault);
      const auto written = write_file_atomic(files, "a", as_bytes("new"));
      files.fail_at(0, fault);
      EXPECT_THAT(content(files, "a"), written ? AnyOf("new", "new") : AnyOf("old", "new"));
      EXPECT_FALSE(*files.exists("a.tmp"));
    }
  }
}

TEST(simulated_files, a_full_disk_takes_what_fits_and_recovers_when_there_is_room) {
  SimulatedFiles files({.capacity_bytes = 10});
  const auto file = created(files, "a");
  EXPECT_TRUE(file->write_at(0, as_bytes("12345678")));
  EXPECT_EQ(*files.free_bytes("."), 2U);
  EXPECT_EQ(file->write_at(8, as_bytes("90ab")).error().code, ErrorCode::exhausted);
  EXPECT_EQ(*file->size(), 10U);
  EXPECT_TRUE(file->write_at(0, as_bytes("overwriting needs no room").first(10)));
  EXPECT_EQ(file->truncate(11).error().code, ErrorCode::exhausted);
  files.set_capacity(100);
  EXPECT_TRUE(file->write_at(10, as_bytes("more")));
}

TEST(simulated_files, the_same_seed_crashes_the_same_way) {
  const auto run = [](u64 seed) {
    SimulatedFiles files({.seed = seed, .sector_bytes = 1});
    const auto file = created(files, "a");
    EXPECT_TRUE(files.sync_folder("."));
    EXPECT_TRUE(file->write_at(0, as_bytes("some bytes that were never synced")));
    files.crash();
    return content(files, "a");
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(simulated_files, durable_content_shows_what_a_crash_cannot_take) {
  SimulatedFiles files;
  const auto file = created(files, "a");
  ASSERT_TRUE(file->write_durable_at(0, as_bytes("x")));
  EXPECT_THAT(files.durable_content("a"), IsEmpty());
  ASSERT_TRUE(files.sync_folder("."));
  EXPECT_EQ(files.durable_content("a").size(), 1U);
}

}  // namespace
}  // namespace drumline::env

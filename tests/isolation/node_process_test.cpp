// The node as a process: nothing of it stays behind, however it ends.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/child_process.hpp"
#include "env/clock.hpp"
#include "env/thread.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using bench::ChildProcess;

struct Node {
  std::optional<ChildProcess> process;
  std::vector<pid_t> groups;
  u64 resumed = 0;
};

/// State and parent of a process; nothing when it is gone or waits to be reaped.
std::optional<pid_t> parent_of(pid_t id) {
  std::ifstream file("/proc/" + std::to_string(id) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  if (state == 'Z' || state == 'X') return std::nullopt;
  return parent;
}

std::vector<pid_t> children_of(pid_t id) {
  std::vector<pid_t> children;
  for (const auto& folder : std::filesystem::directory_iterator("/proc")) {
    const pid_t child = std::atoi(folder.path().filename().c_str());
    if (child > 0 && parent_of(child) == id) children.push_back(child);
  }
  return children;
}

Node start(const std::string& data) {
  Node node;
  auto process =
      ChildProcess::start(std::getenv("DRUMLINE_BIN"), {"serve",       "--data",
                                                        data,          "--port",
                                                        "0",           "--admin-port",
                                                        "0",           "--json",
                                                        "--log-level", "error",
                                                        "--set",       "battle.isolation=process",
                                                        "--set",       "battle.shards=2",
                                                        "--set",       "battle.count=2",
                                                        "--set",       "battle.max_players=8",
                                                        "--set",       "journal.segment_size_mib=1"});
  if (!process) {
    ADD_FAILURE() << process.error().message;
    return node;
  }
  node.process.emplace(std::move(*process));
  while (const auto line = node.process->read_line(60'000)) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object() || json.value("event", "") != "ready") continue;
    node.resumed = json.value("resumed_battles", u64{0});
    node.groups = children_of(node.process->id());
    return node;
  }
  ADD_FAILURE() << "the node did not become ready";
  return node;
}

bool all_gone(const std::vector<pid_t>& processes) {
  const env::SystemClock clock;
  const TimeNs end = clock.now() + 60 * kSecondNs;
  while (clock.now() < end) {
    const bool any =
        std::any_of(processes.begin(), processes.end(), [](pid_t id) { return parent_of(id).has_value(); });
    if (!any) return true;
    env::sleep_until(clock.now() + 5 * kMillisecondNs);
  }
  return false;
}

TEST(NodeProcess, kill_of_the_node_leaves_no_group_behind) {
  const testing::TemporaryFolder data;
  Node node = start(data.path());
  ASSERT_EQ(node.groups.size(), 2U);
  node.process->signal(SIGKILL);
  node.process->wait();
  EXPECT_TRUE(all_gone(node.groups));
  // Their battles go on.
  node = start(data.path());
  EXPECT_GE(node.resumed, 1U) << "the node is ready with its first battle";
  node.process->signal(SIGTERM);
  EXPECT_EQ(node.process->wait(), 0);
}

TEST(NodeProcess, an_interrupt_from_the_terminal_ends_all_of_it_in_order) {
  const testing::TemporaryFolder data;
  Node node = start(data.path());
  ASSERT_EQ(node.groups.size(), 2U);
  // A terminal sends it to each process of the foreground.
  for (const pid_t group : node.groups) ::kill(group, SIGINT);
  node.process->signal(SIGINT);
  EXPECT_EQ(node.process->wait(), 0);
  EXPECT_TRUE(all_gone(node.groups));
}

}  // namespace
}  // namespace drumline

// A whole node that shapes its packets: real clients play through it, it is killed, and it ends in peace.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernel/ebpf_permitted.hpp"
#include "kernel/quic_packets.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"
#include "support/two_hosts.hpp"

namespace drumline {
namespace {

using testing::run_command;
using testing::TemporaryFolder;
using testing::TwoHosts;

constexpr u16 kPort = 7777;
constexpr const char* kFolder = "/sys/fs/bpf/drumline-7777";

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), size);
  ::pclose(pipe);
  return output;
}

/// `drumline serve` in a process of its own.
class Node {
 public:
  Node(const std::string& data, const std::vector<std::string>& more) : log_(data + "/log") {
    std::vector<std::string> words{DRUMLINE_BIN, "serve", "--data", data, "--set", "overload.enabled=false"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::remove(log_.c_str());
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(log, 1);
      ::dup2(log, 2);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
  }
  ~Node() { end(SIGKILL); }

  bool ready() const {
    for (int i = 0; i < 600; ++i) {
      if (log().find("ready:") != std::string::npos) return true;
      siginfo_t ended{};
      if (::waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          ended.si_pid != 0)
        return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  /// The exit status; -1 when a signal ended it.
  int end(int signal) {
    if (process_ <= 0) return -1;
    if (signal != 0) ::kill(process_, signal);
    int status = 0;
    ::waitpid(std::exchange(process_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(log_).rdbuf();
    return text.str();
  }

 private:
  std::string log_;
  pid_t process_ = -1;
};

nlohmann::json shape_figures() {
  return nlohmann::json::parse(output_of(std::string(DRUMLINE_BIN) + " --json shape show"), nullptr, false);
}
std::string shape(const std::string& words) {
  return output_of(std::string(DRUMLINE_BIN) + " shape " + words);
}
bool has_xdp() {
  return run_command("ip link show dev node0 | grep -q xdp");
}
int egress_programs() {
  return std::stoi(output_of("tc filter show dev node0 egress | grep -c 'police'"));
}

class ShapedNode : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!hosts.why_not().empty()) GTEST_SKIP() << hosts.why_not();
    if (const auto why = drumline::testing::why_no_ebpf(); !why.empty()) GTEST_SKIP() << why;
    stranger = hosts.on_peer([] { return std::make_unique<testing::RawSender>(); });
  }
  void send(const testing::Packet& packet, int times) {
    for (int i = 0; i < times; ++i) stranger->send("10.9.0.66", TwoHosts::kNode4, kPort, packet);
  }
  const TwoHosts hosts;
  const TemporaryFolder data;
  std::unique_ptr<testing::RawSender> stranger;
};

TEST_F(ShapedNode, real_clients_play_through_it_and_not_a_packet_of_theirs_is_refused) {
  auto server = testing::start_server(
      data.path(), {{"test", "shaping.interfaces", "lo"}, {"test", "gateway.shards", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  testing::LiveClients clients((*server)->report().quic, (*server)->report().pki_folder, 8);
  ASSERT_TRUE(clients.run_until([&] { return clients.all_playing(); }, 30));
  clients.run_for(1.0);
  const auto counts = (*server)->shaping()->maps().counts();
  ASSERT_TRUE(counts.ok());
  EXPECT_GT((*counts)[SHAPING_PASSED].packets, 8U * 5);
  EXPECT_GT((*counts)[SHAPING_SENT].packets, 8U * 20);
  for (u32 verdict = 0; verdict < SHAPING_VERDICTS; ++verdict) {
    if (verdict == SHAPING_PASSED || verdict == SHAPING_SENT) continue;
    EXPECT_EQ((*counts)[verdict].packets, 0U) << ebpf::verdict_name(static_cast<shaping_verdict>(verdict));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) EXPECT_TRUE(clients.heard(i).drops.empty());
  (*server)->stop(kSecondNs);
  EXPECT_FALSE(run_command("ip link show dev lo | grep -q xdp"));
}

TEST_F(ShapedNode, the_console_and_the_command_line_see_it_and_change_it) {
  Node node(data.path(), {"--set", "shaping.interfaces=node0", "--set", "shaping.allow=192.0.2.0/24"});
  ASSERT_TRUE(node.ready()) << node.log();
  send(testing::short_header(0, 5), 7);
  EXPECT_NE(output_of("curl -s http://127.0.0.1:8000/metrics")
                .find("drumline_shaping_packets_total{direction=\"in\",verdict=\"short\"} 7\n"),
            std::string::npos);
  EXPECT_EQ(shape("block 10.9.0.64/26 2001:db8::/32"), "");
  send(testing::short_header(0), 5);
  auto figures = shape_figures();
  EXPECT_EQ(figures["verdicts"]["blocked"]["packets"], 5) << figures;
  EXPECT_EQ(figures["block"], (nlohmann::json{"10.9.0.64/26", "2001:db8::/32"}));
  EXPECT_EQ(figures["allow"], (nlohmann::json{"192.0.2.0/24"}));
  EXPECT_EQ(shape("forget 10.9.0.64/26"), "");
  EXPECT_EQ(shape("set packets_per_second=1 packets_burst=3"), "");
  send(testing::short_header(0), 50);
  figures = shape_figures();
  EXPECT_EQ(figures["packets_burst"], 3);
  EXPECT_GT(figures["verdicts"]["limited"]["packets"], 30) << figures;

  EXPECT_NE(shape("set packets_per_second=x").find("has no number from 0 to 4000000000"), std::string::npos);
  EXPECT_NE(shape("set packets_burst=0").find("has no number from 1 to 4000000000"), std::string::npos);
  EXPECT_NE(shape("set speed=1").find("the names are packets_per_second, "), std::string::npos);
  EXPECT_NE(shape("block 10.9.0.65/26").find("is 10.9.0.64/26 meant?"), std::string::npos);
  EXPECT_NE(shape("forget 10.1.1.1").find("10.1.1.1/32 is neither blocked nor allowed"), std::string::npos);
  EXPECT_NE(shape("--port 7000 show").find("no node shapes packets under /sys/fs/bpf/drumline-7000"),
            std::string::npos);
  EXPECT_NE(shape("clear").find("another node that runs has its maps in"), std::string::npos);
  EXPECT_TRUE(has_xdp()) << "not cleared while it runs";
}

TEST_F(ShapedNode, what_a_killed_node_leaves_is_found_by_the_next_one_and_an_end_in_peace_leaves_nothing) {
  {
    Node node(data.path(), {"--set", "shaping.interfaces=node0,lo"});
    ASSERT_TRUE(node.ready()) << node.log();
    EXPECT_TRUE(has_xdp());
    EXPECT_EQ(egress_programs(), 1);
    send(testing::short_header(0, 5), 3);
    EXPECT_EQ(shape("block 10.9.0.66"), "");
    node.end(SIGKILL);
  }
  EXPECT_FALSE(has_xdp()) << "packets that come are left alone at once";
  EXPECT_EQ(egress_programs(), 1) << "the rest is left behind";
  EXPECT_TRUE(run_command(std::string("test -e ") + kFolder));
  {
    Node node(data.path(), {"--set", "shaping.interfaces=node0"});
    ASSERT_TRUE(node.ready()) << node.log();
    EXPECT_NE(node.log().find("took away what a node that was killed has left in /sys/fs/bpf/drumline-7777"),
              std::string::npos)
        << node.log();
    EXPECT_TRUE(has_xdp());
    EXPECT_EQ(egress_programs(), 1) << "replaced";
    EXPECT_FALSE(run_command("tc filter show dev lo egress | grep -q police")) << "it has lo no more";
    send(testing::short_header(0, 5), 2);
    const auto figures = shape_figures();
    EXPECT_EQ(figures["verdicts"]["short"]["packets"], 2) << figures;
    EXPECT_TRUE(figures["block"].empty()) << "what is to stay is in the configuration";
    node.end(SIGKILL);
  }
  {
    // One that does not shape takes it away as well.
    Node node(data.path(), {});
    ASSERT_TRUE(node.ready()) << node.log();
    EXPECT_EQ(egress_programs(), 0);
    EXPECT_FALSE(run_command(std::string("test -e ") + kFolder));
    node.end(SIGTERM);
  }
  Node node(data.path(), {"--set", "shaping.interfaces=node0"});
  ASSERT_TRUE(node.ready()) << node.log();
  EXPECT_EQ(node.end(SIGTERM), 0);
  EXPECT_FALSE(has_xdp());
  EXPECT_EQ(egress_programs(), 0);
  EXPECT_FALSE(run_command(std::string("test -e ") + kFolder));
}

TEST_F(ShapedNode, an_interface_that_is_not_there_is_one_sentence_at_the_start) {
  Node node(data.path(), {"--set", "shaping.interfaces=eth77"});
  EXPECT_FALSE(node.ready());
  EXPECT_EQ(node.end(0), 2);
  EXPECT_NE(
      node.log().find("shaping.interfaces names \"eth77\", and this machine has no such network interface"),
      std::string::npos)
      << node.log();
}

}  // namespace
}  // namespace drumline

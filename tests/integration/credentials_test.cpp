// Certificates that change while a server runs.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "env/thread.hpp"
#include "support/live_clients.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline::testing {
namespace {

namespace fs = std::filesystem;

transport::TlsFiles files_of(const std::string& folder, const std::string& name = "client") {
  return {folder + "/ca.pem", folder + "/" + name + ".pem", folder + "/" + name + ".key"};
}

using transport::TransportKind;

class Credentials : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = start_server(data_.path());
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    pki_ = server_->report().pki_folder;
    old_ = data_.path() + "/old";
    fs::copy(pki_, old_);
  }

  client::ClientGroupOptions reach(const transport::TlsFiles& files, TransportKind transport) const {
    client::ClientGroupOptions options;
    options.server = transport == TransportKind::quic ? server_->report().quic : server_->report().tcp;
    options.transport = transport;
    options.tls = files;
    return options;
  }
  std::unique_ptr<LiveClients> client(const transport::TlsFiles& files, TransportKind transport) {
    client::ClientOptions options;
    options.name = files.certificate;
    return std::make_unique<LiveClients>(reach(files, transport), 1, options);
  }
  bool gets_in(const transport::TlsFiles& files, TransportKind transport = TransportKind::quic) {
    LiveClients clients(reach(files, transport), 1);
    const bool in =
        clients.run_until([&] { return clients.all_playing() || !clients.heard(0).drops.empty(); }, 5);
    return in && clients.all_playing();
  }
  /// Within a while, as the files are looked at each second.
  bool comes_to(bool wanted, const transport::TlsFiles& files) {
    for (int i = 0; i < 20; ++i) {
      if (gets_in(files) == wanted) return true;
      env::sleep_until(env::SystemClock().now() + 250 * kMillisecondNs);
    }
    return false;
  }

  TemporaryFolder data_;
  std::unique_ptr<server::Server> server_;
  std::string pki_, old_;
};

TEST_F(Credentials, change_while_the_server_runs_and_sessions_stay) {
  LiveClients staying(server_->report().quic, pki_, 1, {}, files_of(old_));
  ASSERT_TRUE(staying.run_until([&] { return staying.all_playing(); }, 10));

  ASSERT_TRUE(transport::issue_client_certificate(pki_, "thief", 30));
  EXPECT_TRUE(gets_in(files_of(pki_, "thief")));
  ASSERT_TRUE(transport::revoke_client_certificate(pki_, "thief"));
  EXPECT_TRUE(comes_to(false, files_of(pki_, "thief"))) << "revoked";
  EXPECT_TRUE(gets_in(files_of(old_)));

  // What cannot be used changes nothing.
  std::ofstream(pki_ + "/server.pem") << "no certificate";
  env::sleep_until(env::SystemClock().now() + 2 * kSecondNs);
  EXPECT_TRUE(gets_in(files_of(old_)));
  fs::copy_file(old_ + "/server.pem", pki_ + "/server.pem", fs::copy_options::overwrite_existing);

  // Another authority, and all that it issues.
  for (const char* const name :
       {"ca.pem", "ca.key", "server.pem", "server.key", "client.pem", "client.key", "revoked.pem"})
    fs::remove(pki_ + "/" + name);
  ASSERT_TRUE(transport::make_development_pki(pki_));
  EXPECT_TRUE(comes_to(true, files_of(pki_)));
  EXPECT_FALSE(gets_in(files_of(old_)));

  const u64 frames = staying.heard(0).frames;
  staying.run_for(0.5);
  EXPECT_GT(staying.heard(0).frames, frames);
  EXPECT_TRUE(staying.heard(0).drops.empty());
}

/// Runs all of them until `done`.
bool run_until(const std::vector<std::unique_ptr<LiveClients>>& all, const std::function<bool()>& done) {
  const env::SystemClock clock;
  const TimeNs end = clock.now() + 60 * kSecondNs;
  while (!done() && clock.now() < end) {
    for (const auto& each : all) each->run_for(0.01);
  }
  return done();
}

constexpr std::array kNative{TransportKind::quic, TransportKind::tls};

TEST_F(Credentials, that_are_revoked_end_the_sessions_that_are_open_with_them) {
  ASSERT_TRUE(transport::issue_client_certificate(pki_, "thief", 30));
  std::vector<std::unique_ptr<LiveClients>> all;
  for (const TransportKind transport : kNative) all.push_back(client(files_of(pki_, "thief"), transport));
  for (const TransportKind transport : kNative) all.push_back(client(files_of(old_), transport));
  const auto playing = [&](std::size_t i) { return all[i]->all_playing(); };
  ASSERT_TRUE(run_until(all, [&] { return playing(0) && playing(1) && playing(2) && playing(3); }));

  ASSERT_TRUE(transport::revoke_client_certificate(pki_, "thief"));
  ASSERT_TRUE(
      run_until(all, [&] { return !all[0]->heard(0).drops.empty() && !all[1]->heard(0).drops.empty(); }));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(all[i]->heard(0).drop_codes[0], transport::CloseCode::unauthenticated);
    EXPECT_EQ(all[i]->heard(0).drops[0], "unauthenticated: the certificate is revoked");
  }
  for (const TransportKind transport : kNative) EXPECT_FALSE(gets_in(files_of(pki_, "thief"), transport));
  // The others play on, and he does not come back.
  const u64 frames[]{all[2]->heard(0).frames, all[3]->heard(0).frames};
  ASSERT_TRUE(run_until(all, [&] {
    return all[2]->heard(0).frames > frames[0] + 30 && all[3]->heard(0).frames > frames[1] + 30;
  }));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(playing(i), i >= 2);
    EXPECT_EQ(all[i]->heard(0).welcomes.size(), 1U);
    EXPECT_EQ(all[i]->heard(0).drops.size(), i >= 2 ? 0U : 1U);
  }
  EXPECT_EQ(server_->gateways()[0]->gateway_counters().closed_revoked.value(), 2U);
  EXPECT_EQ(server_->gateways()[0]->gateway_counters().sessions.value(), 2);
}

TEST_F(Credentials, that_were_revoked_meanwhile_do_not_come_back_by_the_ticket_of_a_seat) {
  // Free ports are one number for both mostly.
  for (int i = 0; i < 10 && server_->report().tcp.port != server_->report().quic.port; ++i) {
    server_.reset();
    auto again = start_server(data_.path());
    ASSERT_TRUE(again) << again.error().message;
    server_ = std::move(*again);
  }
  ASSERT_TRUE(transport::issue_client_certificate(pki_, "thief", 30));
  std::vector<std::unique_ptr<LiveClients>> all;
  for (const TransportKind transport : kNative) all.push_back(client(files_of(pki_, "thief"), transport));
  for (const TransportKind transport : kNative) all.push_back(client(files_of(old_), transport));
  ASSERT_TRUE(run_until(all, [&] {
    return std::all_of(all.begin(), all.end(), [](const auto& each) { return each->all_playing(); });
  }));
  // A server that stops tells its clients to come back with their tickets.
  const std::string port = std::to_string(server_->report().quic.port);
  ASSERT_EQ(server_->report().tcp.port, server_->report().quic.port);
  server_->stop(0);
  server_.reset();
  ASSERT_TRUE(run_until(all, [&] {
    return std::all_of(all.begin(), all.end(),
                       [](const auto& each) { return !each->heard(0).drops.empty(); });
  }));
  ASSERT_TRUE(transport::revoke_client_certificate(pki_, "thief"));
  auto started = start_server(data_.path(), {{"test", "listen.port", port}});
  ASSERT_TRUE(started) << started.error().message;
  server_ = std::move(*started);
  const auto is_refused = [&](std::size_t i) {
    const auto& codes = all[i]->heard(0).drop_codes;
    return std::count(codes.begin(), codes.end(), transport::CloseCode::unauthenticated) > 0;
  };
  ASSERT_TRUE(run_until(all, [&] {
    return is_refused(0) && is_refused(1) && all[2]->heard(0).welcomes.size() == 2 &&
           all[3]->heard(0).welcomes.size() == 2;
  }));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(all[i]->heard(0).welcomes.size(), i >= 2 ? 2U : 1U);
    if (i >= 2) {
      EXPECT_TRUE(all[i]->heard(0).welcomes[1].resumed);
    }
  }
}

}  // namespace
}  // namespace drumline::testing

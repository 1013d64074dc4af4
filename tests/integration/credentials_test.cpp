// Certificates that change while a server runs.
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

  bool gets_in(const transport::TlsFiles& files) {
    LiveClients clients(server_->report().quic, pki_, 1, {}, files);
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

}  // namespace
}  // namespace drumline::testing

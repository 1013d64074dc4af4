// Real clients against a server, driven from the test's own thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/client_group.hpp"
#include "env/random.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::testing {

/// What one client heard.
struct Heard : client::ClientListener {
  std::vector<wire::Welcome> welcomes;
  std::vector<wire::Refused> refused;
  std::vector<wire::BattleOver> overs;
  std::vector<std::string> drops;
  std::vector<transport::CloseCode> drop_codes;
  std::vector<u32> paces;  ///< in percent
  u64 frames = 0;
  u64 early_frames = 0;
  Tick newest_tick = 0;
  bool has_roster = false;

  void on_welcome(client::Client&, const wire::Welcome& welcome) override { welcomes.push_back(welcome); }
  void on_early_frame(client::Client&) override { ++early_frames; }
  void on_frame(client::Client& client) override {
    ++frames;
    newest_tick = std::max(newest_tick, client.tick());
  }
  void on_refused(client::Client&, const wire::Refused& message) override { refused.push_back(message); }
  void on_battle_over(client::Client&, const wire::BattleOver& over) override { overs.push_back(over); }
  void on_pace(client::Client&, const wire::Pace& pace) override { paces.push_back(pace.percent); }
  void on_roster(client::Client&, const wire::Roster&) override { has_roster = true; }
  void on_drop(client::Client&, transport::CloseCode code, std::string_view reason) override {
    drop_codes.push_back(code);
    drops.emplace_back(reason);
  }
};

class LiveClients {
 public:
  /// Over QUIC.
  LiveClients(const env::Address& server, const std::string& pki, u32 count,
              client::ClientOptions client_options = {}, transport::TlsFiles tls = {})
      : LiveClients(over_quic(server, pki, count, std::move(tls)), count, std::move(client_options)) {}
  LiveClients(const client::ClientGroupOptions& options, u32 count,
              client::ClientOptions client_options = {}) {
    auto made = client::ClientGroup::create(options, *network_, random_, clock_);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      return;
    }
    group_ = std::move(*made);
    for (u32 i = 0; i < count; ++i) {
      client_options.name = "test-" + std::to_string(i);
      group_->add(client_options, heard_.emplace_back());
    }
    group_->start();
  }

  /// Runs the clients until `done` or until `seconds` are over; true when done.
  bool run_until(const std::function<bool()>& done, double seconds) {
    const TimeNs end = clock_.now() + static_cast<TimeNs>(seconds * 1e9);
    while (clock_.now() < end) {
      group_->poll();
      if (done()) return true;
      group_->wait(std::min(end, clock_.now() + 10 * kMillisecondNs));
    }
    return done();
  }
  void run_for(double seconds) {
    run_until([] { return false; }, seconds);
  }
  bool all_playing() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (!client(i).playing()) return false;
    }
    return true;
  }

  std::size_t size() const { return heard_.size(); }
  client::Client& client(std::size_t i) { return group_->client(i); }
  Heard& heard(std::size_t i) { return heard_[i]; }
  TimeNs now() const { return clock_.now(); }
  /// Highest tick that any client was shown.
  Tick newest_tick() const {
    Tick newest = 0;
    for (const Heard& heard : heard_) newest = std::max(newest, heard.newest_tick);
    return newest;
  }

 private:
  static client::ClientGroupOptions over_quic(const env::Address& server, const std::string& pki, u32 count,
                                              transport::TlsFiles tls) {
    const transport::PkiPaths paths = transport::pki_paths(pki);
    client::ClientGroupOptions options;
    options.server = server;
    options.tls = std::move(tls);
    if (options.tls.authority.empty())
      options.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
    options.sockets = std::min<u32>(count, 4);
    return options;
  }

  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::Network> network_ = env::make_system_network();
  std::deque<Heard> heard_;
  std::unique_ptr<client::ClientGroup> group_;
};

}  // namespace drumline::testing

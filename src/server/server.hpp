// A node: from a configuration to running battles, and back to a data folder at rest.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "auth/ticket.hpp"
#include "auth/token.hpp"
#include "config/load.hpp"
#include "ebpf/shaping.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "env/folder_lock.hpp"
#include "env/random.hpp"
#include "server/battles.hpp"
#include "server/gateway_thread.hpp"
#include "server/overload_watch.hpp"
#include "server/server_credentials.hpp"
#include "server/web_certificate.hpp"
#include "telemetry/admin_pages.hpp"
#include "telemetry/admin_server.hpp"
#include "transport/credentials/development_pki.hpp"

namespace drumline::server {

struct ServerOptions {
  config::Loaded configuration;
  std::string data = "./data";
  std::vector<const world::Game*> games;           ///< that this build serves
  std::span<const telemetry::AdminAsset> console;  ///< the console page; outlives the server
  /// How battle.isolation "process" starts the process of a battle group, which calls
  /// run_battle_group() (battle_group.hpp) with the same games.
  std::string group_program = "/proc/self/exe";
  std::vector<std::string> group_arguments = {"serve", "--role", "battle", "--link", "3"};
};

/// What start() found and did, for the person who started it.
struct StartReport : BattlesReport {
  env::Address quic;
  env::Address tcp;  ///< WebSocket and, if `tls`, TLS
  bool tls = false;
  env::Address admin;
  bool made_certificates = false;
  std::string pki_folder;
};

/// start() and stop() on one thread.
class Server {
 public:
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  ~Server();

  const StartReport& report() const { return report_; }
  /// Set when the node cannot go on (the disk fails): why. Any thread.
  std::optional<Error> failure() const;

  /// For figures; any thread, what they say of threads applies.
  const Battles& battles() const { return *battles_; }
  const battle::BattleDirectory& directory() const { return directory_; }
  /// To make battles, end them and speak to them.
  BattleControl& control() { return battles_->control(); }
  std::span<const std::unique_ptr<GatewayThread>> gateways() const { return gateways_; }
  /// Whether the kernel hands packets to the gateway that has their connection.
  bool steers_packets() const { return steers_packets_; }
  /// Null when packets are not shaped.
  ebpf::Shaping* shaping() { return shaping_.get(); }
  const OverloadWatch& overload() const { return *overload_watch_; }

  /// Tells the players, stops the battles at a tick, makes everything durable.
  /// `grace_ns`: how long clients may take to hear it.
  void stop(i64 grace_ns);

 private:
  explicit Server(ServerOptions options);
  Result<void> check_event_loop() const;
  Result<void> prepare_identity();
  Result<void> check_game() const;
  Result<void> open_battles();
  Result<void> open_gateways();
  void steer_packets();
  Result<void> open_shaping();
  Result<void> open_credentials();
  Result<void> begin_battles();
  void open_overload_watch();
  LoadFigures load() const;
  Result<void> open_admin();
  Result<void> start_threads();
  void notify_gateways();
  const world::Game* find_game(std::string_view name) const;
  void collect_metrics(telemetry::MetricSink& sink) const;
  telemetry::ServerStats stats();

  ServerOptions options_;
  StartReport report_;
  env::SystemClock clock_;
  env::SystemRandom random_;
  std::unique_ptr<env::FileSystem> files_;
  std::optional<env::FolderLock> lock_;
  std::string pki_folder_;
  std::optional<auth::TicketSealer> tickets_;
  std::optional<auth::TokenKey> tokens_;
  std::shared_ptr<const transport::TicketKeys> ticket_keys_;  ///< null: no session is resumed
  std::unique_ptr<ServerCredentials> credentials_;
  std::unique_ptr<WebCertificate> web_certificate_;  ///< null: browsers are shown server.pem
  recovery::GameLookup lookup_;
  TimeNs started_at_ = 0;

  // In the order of the path; stopped from the outside in.
  battle::BattleDirectory directory_;
  battle::OverloadState overload_;
  std::unique_ptr<Battles> battles_;
  std::vector<std::unique_ptr<GatewayThread>> gateways_;
  bool steers_packets_ = false;
  std::unique_ptr<ebpf::Shaping> shaping_;  ///< null: packets are not shaped
  std::unique_ptr<OverloadWatch> overload_watch_;
  std::atomic<bool> gateways_ready_{false};  ///< for notify_gateways, which may be called before
  telemetry::MetricsRegistry metrics_;
  std::unique_ptr<telemetry::AdminServer> admin_;
  std::vector<telemetry::MetricsRegistry::Registration> registrations_;

  // Only the admin thread: the last look at the frame counter, for a rate.
  TimeNs rate_at_ = 0;
  u64 rate_frames_ = 0;
  double frames_per_s_ = 0;
};

}  // namespace drumline::server

// What the admin endpoint shows and takes: readiness, the configuration, battles, tokens.
#include <future>

#include "battle/build_info.hpp"
#include "config/print.hpp"
#include "server/server.hpp"

namespace drumline::server {
namespace {

constexpr i64 kAnswerTimeoutNs = kSecondNs;

template <class T>
Result<T> answer_in_time(std::future<Result<T>> future) {
  // A little more than what the battle is given, so that it is the one that says so.
  if (future.wait_for(std::chrono::nanoseconds(kAnswerTimeoutNs + kSecondNs / 2)) !=
      std::future_status::ready) {
    return Error{ErrorCode::timeout, "the battle did not answer in time: is the journal writable?"};
  }
  return future.get();
}

}  // namespace

Result<void> Server::open_admin() {
  const config::Configuration& values = options_.configuration.values;
  telemetry::AdminOptions options;
  options.address = values.listen.admin_address;
  options.port = values.listen.admin_port;
  options.token = values.listen.admin_token;
  admin_ = std::make_unique<telemetry::AdminServer>(options);

  telemetry::AdminSources sources;
  sources.registry = &metrics_;
  sources.readiness = [this]() -> telemetry::Readiness {
    for (const JournalFigures& journal : battles_->journals()) {
      if (journal.state != journal::WriterState::open) return {false, journal.reason};
    }
    return {true, {}};
  };
  sources.configuration_json = [this] { return config::print_json(options_.configuration); };
  sources.stats = [this] { return stats(); };
  sources.console = [this]() -> telemetry::ConsoleInfo {
    const config::Configuration& all = options_.configuration.values;
    telemetry::ConsoleInfo info;
    info.websocket_port = report_.tcp.port;
    info.websocket_path = all.gateway.websocket_path;
    if (all.gateway.webtransport) info.webtransport_port = report_.quic.port;
    if (web_certificate_) info.webtransport_hash = web_certificate_->hash();
    info.game = all.battle.game;
    info.version = battle::version();
    return info;
  };
  sources.battles = [this] {
    std::vector<telemetry::BattleInfo> battles;
    for (const auto& entry : directory_.all()) {
      const battle::BattleDescriptor& descriptor = *entry->descriptor;
      battles.push_back({descriptor.id.value, descriptor.game,
                         std::string(world::sync_model_name(descriptor.sync.model)), entry->tick.load(),
                         entry->seated.load(), descriptor.max_players, entry->shard, entry->failures.load(),
                         entry->open.load()});
    }
    return battles;
  };
  // Of those that wait: the admin thread serves one request at a time, so not for long.
  sources.create_battle = [this]() -> Result<u64> {
    auto made = answer_in_time(control().create());
    if (!made) return std::move(made).error();
    return made->value;
  };
  sources.end_battle = [this](u64 battle) {
    return control().dispose(BattleId{battle}, "ended through the admin endpoint");
  };
  sources.tell = [this](u64 battle, Bytes message) {
    return answer_in_time(control().tell(BattleId{battle}, message));
  };
  sources.ask = [this](u64 battle, Bytes question) {
    return answer_in_time(control().ask(BattleId{battle}, question, clock_.now() + kAnswerTimeoutNs));
  };
  sources.snapshot = [this](u64 battle) -> Result<std::vector<std::byte>> {
    auto taken = answer_in_time(control().snapshot(BattleId{battle}, clock_.now() + kAnswerTimeoutNs));
    if (!taken) return std::move(taken).error();
    return std::move(taken->content);
  };
  if (values.security.dev_tokens) {
    sources.issue_token = [this](telemetry::Seat seat,
                                 const std::string& name) -> Result<telemetry::IssuedToken> {
      const i64 now_s = clock_.wall_now() / kSecondNs;
      auth::TokenClaims claims;
      claims.subject = name.empty() ? "spectator" : "browser:" + name;
      claims.name = name;
      claims.role = seat == telemetry::Seat::player ? auth::Role::player : auth::Role::spectator;
      claims.issued_at_s = now_s;
      claims.expires_at_s = now_s + options_.configuration.values.security.token_ttl_s;
      auto token = tokens_->issue(claims);
      if (!token) return std::move(token).error();
      return telemetry::IssuedToken{std::move(*token), claims.expires_at_s};
    };
  }
  telemetry::add_admin_pages(*admin_, std::move(sources));
  admin_->add_assets(options_.console);
  registrations_.push_back(metrics_.add([this](telemetry::MetricSink& sink) { collect_metrics(sink); }));
  if (auto started = admin_->start(); !started) return started;
  report_.admin = admin_->local();
  return {};
}

}  // namespace drumline::server

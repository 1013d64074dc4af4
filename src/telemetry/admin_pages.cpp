#include "telemetry/admin_pages.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "base/log.hpp"

namespace drumline::telemetry {
namespace {

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::malformed:
    case ErrorCode::out_of_range:
      return 400;
    case ErrorCode::refused:
    case ErrorCode::permission:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::exhausted:
    case ErrorCode::unavailable:
      return 503;
    default:
      return 500;
  }
}

AdminResponse serve_token(const AdminSources& sources, const AdminRequest& request) {
  if (!sources.issue_token) {
    return error_response(403,
                          "Development tokens are off here (security.dev_tokens); ask your account service.");
  }
  const std::string_view wanted = request.query_value("seat");
  if (wanted != "spectator" && wanted != "player") {
    return error_response(400, "Say which seat: /token?seat=spectator or /token?seat=player&name=NAME.");
  }
  const Seat seat = wanted == "player" ? Seat::player : Seat::spectator;
  const std::string name(request.query_value("name"));
  if (seat == Seat::player && name.empty())
    return error_response(400, "A player needs a name: add &name=NAME.");
  if (name.size() > kMaxTokenNameBytes || printable(name) != name) {
    return error_response(
        400, "A name has at most 23 bytes of UTF-8, without control characters and backslashes.");
  }
  auto issued = sources.issue_token(seat, name);
  if (!issued) return error_response(status_of(issued.error().code), issued.error().message);
  return json_response(dump({{"token", issued->token}, {"expires_at", issued->expires_at_s}}));
}

AdminResponse serve_error(const Error& error) {
  return error_response(error.code == ErrorCode::timeout ? 504 : status_of(error.code), error.message);
}

/// The battle that a request names, handed to `serve`.
template <class Serve>
AdminResponse with_battle(const AdminRequest& request, Serve serve) {
  const std::string_view text = request.query_value("battle");
  u64 battle = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), battle);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) {
    return error_response(
        400, "Say which battle: " + std::string(request.path) + "?battle=NUMBER; /battles lists them.");
  }
  return serve(battle);
}

AdminResponse serve_bytes(Result<std::vector<std::byte>> bytes) {
  if (!bytes) return serve_error(bytes.error());
  return {200, "application/octet-stream", std::string(as_text(*bytes))};
}

void add_battle_pages(AdminServer& server, const std::shared_ptr<const AdminSources>& sources) {
  if (!sources->battles) return;
  server.add_route("/battles",
                   [sources](const AdminRequest&) { return json_response(to_json(sources->battles())); });
  server.add_route("/battles/snapshot", [sources](const AdminRequest& request) {
    return with_battle(request, [&](u64 battle) { return serve_bytes(sources->snapshot(battle)); });
  });
  server.add_action("/battles/create", [sources](const AdminRequest&) {
    const auto made = sources->create_battle();
    return made ? json_response(dump({{"battle", *made}})) : serve_error(made.error());
  });
  server.add_action("/battles/end", [sources](const AdminRequest& request) {
    return with_battle(request, [&](u64 battle) {
      const auto ended = sources->end_battle(battle);
      return ended ? json_response(dump({{"battle", battle}})) : serve_error(ended.error());
    });
  });
  server.add_action("/battles/tell", [sources](const AdminRequest& request) {
    return with_battle(request, [&](u64 battle) {
      const auto told = sources->tell(battle, as_bytes(request.body));
      return told ? json_response(dump({{"battle", battle}})) : serve_error(told.error());
    });
  });
  server.add_action("/battles/ask", [sources](const AdminRequest& request) {
    return with_battle(request,
                       [&](u64 battle) { return serve_bytes(sources->ask(battle, as_bytes(request.body))); });
  });
}

}  // namespace

std::string to_json(std::span<const BattleInfo> battles) {
  auto list = nlohmann::ordered_json::array();
  for (const BattleInfo& battle : battles) {
    list.push_back({{"battle", battle.id},
                    {"game", battle.game},
                    {"sync_model", battle.sync_model},
                    {"tick", battle.tick},
                    {"players", battle.players},
                    {"max_players", battle.max_players},
                    {"shard", battle.shard},
                    {"failures", battle.failures},
                    {"open", battle.open}});
  }
  return dump({{"battles", list}});
}

std::string to_json(const ServerStats& stats) {
  return dump(
      {{"tick", stats.tick},
       {"players", stats.players},
       {"sessions", stats.sessions},
       {"lateness_us",
        {{"p50", stats.lateness_us_p50}, {"p99", stats.lateness_us_p99}, {"p999", stats.lateness_us_p999}}},
       {"client_frames_per_s", stats.client_frames_per_s},
       {"skipped_ticks", stats.skipped_ticks},
       {"journal_commit_us", {{"p50", stats.journal_commit_us_p50}, {"p99", stats.journal_commit_us_p99}}},
       {"memory_bytes", stats.memory_bytes},
       {"overload",
        {{"rung", stats.overload_rung},
         {"name", stats.overload_rung_name},
         {"pace_percent", stats.pace_percent},
         {"reason", stats.overload_reason}}},
       {"uptime_s", stats.uptime_s}});
}

std::string to_json(const ConsoleInfo& info) {
  return dump({{"websocket_port", info.websocket_port},
               {"websocket_path", info.websocket_path},
               {"webtransport_port", info.webtransport_port},
               {"webtransport_hash", info.webtransport_hash},
               {"token_url", info.token_url},
               {"game", info.game},
               {"version", info.version}});
}

void add_admin_pages(AdminServer& server, AdminSources given) {
  // Shared by the handlers, each of which lives as long as the server.
  const auto sources = std::make_shared<const AdminSources>(std::move(given));
  server.add_route("/live", [](const AdminRequest&) { return error_response(200, "live"); });
  if (sources->readiness) {
    server.add_route("/ready", [sources](const AdminRequest&) {
      const Readiness now = sources->readiness();
      return now.ready ? error_response(200, "ready") : error_response(503, "not ready: " + now.reason);
    });
  }
  if (sources->registry != nullptr) {
    server.add_route("/metrics", [sources](const AdminRequest&) {
      return AdminResponse{200, "text/plain; version=0.0.4; charset=utf-8", sources->registry->scrape()};
    });
  }
  if (sources->configuration_json) {
    server.add_route("/config",
                     [sources](const AdminRequest&) { return json_response(sources->configuration_json()); });
  }
  if (sources->stats) {
    server.add_route("/stats.json",
                     [sources](const AdminRequest&) { return json_response(to_json(sources->stats())); });
  }
  if (sources->console) {
    server.add_route("/console.json",
                     [sources](const AdminRequest&) { return json_response(to_json(sources->console())); });
  }
  add_battle_pages(server, sources);
  server.add_route("/token",
                   [sources](const AdminRequest& request) { return serve_token(*sources, request); });
}

}  // namespace drumline::telemetry

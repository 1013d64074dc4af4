#include "telemetry/admin_server.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "telemetry/admin_pages.hpp"
#include "unit/telemetry/raw_http.hpp"

namespace drumline::telemetry {
namespace {

using drumline::testing::HttpAnswer;
using drumline::testing::RawHttp;
using ::testing::HasSubstr;

constexpr AdminAsset kAssets[] = {
    {"/index.html", "text/html; charset=utf-8", "abc123", "<!doctype html>"},
    {"/plain.js", "text/javascript", "", "let x = 1;"},
};

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() { options.port = 0; }

  void start() {
    server = std::make_unique<AdminServer>(options);
    server->add_assets(kAssets);
    server->add_route("/echo", [](const AdminRequest& request) {
      return error_response(200, std::string(request.query_value("say")));
    });
    server->add_route("/throw",
                      [](const AdminRequest&) -> AdminResponse { throw std::runtime_error("boom"); });
    AdminSources sources;
    sources.registry = &registry;
    sources.readiness = [this] { return Readiness{ready, "recovering battle 1"}; };
    sources.configuration_json = [] { return std::string("{}"); };
    sources.stats = [] {
      ServerStats stats;
      stats.tick = 77;
      stats.lateness_us_p99 = 12.5;
      return stats;
    };
    sources.console = [] { return ConsoleInfo{7777, "/play", 7778, "c0ffee", "/token", "arena", "0.1.0"}; };
    if (dev_tokens) {
      sources.issue_token = [](Seat seat, const std::string& name) -> Result<IssuedToken> {
        if (name == "banned") return Error{ErrorCode::refused, "This name is banned."};
        return IssuedToken{(seat == Seat::player ? "player-" : "spectator-") + name, 1234};
      };
    }
    add_admin_pages(*server, std::move(sources));
    const auto started = server->start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    port = server->local().port;
  }
  HttpAnswer get(std::string_view target, std::string_view more = {}) {
    return RawHttp(port).get(target, more);
  }

  AdminOptions options;
  MetricsRegistry registry;
  std::atomic<bool> ready{false};
  bool dev_tokens = true;
  std::unique_ptr<AdminServer> server;
  u16 port = 0;
};

TEST_F(AdminServerTest, ready_is_503_with_the_reason_until_it_is_200) {
  start();
  EXPECT_EQ(get("/live").status, 200U);
  const HttpAnswer before = get("/ready");
  EXPECT_EQ(before.status, 503U);
  EXPECT_EQ(before.body, "not ready: recovering battle 1\n");
  ready = true;
  EXPECT_EQ(get("/ready").status, 200U);
}

TEST_F(AdminServerTest, metrics_are_scraped_from_the_registry) {
  auto registration = registry.add([](MetricSink& sink) { sink.counter("drumline_x_total", "X.", 3.0); });
  start();
  const HttpAnswer answer = get("/metrics");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body, HasSubstr("# TYPE drumline_x_total counter\ndrumline_x_total 3\n"));
}

TEST_F(AdminServerTest, the_documents_are_json) {
  start();
  const auto stats = nlohmann::json::parse(get("/stats.json").body);
  EXPECT_EQ(stats["tick"], 77);
  EXPECT_EQ(stats["lateness_us"]["p99"], 12.5);
  EXPECT_TRUE(stats["journal_commit_us"].contains("p50"));
  const auto console = nlohmann::json::parse(get("/console.json").body);
  EXPECT_EQ(console["websocket_port"], 7777);
  EXPECT_EQ(console["websocket_path"], "/play");
  EXPECT_EQ(console["webtransport_port"], 7778);
  EXPECT_EQ(console["webtransport_hash"], "c0ffee");
  EXPECT_EQ(get("/config").field("Content-Type"), "application/json");
  EXPECT_EQ(get("/config").field("Cache-Control"), "no-store");
}

TEST_F(AdminServerTest, tokens_are_given_by_seat_and_name) {
  start();
  const auto token = nlohmann::json::parse(get("/token?seat=player&name=J%C3%BCrgen").body);
  EXPECT_EQ(token["token"], "player-J\xC3\xBCrgen");
  EXPECT_EQ(token["expires_at"], 1234);
  EXPECT_EQ(nlohmann::json::parse(get("/token?seat=spectator").body)["token"], "spectator-");
  EXPECT_EQ(get("/token").status, 400U);
  EXPECT_EQ(get("/token?seat=player").status, 400U);
  EXPECT_EQ(get("/token?seat=player&name=" + std::string(24, 'x')).status, 400U);
  EXPECT_EQ(get("/token?seat=player&name=%FF%FE").status, 400U);
  EXPECT_EQ(get("/token?seat=player&name=banned").status, 403U);
  EXPECT_EQ(get("/token?seat=player&name=a", "Sec-Fetch-Site: cross-site\r\n").status, 403U);
}

TEST_F(AdminServerTest, tokens_are_refused_where_they_are_turned_off) {
  dev_tokens = false;
  start();
  const HttpAnswer answer = get("/token?seat=player&name=a");
  EXPECT_EQ(answer.status, 403U);
  EXPECT_THAT(answer.body, HasSubstr("security.dev_tokens"));
}

TEST_F(AdminServerTest, assets_come_with_etags_and_security_headers) {
  start();
  const HttpAnswer page = get("/");
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.body, "<!doctype html>");
  EXPECT_EQ(page.field("ETag"), "\"abc123\"");
  EXPECT_EQ(page.field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.field("X-Frame-Options"), "DENY");
  EXPECT_THAT(page.field("Content-Security-Policy"), HasSubstr("default-src 'self'"));
  EXPECT_THAT(page.field("Content-Security-Policy"), HasSubstr("script-src 'self' 'wasm-unsafe-eval';"));

  const HttpAnswer cached = get("/index.html", "If-None-Match: \"zzz\", W/\"abc123\"\r\n");
  EXPECT_EQ(cached.status, 304U);
  EXPECT_EQ(cached.body, "");
  EXPECT_EQ(get("/", "If-None-Match: \"zzz\"\r\n").status, 200U);
  EXPECT_EQ(get("/plain.js").field("Cache-Control"), "no-store");
}

TEST_F(AdminServerTest, a_connection_serves_many_requests_also_pipelined) {
  start();
  RawHttp http(port);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(http.get("/echo?say=" + std::to_string(i)).body, std::to_string(i) + "\n");
  EXPECT_EQ(http.get("/", "If-None-Match: \"abc123\"\r\n").status, 304U);
  ASSERT_TRUE(
      http.send("GET /echo?say=a HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /echo?say=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(http.read().body, "a\n");
  EXPECT_EQ(http.read().body, "b\n");
  EXPECT_TRUE(http.wait_for_end());
}

TEST_F(AdminServerTest, head_has_the_length_and_no_body) {
  start();
  RawHttp http(port);
  ASSERT_TRUE(http.send("HEAD /index.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  const HttpAnswer answer = http.read(true);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.field("Content-Length"), "15");
  EXPECT_TRUE(http.wait_for_end());
  EXPECT_EQ(http.pending(), "");
}

TEST_F(AdminServerTest, what_is_wrong_is_told_by_status) {
  start();
  EXPECT_EQ(get("/nothing").status, 404U);
  EXPECT_EQ(get("/throw").status, 500U);
  EXPECT_EQ(get("/%zz").status, 400U);
  RawHttp post(port);
  ASSERT_TRUE(post.send("POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"));
  const HttpAnswer refused = post.read();
  EXPECT_EQ(refused.status, 405U);
  EXPECT_EQ(refused.field("Allow"), "GET, HEAD");
  RawHttp body(port);
  ASSERT_TRUE(body.send("GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_EQ(body.read().status, 413U);
  RawHttp too_long(port);
  ASSERT_TRUE(too_long.send("POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"));
  EXPECT_EQ(too_long.read().status, 413U);
  RawHttp garbage(port);
  ASSERT_TRUE(garbage.send("\x16\x03\x01\x02 garbage\r\n\r\n"));
  EXPECT_EQ(garbage.read().status, 400U);
  EXPECT_EQ(get("/live", "X-Filler: " + std::string(9000, 'x') + "\r\n").status, 431U);
  EXPECT_GE(server->counters().requests_refused.value(), 6U);
  EXPECT_EQ(server->counters().requests_failed.value(), 1U);
}

TEST_F(AdminServerTest, a_rebound_name_is_not_served) {
  start();
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "evil.example:8000"}) {
    RawHttp http(port);
    ASSERT_TRUE(http.send("GET /token?seat=spectator HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"));
    EXPECT_EQ(http.read().status, 421U) << host;
  }
  for (const char* host : {"localhost:8000", "127.0.0.1", "[::1]:99", "LOCALHOST"}) {
    RawHttp http(port);
    ASSERT_TRUE(http.send("GET /live HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"));
    EXPECT_EQ(http.read().status, 200U) << host;
  }
  RawHttp none(port);
  ASSERT_TRUE(none.send("GET /live HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(none.read().status, 400U);
}

TEST_F(AdminServerTest, off_loopback_it_does_not_start_without_a_token) {
  options.address = "0.0.0.0";
  AdminServer open(options);
  const auto started = open.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::refused);
  EXPECT_THAT(started.error().message, HasSubstr("listen.admin_token"));
}

TEST_F(AdminServerTest, off_loopback_every_page_but_health_needs_the_token) {
  options.address = "0.0.0.0";
  options.token = "0123456789abcdef0123456789abcdef";
  start();
  EXPECT_EQ(get("/metrics").status, 401U);
  EXPECT_EQ(get("/").status, 401U);
  EXPECT_EQ(get("/metrics", "Authorization: Bearer 0123456789abcdef0123456789abcdeX\r\n").status, 401U);
  EXPECT_EQ(get("/metrics", "Authorization: Bearer " + options.token + "\r\n").status, 200U);
  EXPECT_EQ(get("/live").status, 200U);
  EXPECT_EQ(get("/ready").body, "not ready\n");
  EXPECT_THAT(get("/ready", "Authorization: Bearer " + options.token + "\r\n").body, HasSubstr("recovering"));
  // Any name reaches it there: the token is the guard.
  RawHttp http(port);
  ASSERT_TRUE(http.send("GET /live HTTP/1.1\r\nHost: node-7.example\r\n\r\n"));
  EXPECT_EQ(http.read().status, 200U);
}

TEST_F(AdminServerTest, connections_are_limited_and_stalled_ones_end) {
  options.max_connections = 2;
  options.request_timeout_ms = 200;
  start();
  RawHttp first(port);
  RawHttp second(port);
  EXPECT_EQ(first.get("/live").status, 200U);
  ASSERT_TRUE(second.send("GET /live HTT"));
  // The server has taken both once a third is refused.
  for (int i = 0; i < 100 && server->counters().connections.value() < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  RawHttp third(port);
  EXPECT_EQ(third.read().status, 503U);
  EXPECT_TRUE(first.wait_for_end());
  EXPECT_TRUE(second.wait_for_end());
  EXPECT_EQ(get("/live").status, 200U);
  EXPECT_EQ(server->counters().connections_refused.value(), 1U);
}

TEST_F(AdminServerTest, stop_ends_connections_and_frees_the_port) {
  start();
  RawHttp idle(port);
  EXPECT_EQ(idle.get("/live").status, 200U);
  server->stop();
  server->stop();
  EXPECT_TRUE(idle.wait_for_end());
  EXPECT_FALSE(RawHttp(port).connected());
}

TEST_F(AdminServerTest, a_port_in_use_is_unavailable_and_says_what_to_do) {
  start();
  options.port = port;
  AdminServer second(options);
  const auto started = second.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::unavailable);
  EXPECT_THAT(started.error().message, HasSubstr("--admin-port"));
}

TEST_F(AdminServerTest, many_clients_are_served_at_once) {
  start();
  std::vector<std::thread> threads;
  std::atomic<int> served{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      RawHttp http(port);
      for (int i = 0; i < 50; ++i) served += http.get("/metrics").status == 200;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(served, 400);
}

}  // namespace
}  // namespace drumline::telemetry

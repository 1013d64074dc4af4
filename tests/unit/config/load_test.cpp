#include "config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drumline::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Sources file(std::string text) {
  Sources sources;
  sources.file_name = "test.toml";
  sources.file_text = std::move(text);
  return sources;
}

std::vector<std::string> problems(const Sources& sources) {
  std::vector<std::string> lines;
  for (const Problem& problem : load(sources).problems) lines.push_back(problem.to_string());
  return lines;
}

std::string source_of(const Loaded& loaded, std::string_view section, std::string_view name) {
  return loaded.sources.at(static_cast<std::size_t>(find_key(section, name) - keys().data()));
}

TEST(Load, nothing_given_is_the_defaults) {
  const Outcome outcome = load({});
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_EQ(outcome.loaded.values.listen.address, "127.0.0.1");
  EXPECT_EQ(outcome.loaded.values.listen.port, 7777);
  EXPECT_EQ(outcome.loaded.values.battle.game, "arena");
  EXPECT_TRUE(outcome.loaded.values.security.require_client_certificate);
  EXPECT_THAT(outcome.loaded.sources, ::testing::Each("default"));
}

TEST(Load, flags_win_over_the_environment_over_the_file_over_defaults) {
  Sources sources = file("[listen]\nport = 1111\nadmin_port = 2222\n[battle]\nmax_players = 10\n");
  sources.environment = {
      {"DRUMLINE_LISTEN_PORT", "3333"}, {"DRUMLINE_LISTEN_ADMIN_PORT", "4444"}, {"HOME", "/x"}};
  sources.flags = {{"--port", "listen.port", "5555"}};
  const Outcome outcome = load(sources);
  ASSERT_THAT(problems(sources), IsEmpty());
  const Loaded& loaded = outcome.loaded;
  EXPECT_EQ(loaded.values.listen.port, 5555);
  EXPECT_EQ(source_of(loaded, "listen", "port"), "flag --port");
  EXPECT_EQ(loaded.values.listen.admin_port, 4444);
  EXPECT_EQ(source_of(loaded, "listen", "admin_port"), "environment");
  EXPECT_EQ(loaded.values.battle.max_players, 10U);
  EXPECT_EQ(source_of(loaded, "battle", "max_players"), "test.toml:5");
  EXPECT_EQ(source_of(loaded, "battle", "seed"), "default");
}

TEST(Load, each_type_reads_from_each_source) {
  Sources sources = file(
      "gateway = { allowed_origins = [\"https://a.example\", \"*\"] }\n"
      "security.dev_tokens = false\nthreads.realtime = \"off\"\nbattle.seed = 0x7FFF_FFFF_FFFF_FFFF\n");
  sources.environment = {{"DRUMLINE_THREADS_PIN", "false"}, {"DRUMLINE_LOG_LEVEL", "debug"}};
  sources.flags = {{"--set", "journal.segment_size_mib", "16"}};
  ASSERT_THAT(problems(sources), IsEmpty());
  const Configuration values = load(sources).loaded.values;
  EXPECT_THAT(values.gateway.allowed_origins, ElementsAre("https://a.example", "*"));
  EXPECT_FALSE(values.security.dev_tokens);
  EXPECT_EQ(values.threads.realtime, "off");
  EXPECT_EQ(values.battle.seed, 0x7FFF'FFFF'FFFF'FFFFU);
  EXPECT_FALSE(values.threads.pin);
  EXPECT_EQ(values.log.level, "debug");
  EXPECT_EQ(values.journal.segment_size_mib, 16U);

  Sources list;
  list.environment = {{"DRUMLINE_GATEWAY_ALLOWED_ORIGINS", "https://a.example,http://b.example:8000"}};
  EXPECT_THAT(load(list).loaded.values.gateway.allowed_origins,
              ElementsAre("https://a.example", "http://b.example:8000"));
}

TEST(Load, a_value_out_of_range_is_told_with_its_place_and_the_range) {
  EXPECT_THAT(
      problems(file("[listen]\n\nport = 70000\n")),
      ElementsAre("test.toml:3:8: listen.port: 70000 is out of range; it takes an integer from 0 to 65,535"));
}

TEST(Load, a_value_of_a_wrong_type_is_told_with_what_was_found) {
  EXPECT_THAT(
      problems(file("[listen]\nport = \"7777\"\n")),
      ElementsAre(HasSubstr("test.toml:2:8: listen.port: found '7777', a string; it takes an integer")));
  EXPECT_THAT(problems(file("[threads]\n  pin = 1\n")),
              ElementsAre("test.toml:2:9: threads.pin: found 1, an integer; it takes true or false"));
  EXPECT_THAT(problems(file("[battle]\nmax_players = 2.5\n")),
              ElementsAre(HasSubstr("a number with a fraction")));
  EXPECT_THAT(problems(file("[battle]\nmax_players = 2024-01-01\n")),
              ElementsAre(HasSubstr("a date or time")));
  EXPECT_THAT(problems(file("[gateway]\nallowed_origins = [1]\n")),
              ElementsAre(HasSubstr("an array of strings")));
  EXPECT_THAT(problems(file("[gateway]\nallowed_origins = [\"play.example\"]\n")),
              ElementsAre(HasSubstr("is not an origin")));
}

TEST(Load, a_choice_lists_what_there_is) {
  EXPECT_THAT(problems(file("[threads]\nrealtime = \"yes\"\n")),
              ElementsAre("test.toml:2:12: threads.realtime: \"yes\" is not one of them; "
                          "it takes \"auto\", \"on\" or \"off\""));
}

TEST(Load, an_unknown_key_suggests_the_nearest) {
  EXPECT_THAT(
      problems(file("[battle]\nmax_player = 5\n")),
      ElementsAre("test.toml:2:1: battle.max_player: there is no such key; did you mean max_players?"));
  EXPECT_THAT(problems(file("[battle]\nport = 5\n")),
              ElementsAre("test.toml:2:1: battle.port: there is no such key; port stands in [listen]"));
  EXPECT_THAT(problems(file("[battle]\nsegment_size_mb = 5\n")),
              ElementsAre(HasSubstr("did you mean segment_size_mib in [journal]?")));
  EXPECT_THAT(problems(file("[battle]\nzzzzzzzzzzzz = 5\n")),
              ElementsAre("test.toml:2:1: battle.zzzzzzzzzzzz: there is no such key"));
}

TEST(Load, an_unknown_section_suggests_the_nearest) {
  EXPECT_THAT(problems(file("\n[gatewy]\nshards = 1\n")),
              ElementsAre("test.toml:2:2: gatewy: there is no such section; did you mean gateway?"));
  EXPECT_THAT(problems(file("port = 1\n")),
              ElementsAre("test.toml:1:1: port: keys stand in sections; port stands in [listen]"));
  EXPECT_THAT(problems(file("listen = 1\n")), ElementsAre(HasSubstr("this is a section, so write [listen]")));
}

TEST(Load, a_syntax_error_has_its_place_and_the_rest_is_still_checked) {
  Sources sources = file("[listen]\nport = \n");
  sources.environment = {{"DRUMLINE_BATTLE_MAX_PLAYERS", "many"}};
  const auto lines = problems(sources);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], ::testing::StartsWith("test.toml:2:"));
  EXPECT_EQ(lines[1],
            "environment: DRUMLINE_BATTLE_MAX_PLAYERS: found \"many\"; "
            "it takes an integer from 1 to 20,000 (players)");
}

TEST(Load, a_key_given_twice_is_a_syntax_error) {
  EXPECT_THAT(problems(file("[listen]\nport = 1\nport = 2\n")),
              ElementsAre(::testing::StartsWith("test.toml:3:")));
}

TEST(Load, all_problems_are_told_at_once_from_the_top) {
  Sources sources = file("[log]\nlevel = 3\n[listen]\nport = -1\nadress = \"\"\n[nope]\n");
  sources.flags = {{"--seed", "battle.seed", "x"}};
  sources.environment = {{"DRUMLINE_GATEWAY_SHARD", "1"}};
  const auto lines = problems(sources);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_THAT(lines[0], HasSubstr("test.toml:2:9: log.level"));
  EXPECT_THAT(lines[1], HasSubstr("test.toml:4:8: listen.port"));
  EXPECT_THAT(lines[2], HasSubstr("test.toml:5:1: listen.adress"));
  EXPECT_THAT(lines[2], HasSubstr("did you mean address?"));
  EXPECT_THAT(lines[3], HasSubstr("test.toml:6:2: nope"));
  EXPECT_EQ(lines[4],
            "environment: DRUMLINE_GATEWAY_SHARD: this variable names no key; "
            "did you mean DRUMLINE_GATEWAY_SHARDS?");
  EXPECT_THAT(lines[5], HasSubstr("--seed: battle.seed: found \"x\""));

  const auto explained = load_or_explain(sources);
  ASSERT_FALSE(explained.ok());
  EXPECT_EQ(explained.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(std::count(explained.error().message.begin(), explained.error().message.end(), '\n'), 5);
}

TEST(Load, a_stray_drumline_variable_is_a_warning) {
  Sources sources;
  sources.environment = {{"DRUMLINE_LISTN_PORT", "1"}};
  const Outcome outcome = load(sources);
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_THAT(outcome.loaded.warnings, ElementsAre(HasSubstr("did you mean DRUMLINE_LISTEN_PORT?")));
}

TEST(Load, keys_that_do_not_go_together_are_told_at_the_one_that_was_set) {
  EXPECT_THAT(problems(file("[gateway]\nidle_timeout_s = 10\n")),
              ElementsAre(HasSubstr("test.toml:2:18: gateway.keep_alive_s: 15 does not go with "
                                    "gateway.idle_timeout_s (10)")));
  EXPECT_THAT(problems(file("[listen]\nadmin_address = \"0.0.0.0\"\n")),
              ElementsAre(HasSubstr("test.toml:2:17: listen.admin_address: \"0.0.0.0\" does not go with "
                                    "listen.admin_token (not set)")));
  EXPECT_THAT(
      problems(file("[listen]\nadmin_address = \"0.0.0.0\"\nadmin_token = \"0123456789012345678901234\"\n")),
      IsEmpty());
  EXPECT_THAT(problems(file("[listen]\nadmin_address = \"::1\"\n")), IsEmpty());
  Sources sources;
  sources.flags = {{"--admin-port", "listen.admin_port", "7777"}};
  EXPECT_THAT(problems(sources),
              ElementsAre(HasSubstr("--admin-port: listen.admin_port: 7777 does not go with")));
}

TEST(Load, a_secret_is_never_repeated) {
  EXPECT_THAT(problems(file("[listen]\nadmin_token = \"hunter2\"\n")),
              ElementsAre(::testing::AllOf(HasSubstr("too short"), ::testing::Not(HasSubstr("hunter2")))));
  EXPECT_THAT(problems(file("[listen]\nadmin_token = 1234567\n")),
              ElementsAre(::testing::Not(HasSubstr("1234567"))));
}

TEST(Load, addresses_paths_and_ring_sizes_are_checked) {
  EXPECT_THAT(problems(file("[listen]\naddress = \"example.com\"\n")),
              ElementsAre(HasSubstr("not an IPv4 or IPv6 address")));
  EXPECT_THAT(problems(file("[listen]\naddress = \"::\"\n")), IsEmpty());
  EXPECT_THAT(problems(file("[gateway]\nwebsocket_path = \"play\"\n")),
              ElementsAre(HasSubstr("not a plain path")));
  EXPECT_THAT(problems(file("[battle]\ninput_ring_slots = 5000\n")),
              ElementsAre(HasSubstr("not a power of two")));
}

TEST(Load, an_unknown_flag_key_is_a_problem) {
  Sources sources;
  sources.flags = {{"--set", "listen.prot", "1"}, {"--set", "nonsense", "1"}};
  EXPECT_THAT(problems(sources),
              ElementsAre("--set: listen.prot: there is no such key; did you mean listen.port?",
                          "--set: nonsense: there is no such key"));
}

TEST(Load, what_is_no_range_of_addresses_or_no_interface_is_named) {
  EXPECT_THAT(problems(file("[shaping]\ninterfaces = [\"eth0\"]\nblock = [\"10.0.0.0/8\", \"::/0\"]\n")),
              IsEmpty());
  EXPECT_THAT(problems(file("[shaping]\nblock = [\"10.0.0.0/8\", \"10.0.0.1/24\"]\n")),
              ElementsAre(HasSubstr("is 10.0.0.0/24 meant?")));
  EXPECT_THAT(problems(file("[shaping]\ninterfaces = [\"a-name-of-16-byte\"]\n")),
              ElementsAre(HasSubstr("\"a-name-of-16-byte\" is no such name")));
  Sources many;
  many.flags = {{"--set", "shaping.interfaces", "a,b,c,d,e,f,g,h,i"}};
  EXPECT_THAT(problems(many), ElementsAre(HasSubstr("too many")));
}

TEST(Load, hostile_text_comes_out_printable) {
  const auto lines = problems(file("[battle]\n\"\\u001b[31mred\" = 1\n"));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find('\x1b'), std::string::npos);
}

TEST(ReadFile, a_missing_file_is_named_with_what_to_do) {
  const auto text = read_configuration_file("/nonexistent/drumline.toml");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::not_found);
  EXPECT_THAT(text.error().message, HasSubstr("/nonexistent/drumline.toml"));
}

}  // namespace
}  // namespace drumline::config

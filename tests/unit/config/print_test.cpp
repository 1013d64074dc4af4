#include "config/print.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drumline::config {
namespace {

using ::testing::HasSubstr;

TEST(Keys, every_key_has_a_section_a_help_and_an_acceptable_default) {
  std::set<std::string> seen;
  std::set<std::string> finished;
  std::string current;
  for (const Key& key : keys()) {
    EXPECT_TRUE(seen.insert(key.path()).second) << key.path();
    EXPECT_TRUE(!key.help.empty() && key.help.back() == '.') << key.path();
    EXPECT_EQ(key.objection(key.get(Configuration{})), std::nullopt) << key.path();
    EXPECT_TRUE(std::any_of(sections().begin(), sections().end(), [&](const Section& s) {
      return s.name == key.section;
    })) << key.path();
    if (key.section != current) {
      EXPECT_TRUE(finished.insert(std::string(key.section)).second)
          << key.path() << " stands away from its section";
      current = key.section;
    }
  }
}

TEST(PrintToml, the_printed_default_file_reads_back_as_the_defaults) {
  const std::string text = print_toml(Configuration{});
  Sources sources;
  sources.file_name = "default.toml";
  sources.file_text = text;
  const Outcome outcome = load(sources);
  EXPECT_TRUE(outcome.problems.empty());
  const auto all = keys();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].get(outcome.loaded.values), all[i].get(Configuration{})) << all[i].path();
    // Every key is really in the file.
    EXPECT_THAT(outcome.loaded.sources[i], ::testing::StartsWith("default.toml:")) << all[i].path();
    EXPECT_THAT(text, HasSubstr(all[i].environment_name()));
  }
}

TEST(PrintToml, changed_values_read_back_too) {
  Configuration changed;
  changed.listen.admin_token = "a token with \"quotes\" and \\ and \t tabs";
  changed.gateway.allowed_origins = {"https://a.example", "*"};
  changed.battle.seed = 42;
  changed.threads.pin = false;
  Sources sources;
  sources.file_text = print_toml(changed);
  const Outcome outcome = load(sources);
  ASSERT_TRUE(outcome.problems.empty()) << outcome.problems.front().to_string();
  for (const Key& key : keys()) EXPECT_EQ(key.get(outcome.loaded.values), key.get(changed)) << key.path();
}

TEST(PrintJson, has_values_sources_and_no_secrets) {
  Sources sources;
  sources.environment = {{"DRUMLINE_LISTEN_ADMIN_TOKEN", "a-very-secret-token-of-ours"}};
  sources.flags = {{"--port", "listen.port", "0"}};
  const std::string text = print_json(load(sources).loaded);
  EXPECT_EQ(text.find("a-very-secret"), std::string::npos);
  const auto parsed = nlohmann::json::parse(text);
  EXPECT_EQ(parsed["listen"]["port"]["value"], 0);
  EXPECT_EQ(parsed["listen"]["port"]["default"], 7777);
  EXPECT_EQ(parsed["listen"]["port"]["source"], "flag --port");
  EXPECT_EQ(parsed["listen"]["admin_token"]["value"], "set");
  EXPECT_EQ(parsed["listen"]["admin_token"]["source"], "environment");
}

// With DRUMLINE_UPDATE_DOCS set, writes the page's reference anew instead.
TEST(Documentation, the_page_holds_the_reference_of_these_keys) {
  const std::string path = DRUMLINE_SOURCE_DIR "/docs/configuration.md";
  std::ifstream in(path);
  std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::string begin = "<!-- reference: made from src/config/keys.cpp -->\n";
  const std::string end = "<!-- end of reference -->";
  const std::size_t first = page.find(begin);
  const std::size_t last = page.find(end);
  ASSERT_NE(first, std::string::npos) << path;
  ASSERT_NE(last, std::string::npos) << path;
  const std::size_t body = first + begin.size();
  const std::string wanted = '\n' + print_markdown();
  if (std::getenv("DRUMLINE_UPDATE_DOCS") != nullptr) {
    page.replace(body, last - body, wanted);
    std::ofstream(path) << page;
    return;
  }
  EXPECT_EQ(page.substr(body, last - body), wanted) << "run this test with DRUMLINE_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace drumline::config

// docs/operations.md lists every metric, and none that is gone.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::set<std::string> all_matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern); it != std::sregex_iterator();
       ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

TEST(Documentation, operations_lists_exactly_the_metrics_in_the_source) {
  const std::filesystem::path root = DRUMLINE_SOURCE_DIR;
  std::set<std::string> in_source;
  const std::regex literal(
      "sink\\.(?:counter|gauge|histogram|histogram_ns|summary_ns)\\(\\s*\"([a-z0-9_]+)\"");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "src")) {
    if (entry.path().extension() == ".cpp") in_source.merge(all_matches(read(entry.path()), literal));
  }
  const std::set<std::string> in_page = all_matches(
      read(root / "docs/operations.md"), std::regex("\n\\| `((?:drumline|process)_[a-z0-9_]+)` \\|"));
  for (const std::string& name : in_source)
    EXPECT_TRUE(in_page.contains(name)) << "docs/operations.md lacks the row | `" << name << "` | … |";
  for (const std::string& name : in_page) EXPECT_TRUE(in_source.contains(name)) << name << " does not exist";
  EXPECT_GE(in_source.size(), 10U);
}

}  // namespace

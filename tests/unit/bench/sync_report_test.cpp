#include "bench/sync/sync_report.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "bench/svg_chart.hpp"
#include "support/temporary_folder.hpp"

namespace drumline::bench {
namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

CellFigures cell(world::SyncModel model, u32 round_trip_ms, u32 loss_percent) {
  CellFigures figures;
  figures.cell = {&arena_script(), model, round_trip_ms, loss_percent};
  figures.players = 16;
  figures.seconds = 3;
  figures.down_bytes_per_s = 12'345;
  figures.up_bytes_per_s = 1'000;
  figures.delays.shown_ns.record(20 * kMillisecondNs);
  figures.delays.confirmed_ns.record((30 + round_trip_ms) * u64{kMillisecondNs});
  return figures;
}

std::vector<CellFigures> some_cells() {
  std::vector<CellFigures> cells;
  for (const auto model : {world::SyncModel::lockstep, world::SyncModel::state_broadcast}) {
    for (const u32 round_trip : {0, 50}) {
      for (const u32 loss : {0, 10}) cells.push_back(cell(model, round_trip, loss));
    }
  }
  return cells;
}

TEST(svg_chart, texts_are_escaped_and_every_line_and_bar_is_there) {
  LineChart lines{.title = "a < b & c",
                  .x_label = "x",
                  .y_label = "y",
                  .ticks = {0, 1},
                  .colours = {"one", "two"},
                  .solid = "s",
                  .dashed = "d",
                  .panels = {{"p", {{0, false, {1, 2}}, {1, true, {-1, 3}}}}}};
  const std::string drawn = to_svg(lines);
  EXPECT_TRUE(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
  EXPECT_EQ(count_of(drawn, "<polyline"), 2U);
  EXPECT_EQ(count_of(drawn, "<circle"), 3U) << "a value that is missing has no point";
  EXPECT_NE(drawn.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_EQ(drawn.find("a < b"), std::string::npos);

  EXPECT_NE(drawn.find(">two</text>"), std::string::npos);
  lines.ticks = {50};
  lines.panels = {{"p", {{0, false, {7}}}}};
  EXPECT_EQ(count_of(to_svg(lines), "<circle"), 1U) << "one condition is a chart too";
  EXPECT_EQ(to_svg(lines).find("nan"), std::string::npos);
  EXPECT_EQ(to_svg(lines).find(">two</text>"), std::string::npos) << "nothing is drawn of it";

  BarChart bars{.title = "t",
                .x_label = "x",
                .y_label = "y",
                .colours = {"one"},
                .lower = "l",
                .upper = "u",
                .panels = {{"p", {{"g", {{0, 1, 2}}}, {"h", {{0, 0, 0}}}}}, {"q", {}}}};
  EXPECT_EQ(count_of(to_svg(bars), "bar c0"), 3U) << "two bars and the legend";
}

TEST(sync_report, the_page_keeps_what_people_wrote_and_shows_what_was_measured) {
  const testing::TemporaryFolder folder;
  const auto files = env::make_system_files();
  const std::string page =
      std::string("# Models\nbefore\n") + kTableBegins + "\nold figures\n" + kTableEnds + "\nafter\n";
  ASSERT_TRUE(
      env::write_file_atomic(*files, folder.path() + "/sync-models.md", as_bytes(std::string_view(page)))
          .ok());
  const auto cells = some_cells();
  const auto written = write_report(*files, folder.path(), cells, "2026-11-24");
  ASSERT_TRUE(written.ok()) << written.error().message;
  const auto read = env::read_file(*files, folder.path() + "/sync-models.md", 1 << 20);
  ASSERT_TRUE(read.ok());
  const std::string text(as_text(*read));
  EXPECT_TRUE(text.starts_with("# Models\nbefore\n")) << text;
  EXPECT_TRUE(text.ends_with(std::string(kTableEnds) + "\nafter\n")) << text;
  EXPECT_EQ(text.find("old figures"), std::string::npos);
  EXPECT_NE(text.find("Measured on 2026-11-24"), std::string::npos);
  EXPECT_NE(text.find("| 50 ms | 10 % | 20 (20) | 80 (80) | 20 (20) | 80 (80) |"), std::string::npos) << text;
  EXPECT_NE(text.find("12.3 / 1.0"), std::string::npos);
  EXPECT_EQ(text.find("frame sync: seen"), std::string::npos) << "it was not measured";
  for (const char* plot : {"sync-delay-arena.svg", "sync-bandwidth.svg", "sync-cpu.svg"}) {
    EXPECT_NE(text.find(std::string("(plots/") + plot + ")"), std::string::npos) << plot;
    const auto svg = env::read_file(*files, folder.path() + "/plots/" + plot, 100 << 10);
    ASSERT_TRUE(svg.ok()) << svg.error().message;
  }
  // Again over what is there now.
  ASSERT_TRUE(write_report(*files, folder.path(), cells, "2026-11-24").ok());
  const auto again = env::read_file(*files, folder.path() + "/sync-models.md", 1 << 20);
  EXPECT_EQ(as_text(*again), text);
}

TEST(sync_report, a_page_without_the_marks_is_left_alone_and_the_marks_are_named) {
  const testing::TemporaryFolder folder;
  const auto files = env::make_system_files();
  ASSERT_TRUE(
      env::write_file_atomic(*files, folder.path() + "/sync-models.md", as_bytes(std::string_view("text")))
          .ok());
  const auto written = write_report(*files, folder.path(), some_cells(), "2026-11-24");
  ASSERT_FALSE(written.ok());
  EXPECT_NE(written.error().message.find(kTableBegins), std::string::npos);
  EXPECT_FALSE(*files->exists(folder.path() + "/plots"));
}

}  // namespace
}  // namespace drumline::bench

// Charts as SVG text, for the documentation: panels side by side on one scale. They bring
// their own background and follow the reader's light or dark colour scheme.
#pragma once

#include <string>
#include <vector>

namespace drumline::bench {

/// At most kChartColours of either.
inline constexpr std::size_t kChartColours = 4;

struct LineChart {
  struct Line {
    std::size_t colour = 0;  ///< index into `colours`
    bool dashed = false;
    std::vector<double> values;  ///< by `ticks`; a negative one is left out
  };
  struct Panel {
    std::string title;
    std::vector<Line> lines;
  };
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<double> ticks;         ///< on the x axis, ascending, one at least
  std::vector<std::string> colours;  ///< what each means; those of which nothing is drawn are not told
  std::string solid, dashed;         ///< what the strokes mean; empty: there is one only
  std::vector<Panel> panels;
};

/// Bars in groups, each of two parts one on the other.
struct BarChart {
  struct Bar {
    std::size_t colour = 0;
    double lower = 0;
    double upper = 0;
  };
  struct Group {
    std::string label;
    std::vector<Bar> bars;
  };
  struct Panel {
    std::string title;
    std::vector<Group> groups;
  };
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> colours;
  std::string lower, upper;  ///< what the parts are
  std::vector<Panel> panels;
};

/// Whole documents. Texts are escaped.
std::string to_svg(const LineChart& chart);
std::string to_svg(const BarChart& chart);

}  // namespace drumline::bench

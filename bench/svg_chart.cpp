#include "bench/svg_chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace drumline::bench {
namespace {

// Pixels.
constexpr double kWidth = 880, kHeight = 390;
constexpr double kLeft = 64, kRight = 20, kTop = 96, kBottom = 62, kGap = 26;
constexpr double kCharacter = 7;  // of the legend's font, about
constexpr double kMostBar = 26;

// Wong, "Points of view: Color blindness", Nature Methods 2011: told apart by everybody;
// the second row is lighter, for a dark ground.
constexpr const char* kStyle = R"(<style>
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}
.quiet{fill:#57606a}
.card{fill:#fff;stroke:#d0d7de}
.grid{stroke:#d8dee4}
.axis{stroke:#8c959f}
.key{stroke:#57606a}
.upper{opacity:.45}
.line{fill:none;stroke-width:2.2}
.dash{stroke-dasharray:6 4}
.c0{stroke:#0072b2;fill:#0072b2}.c1{stroke:#d55e00;fill:#d55e00}.c2{stroke:#009e73;fill:#009e73}.c3{stroke:#a6529a;fill:#a6529a}
.line.c0,.line.c1,.line.c2,.line.c3{fill:none}
.bar{stroke:none}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.quiet{fill:#9198a1}.card{fill:#0d1117;stroke:#3d444d}.grid{stroke:#2a313c}.axis{stroke:#656c76}.key{stroke:#9198a1}
.c0{stroke:#56b4e9;fill:#56b4e9}.c1{stroke:#f0883e;fill:#f0883e}.c2{stroke:#3fca9c;fill:#3fca9c}.c3{stroke:#d594ca;fill:#d594ca}
.line.c0,.line.c1,.line.c2,.line.c3{fill:none}
.bar{stroke:none}
}
</style>
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string number(double value) {
  return fmt::format("{:g}", value);
}

class Canvas {
 public:
  Canvas(const std::string& title, const std::string& x_label, const std::string& y_label, double most,
         std::size_t panels)
      : panels_(panels) {
    DRUM_ASSERT(panels > 0);
    // The step is 1, 2 or 5 times a power of ten, four to eight of which make the scale.
    const double rough = std::max(most, 1e-9) / 5;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double digit = rough / power;
    step_ = power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    top_ = std::ceil(most / step_ * 1.0001) * step_;
    svg_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
        "height=\"{1:g}\" role=\"img\">\n<title>{2}</title>\n",
        kWidth, kHeight, escaped(title));
    svg_ += kStyle;
    svg_ += fmt::format("<rect class=\"card\" x=\".5\" y=\".5\" width=\"{:g}\" height=\"{:g}\" rx=\"8\"/>\n",
                        kWidth - 1, kHeight - 1);
    text(kLeft, 28, "start", title, "title");
    text((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", x_label);
    svg_ +=
        fmt::format("<text transform=\"translate(18 {:g}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                    (kTop + kHeight - kBottom) / 2, escaped(y_label));
  }

  double panel_width() const {
    return (kWidth - kLeft - kRight - kGap * static_cast<double>(panels_ - 1)) / static_cast<double>(panels_);
  }
  double left_of(std::size_t panel) const {
    return kLeft + static_cast<double>(panel) * (panel_width() + kGap);
  }
  double y_of(double value) const { return kHeight - kBottom - value / top_ * (kHeight - kBottom - kTop); }

  void text(double x, double y, const char* anchor, const std::string& what, const char* style = "") {
    svg_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", style,
                        x, y, anchor, escaped(what));
  }
  void line(double x1, double y1, double x2, double y2, const std::string& style) {
    svg_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                        style, x1, y1, x2, y2);
  }
  void rectangle(double x, double y, double width, double height, const std::string& style) {
    svg_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
                        style, x, y, width, std::max(height, 0.0));
  }
  void add(const std::string& element) { svg_ += element; }

  void panel(std::size_t at, const std::string& title) {
    const double left = left_of(at), right = left + panel_width();
    text((left + right) / 2, kTop - 12, "middle", title);
    for (double value = 0; value <= top_ * 1.0001; value += step_) {
      line(left, y_of(value), right, y_of(value), value == 0 ? "axis" : "grid");
      if (at == 0) text(left - 8, y_of(value) + 4.5, "end", number(value), "quiet");
    }
  }

  /// One entry after the other, below the title.
  void legend_colour(std::size_t colour, const std::string& meaning) {
    rectangle(legend_, 44, 14, 12, fmt::format("bar c{}", colour));
    legend_text(20, meaning);
  }
  void legend_stroke(bool dashed, const std::string& meaning) {
    line(legend_, 50, legend_ + 30, 50, dashed ? "line dash key" : "line key");
    legend_text(36, meaning);
  }
  void legend_part(bool upper, const std::string& meaning) {
    rectangle(legend_, 44, 14, 12, upper ? "quiet upper" : "quiet");
    legend_text(20, meaning);
  }

  std::string finish() && { return std::move(svg_) + "</svg>\n"; }

 private:
  void legend_text(double indent, const std::string& meaning) {
    text(legend_ + indent, 55, "start", meaning);
    legend_ += indent + kCharacter * static_cast<double>(meaning.size()) + 20;
  }

  std::size_t panels_;
  double step_ = 1, top_ = 1;
  double legend_ = kLeft;
  std::string svg_;
};

}  // namespace

std::string to_svg(const LineChart& chart) {
  DRUM_ASSERT(chart.colours.size() <= kChartColours && !chart.ticks.empty());
  double most = 0;
  std::array<bool, kChartColours> used{};
  for (const LineChart::Panel& panel : chart.panels) {
    for (const LineChart::Line& line : panel.lines) {
      DRUM_ASSERT(line.colour < chart.colours.size() && line.values.size() == chart.ticks.size());
      used[line.colour] = true;
      for (const double value : line.values) most = std::max(most, value);
    }
  }
  Canvas canvas(chart.title, chart.x_label, chart.y_label, most, chart.panels.size());
  for (std::size_t i = 0; i < chart.colours.size(); ++i) {
    if (used[i]) canvas.legend_colour(i, chart.colours[i]);
  }
  if (!chart.solid.empty()) canvas.legend_stroke(false, chart.solid);
  if (!chart.dashed.empty()) canvas.legend_stroke(true, chart.dashed);
  const double first = chart.ticks.front(), span = chart.ticks.back() - first;
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    canvas.panel(p, chart.panels[p].title);
    constexpr double kMargin = 16;
    const auto x_of = [&](double tick) {
      const double share = span > 0 ? (tick - first) / span : 0.5;
      return canvas.left_of(p) + kMargin + share * (canvas.panel_width() - 2 * kMargin);
    };
    for (const double tick : chart.ticks) {
      canvas.line(x_of(tick), canvas.y_of(0), x_of(tick), canvas.y_of(0) + 5, "axis");
      canvas.text(x_of(tick), canvas.y_of(0) + 20, "middle", number(tick), "quiet");
    }
    for (const LineChart::Line& line : chart.panels[p].lines) {
      std::string points, dots;
      for (std::size_t i = 0; i < chart.ticks.size(); ++i) {
        if (line.values[i] < 0) continue;
        const double x = x_of(chart.ticks[i]), y = canvas.y_of(line.values[i]);
        points += fmt::format("{:.1f},{:.1f} ", x, y);
        dots +=
            fmt::format("<circle class=\"c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", line.colour, x, y);
      }
      canvas.add(fmt::format("<polyline class=\"line c{}{}\" points=\"{}\"/>\n", line.colour,
                             line.dashed ? " dash" : "", points) +
                 dots);
    }
  }
  return std::move(canvas).finish();
}

std::string to_svg(const BarChart& chart) {
  DRUM_ASSERT(chart.colours.size() <= kChartColours);
  double most = 0;
  std::array<bool, kChartColours> used{};
  for (const BarChart::Panel& panel : chart.panels) {
    for (const BarChart::Group& group : panel.groups) {
      for (const BarChart::Bar& bar : group.bars) {
        DRUM_ASSERT(bar.colour < chart.colours.size());
        used[bar.colour] = true;
        most = std::max(most, bar.lower + bar.upper);
      }
    }
  }
  Canvas canvas(chart.title, chart.x_label, chart.y_label, most, chart.panels.size());
  for (std::size_t i = 0; i < chart.colours.size(); ++i) {
    if (used[i]) canvas.legend_colour(i, chart.colours[i]);
  }
  canvas.legend_part(false, chart.lower);
  canvas.legend_part(true, chart.upper);
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    canvas.panel(p, chart.panels[p].title);
    const auto& groups = chart.panels[p].groups;
    const double room = canvas.panel_width() / static_cast<double>(std::max<std::size_t>(groups.size(), 1));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double middle = canvas.left_of(p) + room * (static_cast<double>(g) + 0.5);
      const auto bars = static_cast<double>(groups[g].bars.size());
      const double width = std::min(kMostBar, room * 0.8 / std::max(bars, 1.0));
      double x = middle - width * bars / 2;
      for (const BarChart::Bar& bar : groups[g].bars) {
        const double low = canvas.y_of(bar.lower), high = canvas.y_of(bar.lower + bar.upper);
        canvas.rectangle(x + 1, low, width - 2, canvas.y_of(0) - low, fmt::format("bar c{}", bar.colour));
        canvas.rectangle(x + 1, high, width - 2, low - high, fmt::format("bar upper c{}", bar.colour));
        x += width;
      }
      canvas.text(middle, canvas.y_of(0) + 20, "middle", groups[g].label, "quiet");
    }
  }
  return std::move(canvas).finish();
}

}  // namespace drumline::bench

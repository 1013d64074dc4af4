#include <fmt/format.h>

#include "desync/explain.hpp"
#include "recovery/describe.hpp"

namespace drumline::desync {
namespace {

using recovery::hex;
using recovery::Json;

constexpr std::size_t kDifferencesShown = 16;
constexpr std::size_t kInputsShown = 32;

/// What a file says may hold anything; a terminal is shown no control characters.
std::string shown(const std::string& text) {
  std::string out = text;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

std::string row_text(const FieldDifference& one) {
  if (one.table == kWorldTable) return fmt::format("world, {}", one.field);
  return fmt::format("table {}, entity {} (slot {}), field {}", one.table, hex(one.entity.value), one.slot,
                     one.field);
}

Json writes_json(const FieldDifference& field, const FieldWrites& writes) {
  Json json{{"looked_from_tick", writes.looked_from},
            {"first_value", value_text(field, writes.first_value)},
            {"count", writes.count}};
  json["last"] = Json::array();
  for (const FieldWrite& write : writes.writes) {
    json["last"].push_back({{"tick", write.tick},
                            {"by", write.by},
                            {"before", value_text(field, write.before)},
                            {"after", value_text(field, write.after)}});
  }
  return json;
}

Json inputs_json(const InputsOf& of) {
  return of.known ? Json(of.inputs) : Json(nullptr);
}

Json explanation_json(const Explanation& e) {
  const auto side = [](const std::string& name, const recording::Origin& origin) {
    return Json{{"name", name}, {"simulation", origin.simulation}, {"build", origin.build}};
  };
  Json json{{"a", side(e.name_a, e.origin_a)},
            {"b", side(e.name_b, e.origin_b)},
            {"battle", e.battle.value},
            {"from_tick", e.from_tick},
            {"to_tick", e.to_tick},
            {"hashes_compared", e.compared},
            {"cause", cause_name(e.cause)},
            {"verdict", e.verdict},
            {"setup", e.setup},
            {"notes", e.notes},
            {"hints", e.hints}};
  if (e.cause == Cause::none) return json;
  json["tick"] = e.tick;
  json["last_equal_tick"] = e.last_equal ? Json(*e.last_equal) : Json(nullptr);
  json["hash_a"] = hex(e.hash_a);
  json["hash_b"] = hex(e.hash_b);
  json["inputs_a"] = inputs_json(e.inputs_a);
  json["inputs_b"] = inputs_json(e.inputs_b);
  json["input_difference"] = e.input_difference;
  json["reproduced_a"] = e.reproduced_a;
  json["reproduced_b"] = e.reproduced_b;
  json["state_tick"] = e.state_tick ? Json(*e.state_tick) : Json(nullptr);
  json["differences_count"] = e.states.count;
  json["shape"] = e.states.shape;
  json["differences"] = Json::array();
  for (const FieldDifference& one : e.states.differences) {
    json["differences"].push_back({{"table", one.table},
                                   {"slot", one.slot},
                                   {"entity", hex(one.entity.value)},
                                   {"field", one.field},
                                   {"type", world::field_type_name(one.type)},
                                   {"a", value_text(one, one.a)},
                                   {"b", value_text(one, one.b)}});
  }
  if (e.writes_a) json["writes_a"] = writes_json(e.states.differences.front(), *e.writes_a);
  if (e.writes_b) json["writes_b"] = writes_json(e.states.differences.front(), *e.writes_b);
  return json;
}

class TextPrinter {
 public:
  TextPrinter(const Explanation& e, const std::function<void(std::string_view)>& sink) : e_(e), sink_(sink) {}

  void print() {
    head("A", e_.name_a, e_.origin_a);
    head("B", e_.name_b, e_.origin_b);
    for (const std::string& note : e_.notes) line("note: " + note);
    for (const std::string& one : e_.setup) line("set up differently: " + one);
    line(fmt::format("battle {}, ticks {} to {}, {} hashes compared", e_.battle.value, e_.from_tick,
                     e_.to_tick, e_.compared));
    if (e_.cause == Cause::none) {
      line(e_.verdict.empty() ? "no difference" : "no difference: " + e_.verdict);
      return;
    }
    line(fmt::format("first difference: tick {}, hash {} in A, {} in B", e_.tick, hex(e_.hash_a),
                     hex(e_.hash_b)));
    line("cause: " + e_.verdict);
    states();
    inputs();
    for (const std::string& hint : e_.hints) line("hint: " + hint);
  }

 private:
  void line(const std::string& text) { sink_(shown(text)); }

  void head(const char* side, const std::string& name, const recording::Origin& origin) {
    line(fmt::format("{}: {}{}{}", side, name,
                     origin.simulation.empty() ? "" : "  simulation " + origin.simulation,
                     origin.build.empty() ? "" : "  build " + origin.build));
  }

  void states() {
    for (const std::string& one : e_.states.shape) line("not comparable: " + one);
    if (!e_.state_tick) {
      line("which field cannot be said: no tick from there on is known whole of both sides");
      return;
    }
    line(fmt::format("states of tick {}{} (A {}, B {}): {} fields differ", *e_.state_tick,
                     *e_.state_tick == e_.tick ? "" : ", the next one that both are known of", e_.how_a,
                     e_.how_b, e_.states.count));
    const auto& differences = e_.states.differences;
    for (std::size_t i = 0; i < std::min(differences.size(), kDifferencesShown); ++i) {
      const FieldDifference& one = differences[i];
      line(fmt::format("  {}: {} in A, {} in B", row_text(one), value_text(one, one.a),
                       value_text(one, one.b)));
      if (i == 0) writes(one);
    }
    if (e_.states.count > kDifferencesShown)
      line(fmt::format("  … and {} more", e_.states.count - kDifferencesShown));
  }

  void writes(const FieldDifference& field) {
    const auto of = [&](const char* side, const std::optional<FieldWrites>& writes, bool reproduced) {
      if (!writes) return;
      const std::string as = reproduced ? "" : " (as this program plays it)";
      if (writes->count == 0) {
        line(fmt::format("    {}{}: not written since tick {}", side, as, writes->looked_from));
      }
      for (const FieldWrite& write : writes->writes) {
        line(fmt::format("    {}{}: tick {}, {}: {} -> {}", side, as, write.tick, write.by,
                         value_text(field, write.before), value_text(field, write.after)));
      }
    };
    of("A", e_.writes_a, e_.reproduced_a);
    of("B", e_.writes_b, e_.reproduced_b);
  }

  void inputs() {
    const auto list = [this](const char* of, const InputsOf& inputs) {
      if (!inputs.known) return;
      line(fmt::format("inputs of tick {}{}: {}", e_.tick, of, inputs.inputs.size()));
      for (std::size_t i = 0; i < std::min(inputs.inputs.size(), kInputsShown); ++i)
        line(fmt::format("  {}: {}", i + 1, inputs.inputs[i]));
      if (inputs.inputs.size() > kInputsShown)
        line(fmt::format("  … and {} more", inputs.inputs.size() - kInputsShown));
    };
    const bool same = e_.inputs_a.known && e_.inputs_b.known && e_.input_difference.empty();
    list(same ? " in both" : " in A", e_.inputs_a);
    if (!same) list(" in B", e_.inputs_b);
  }

  const Explanation& e_;
  const std::function<void(std::string_view)>& sink_;
};

}  // namespace

void print_explanation(const Explanation& explanation, bool json,
                       const std::function<void(std::string_view line)>& sink) {
  if (json)
    sink(recovery::json_line(explanation_json(explanation)));
  else
    TextPrinter(explanation, sink).print();
}

}  // namespace drumline::desync

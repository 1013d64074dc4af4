#include "desync/explain.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "desync/hints.hpp"
#include "recovery/describe.hpp"

namespace drumline::desync {
namespace {

using recovery::hex;

constexpr std::size_t kDifferencesKept = 64;
/// Ticks after the first difference at which both states are looked for.
constexpr std::size_t kStateCandidates = 8;

std::vector<std::byte> encoded(const battle::Input& input) {
  std::vector<std::byte> bytes(battle::kMaxInputBytes + battle::kMaxEncodedTellBytes);
  ByteWriter writer(bytes);
  battle::encode_input(input, writer);
  bytes.resize(writer.size());
  return bytes;
}

class Explainer {
 public:
  Explainer(Side& a, Side& b) : a_(a), b_(b) {
    out_.name_a = a.name();
    out_.name_b = b.name();
    out_.origin_a = a.origin();
    out_.origin_b = b.origin();
    out_.battle = a.battle();
  }

  Result<Explanation> run() {
    compare_setup();
    note_damage(a_);
    note_damage(b_);
    if (auto found = find_tick(); !found) return std::move(found).error();
    if (!differs_) {
      if (!out_.setup.empty())
        out_.verdict = "every state is equal, though the battles are set up differently";
      return std::move(out_);
    }
    if (auto compared = compare_inputs(); !compared) return std::move(compared).error();
    compare_known_states();
    judge();
    return std::move(out_);
  }

 private:
  void note_damage(Side& side) {
    if (side.history() == nullptr) return;
    for (const recording::Damage& damage : side.history()->damage()) {
      out_.notes.push_back(fmt::format("{}, offset {}: {}", side.name(), damage.offset, damage.what));
    }
  }

  void compare_setup() {
    if (a_.battle() != b_.battle()) {
      out_.setup.push_back(fmt::format("battle: {} in A, {} in B", a_.battle().value, b_.battle().value));
    }
    if (a_.history() == nullptr || b_.history() == nullptr) return;
    const battle::BattleInfo& a = a_.history()->info();
    const battle::BattleInfo& b = b_.history()->info();
    const auto compare = [this](std::string_view what, const auto& of_a, const auto& of_b) {
      if (of_a == of_b) return;
      differing_setup_ = true;
      out_.setup.push_back(fmt::format("{}: {} in A, {} in B", what, of_a, of_b));
    };
    compare("game", a.game, b.game);
    compare("seed", a.seed, b.seed);
    compare("max_players", a.max_players, b.max_players);
    compare("max_commands_per_tick", a.max_commands_per_tick, b.max_commands_per_tick);
    if (a.rules_document == b.rules_document) return;
    differing_setup_ = true;
    out_.setup.push_back(fmt::format("rules: hash {} in A, {} in B; {}", hex(a.rules_hash()),
                                     hex(b.rules_hash()),
                                     first_differing_line(a.rules_document, b.rules_document)));
  }

  /// A tick that cannot be read is passed over; that it was is told once.
  void compare_hashes(Tick tick) {
    if (differs_) return;
    const auto a = a_.hash(tick);
    const auto b = b_.hash(tick);
    if (!a || !b) {
      if (!unread_) out_.notes.push_back((a ? b : a).error().message);
      unread_ = true;
      return;
    }
    if (!*a || !*b) return;
    ++out_.compared;
    if (**a == **b) {
      out_.last_equal = tick;
      return;
    }
    differs_ = true;
    out_.tick = tick;
    out_.hash_a = **a;
    out_.hash_b = **b;
  }

  Result<void> find_tick() {
    out_.from_tick = std::max(a_.first_tick(), b_.first_tick());
    out_.to_tick = std::min(a_.last_tick(), b_.last_tick());
    // A client has the hashes of few ticks, and may name any: those are gone through then.
    Side* const listed = a_.reported() != nullptr ? &a_ : b_.reported() != nullptr ? &b_ : nullptr;
    if (listed != nullptr) {
      for (const TickHash& one : *listed->reported()) compare_hashes(one.tick);
    } else {
      for (Tick tick = out_.from_tick; tick <= out_.to_tick; ++tick) compare_hashes(tick);
    }
    if (out_.compared > 0) return {};
    return Error{
        ErrorCode::not_found,
        fmt::format("{} has ticks {} to {}, {} has {} to {}: they have no tick in common whose "
                    "state both know",
                    a_.name(), a_.first_tick(), a_.last_tick(), b_.name(), b_.first_tick(), b_.last_tick())};
  }

  Result<void> compare_inputs() {
    std::vector<std::vector<std::byte>> bytes_a;
    std::vector<std::vector<std::byte>> bytes_b;
    const auto take = [&](Side& side, InputsOf& words, std::vector<std::vector<std::byte>>& bytes) {
      const auto inputs = side.inputs(out_.tick);
      if (!inputs || !*inputs) return;
      words.known = true;
      for (const battle::Input& input : **inputs) {
        words.inputs.push_back(recovery::input_text(input));
        bytes.push_back(encoded(input));
      }
    };
    take(a_, out_.inputs_a, bytes_a);
    take(b_, out_.inputs_b, bytes_b);
    if (!out_.inputs_a.known || !out_.inputs_b.known || bytes_a == bytes_b) return {};
    const auto only = [](const InputsOf& words, const auto& of, const auto& other, char side) {
      for (std::size_t i = 0; i < of.size(); ++i) {
        if (std::find(other.begin(), other.end(), of[i]) == other.end())
          return fmt::format("only {} has \"{}\"", side, words.inputs[i]);
      }
      return std::string();
    };
    const std::string of_a = only(out_.inputs_a, bytes_a, bytes_b, 'A');
    const std::string of_b = only(out_.inputs_b, bytes_b, bytes_a, 'B');
    out_.input_difference = of_a + (of_a.empty() || of_b.empty() ? "" : ", ") + of_b;
    if (out_.input_difference.empty())
      out_.input_difference = "the same ones, in another order or another number of times";
    return {};
  }

  void compare_known_states() {
    out_.reproduced_a = a_.reproduces(out_.tick);
    out_.reproduced_b = b_.reproduces(out_.tick);
    std::set<Tick> candidates{out_.tick};
    for (Side* side : {&a_, &b_}) {
      for (const Tick kept : side->kept_states(out_.tick, kStateCandidates)) candidates.insert(kept);
    }
    std::size_t looked = 0;
    for (const Tick tick : candidates) {
      if (++looked > 2 * kStateCandidates) break;
      if (tick > a_.last_tick() || tick > b_.last_tick()) continue;
      auto of_a = a_.state(tick);
      if (!of_a) continue;
      auto of_b = b_.state(tick);
      if (!of_b) continue;
      const auto view_a = world::read_snapshot(of_a->content);
      const auto view_b = world::read_snapshot(of_b->content);
      if (!view_a || !view_b) {
        out_.notes.push_back(fmt::format("the state of tick {} of {}: {}", tick,
                                         view_a ? b_.name() : a_.name(),
                                         (view_a ? view_b : view_a).error().message));
        continue;
      }
      out_.states = compare_states(*view_a, *view_b, kDifferencesKept);
      if (out_.states.count == 0 && out_.states.shape.empty()) continue;  // healed by then
      out_.state_tick = tick;
      out_.how_a = of_a->how;
      out_.how_b = of_b->how;
      if (out_.states.differences.empty()) return;
      const FieldDifference& first = out_.states.differences.front();
      out_.writes_a = writes(a_, first, tick);
      out_.writes_b = writes(b_, first, tick);
      add_state_hints(out_);
      return;
    }
  }

  /// Up to the first tick that differs when that tick wrote the field; else up to the
  /// states' tick.
  std::optional<FieldWrites> writes(Side& side, const FieldDifference& field, Tick state_tick) {
    auto found = side.writes(field, out_.tick);
    const bool wrote = found && found->count > 0 && found->writes.back().tick == out_.tick;
    return wrote || state_tick == out_.tick ? found : side.writes(field, state_tick);
  }

  void judge() {
    std::string unrepeated = a_.unrepeated(out_.tick);
    if (unrepeated.empty()) unrepeated = b_.unrepeated(out_.tick);
    const std::string at = fmt::format("the states differ from tick {} on", out_.tick);
    if (differing_setup_) {
      out_.cause = Cause::setup;
      out_.verdict = at + ": the battles are set up differently: " + out_.setup.back();
    } else if (!out_.input_difference.empty()) {
      out_.cause = Cause::inputs;
      out_.verdict = at + ", whose inputs are not the same: " + out_.input_difference;
    } else if (!unrepeated.empty()) {
      out_.cause = Cause::unrepeated;
      out_.verdict = at + ", and " + unrepeated;
    } else if (!out_.last_equal && a_.history() != nullptr && b_.history() != nullptr) {
      out_.cause = Cause::beginning;
      out_.verdict = fmt::format("the states differ at tick {} already, the first that both have", out_.tick);
    } else {
      out_.cause = Cause::step;
      out_.verdict = at + step_words();
    }
    if (out_.origin_a.simulation != out_.origin_b.simulation && !out_.origin_a.simulation.empty() &&
        !out_.origin_b.simulation.empty()) {
      out_.hints.push_back(
          fmt::format("A was made by simulation {}, B by {}: their rules or step sources differ",
                      out_.origin_a.simulation, out_.origin_b.simulation));
    }
  }

  std::string step_words() const {
    std::string words = ": from the same state";
    if (!out_.last_equal)
      words = ", the first of which both know the hash:";
    else if (*out_.last_equal + 1 != out_.tick)
      words =
          fmt::format(", or from one since tick {}, the last that is known to be equal:", *out_.last_equal);
    words += out_.inputs_a.known && out_.inputs_b.known ? " and the same inputs" : "";
    if (out_.reproduced_a != out_.reproduced_b) {
      words += fmt::format(" this program comes to the state of {}; what made {} steps otherwise",
                           out_.reproduced_a ? "A" : "B", out_.reproduced_a ? "B" : "A");
    } else if (out_.reproduced_a) {
      words += " this program comes to either state";
    } else {
      words +=
          " this program comes to neither state: it is another build than both, or the step is not "
          "the same every time";
    }
    return words;
  }

  Side& a_;
  Side& b_;
  Explanation out_;
  bool differs_ = false;
  bool unread_ = false;
  bool differing_setup_ = false;
};

}  // namespace

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, 6> kNames{"none",   "setup", "beginning",
                                                   "inputs", "step",  "unrepeated"};
  return kNames.at(static_cast<std::size_t>(cause));
}

Result<Explanation> explain(env::FileSystem& files, const recording::GameLookup& lookup,
                            const ExplainOptions& options) {
  auto a = Side::open(files, options.a, options.battle, lookup);
  auto b = Side::open(files, options.b, options.battle, lookup);
  // Where a folder has several battles, the other side says which one is meant.
  const auto unsaid = [&](const Result<std::unique_ptr<Side>>& side) {
    return !side && side.error().code == ErrorCode::invalid_argument && options.battle == BattleId{};
  };
  if (unsaid(a) && b) a = Side::open(files, options.a, (*b)->battle(), lookup);
  if (unsaid(b) && a) b = Side::open(files, options.b, (*a)->battle(), lookup);
  if (!a) return std::move(a).error();
  if (!b) return std::move(b).error();
  return Explainer(**a, **b).run();
}

}  // namespace drumline::desync

// Why two runs of one battle are not the same: the first tick whose state differs, what in
// that state, and what wrote it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "desync/side.hpp"

namespace drumline::desync {

/// What makes the states differ, as far as can be said.
enum class Cause {
  none,        ///< they do not differ
  setup,       ///< another game, seed, rules document or limit
  beginning,   ///< the first states that both have differ already
  inputs,      ///< the tick's inputs are not the same
  step,        ///< same state, same inputs, another result: build, rules or what is no state
  unrepeated,  ///< this program itself gets two results: what is no state decides
};
/// In snake_case.
std::string_view cause_name(Cause cause);

struct InputsOf {
  bool known = false;
  std::vector<std::string> inputs;  ///< in words, in the order of their application
};

struct Explanation {
  std::string name_a, name_b;
  recording::Origin origin_a, origin_b;
  BattleId battle;
  Tick from_tick = 0, to_tick = 0;  ///< that both have
  u64 compared = 0;                 ///< hashes

  Cause cause = Cause::none;
  std::string verdict;             ///< the cause in a sentence
  std::vector<std::string> setup;  ///< what the battles are made of and is not the same
  std::vector<std::string> notes;  ///< damage met, states passed over
  std::vector<std::string> hints;  ///< what the difference looks like

  Tick tick = 0;  ///< the first whose hashes differ; the rest holds when there is one
  std::optional<Tick> last_equal;
  u64 hash_a = 0, hash_b = 0;
  InputsOf inputs_a, inputs_b;
  std::string input_difference;                     ///< the first; empty when they are the same or not known
  bool reproduced_a = false, reproduced_b = false;  ///< this program comes to that side's state

  /// The states compared are of this tick: `tick`, or the next one that both are known of.
  std::optional<Tick> state_tick;
  std::string how_a, how_b;  ///< how they are known
  StateComparison states;
  std::optional<FieldWrites> writes_a, writes_b;  ///< to the first field that differs
};

struct ExplainOptions {
  std::string a, b;  ///< recordings, data folders or clients' reports
  BattleId battle;   ///< in a data folder; 0: the report's, or the only one
};

/// Reads every hash that both have, so that the tick is the first even where a
/// difference healed. An error when a side cannot be read or they have no tick in common.
Result<Explanation> explain(env::FileSystem& files, const recording::GameLookup& lookup,
                            const ExplainOptions& options);

/// For people, or as one JSON object.
void print_explanation(const Explanation& explanation, bool json,
                       const std::function<void(std::string_view line)>& sink);

}  // namespace drumline::desync

// Records, inputs and states in words, shared by replay and inspect.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "battle/input.hpp"
#include "journal/format.hpp"

namespace drumline::recovery {

using Json = nlohmann::ordered_json;

/// "command", "join" …, and back.
std::string_view input_kind_name(battle::InputKind kind);
std::optional<battle::InputKind> input_kind_of(std::string_view name);
/// "attack", "move" …, and back.
std::string_view action_name(world::Action action);
std::optional<world::Action> action_of(std::string_view name);

/// "command player 3 #17 move x 120 y -5"
std::string input_text(const battle::Input& input);
Json input_json(const battle::Input& input);

/// Kind, place and payload of a record. `payload_error` is set when the payload does not parse.
std::string record_text(const journal::Record& record, std::string& payload_error);
Json record_json(const journal::Record& record, std::string& payload_error);

/// The line of a JSON object; text that is not UTF-8 is replaced, never thrown over.
std::string json_line(const Json& json);

/// "0x0123456789abcdef"
std::string hex(u64 value);

}  // namespace drumline::recovery

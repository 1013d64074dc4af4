#include "recovery/describe.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "battle/journal_records.hpp"
#include "world/snapshot.hpp"

namespace drumline::recovery {
namespace {

constexpr std::array<std::string_view, 7> kKinds{"command", "join", "drop", "reconnect",
                                                 "leave",   "tell", "pace"};
constexpr std::array<std::string_view, 5> kActions{"attack", "move", "skill", "turn", "none"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

}  // namespace

std::string_view input_kind_name(battle::InputKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}
std::optional<battle::InputKind> input_kind_of(std::string_view name) {
  return named<battle::InputKind>(kKinds, name);
}
std::string_view action_name(world::Action action) {
  return kActions.at(static_cast<std::size_t>(action));
}
std::optional<world::Action> action_of(std::string_view name) {
  return named<world::Action>(kActions, name);
}

std::string hex(u64 value) {
  return fmt::format("0x{:016x}", value);
}

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string input_text(const battle::Input& input) {
  std::string text = fmt::format("{} player {}", input_kind_name(input.kind), input.player.value);
  if (input.kind == battle::InputKind::join) {
    text += fmt::format(" account {} name {}", hex(input.profile.account),
                        json_line(Json(std::string(input.profile.name_view()))));
  }
  if (input.kind == battle::InputKind::tell) {
    return fmt::format("tell {} bytes {}", input.message.size(), to_hex(input.message));
  }
  if (input.kind == battle::InputKind::pace) return fmt::format("pace {} percent", input.pace_percent);
  if (input.kind != battle::InputKind::command) return text;
  const world::Command& command = input.command;
  text += fmt::format(" #{} {}", command.sequence, action_name(command.action));
  if (command.action == world::Action::skill) text += fmt::format(" {}", command.skill);
  if (command.x != 0 || command.y != 0) text += fmt::format(" x {} y {}", command.x, command.y);
  if (command.target != EntityId{}) text += " target " + hex(command.target.value);
  if (command.view_tick != 0) text += fmt::format(" view {}", command.view_tick);
  return text;
}

Json input_json(const battle::Input& input) {
  Json json{{"kind", input_kind_name(input.kind)}, {"player", input.player.value}};
  if (input.kind == battle::InputKind::join) {
    json["account"] = hex(input.profile.account);
    json["name"] = std::string(input.profile.name_view());
  }
  if (input.kind == battle::InputKind::tell) json["message"] = to_hex(input.message);
  if (input.kind == battle::InputKind::pace) json["percent"] = input.pace_percent;
  if (input.kind != battle::InputKind::command) return json;
  const world::Command& command = input.command;
  json["sequence"] = command.sequence;
  json["action"] = action_name(command.action);
  json["skill"] = command.skill;
  json["entity"] = hex(command.entity.value);
  json["target"] = hex(command.target.value);
  json["x"] = command.x;
  json["y"] = command.y;
  json["timestamp_ms"] = command.timestamp_ms;
  return json;
}

Json record_json(const journal::Record& record, std::string& payload_error) {
  using journal::RecordKind;
  Json json{{"offset", record.offset},
            {"kind", journal::record_kind_name(record.info.kind)},
            {"battle", record.info.battle.value},
            {"epoch", record.info.epoch.value},
            {"tick", record.info.tick},
            {"payload_bytes", record.payload.size()},
            {"write_offset", record.write_offset},
            {"previous_hash", hex(record.previous_hash)},
            {"hash", hex(record.hash)}};
  const auto refused = [&](const Error& error) {
    payload_error = error.message;
    json["damage"] = error.message;
  };
  switch (record.info.kind) {
    case RecordKind::battle_created: {
      const auto created = battle::decode_created(record.payload, record.info.battle, record.info.epoch);
      if (!created) {
        refused(created.error());
        break;
      }
      json["game"] = created->info.game;
      json["build"] = created->info.build;
      json["seed"] = created->info.seed;
      json["max_players"] = created->info.max_players;
      json["max_commands_per_tick"] = created->info.max_commands_per_tick;
      json["rules_hash"] = hex(created->info.rules_hash());
      json["rules_bytes"] = created->info.rules_document.size();
      json["state_hash"] = hex(created->state_hash);
      break;
    }
    case RecordKind::tick: {
      battle::TickRecord tick;
      if (const auto decoded = battle::decode_tick(record.payload, tick); !decoded) {
        refused(decoded.error());
        break;
      }
      json["state_hash"] = hex(tick.state_hash);
      json["flags"] = tick.flags;
      json["inputs"] = Json::array();
      for (const battle::Input& input : tick.inputs) json["inputs"].push_back(input_json(input));
      break;
    }
    case RecordKind::snapshot_taken: {
      const auto taken = battle::decode_snapshot_taken(record.payload);
      if (!taken) {
        refused(taken.error());
        break;
      }
      json["state_hash"] = hex(taken->state_hash);
      json["content_hash"] = hex(taken->content_hash);
      json["file"] = taken->file;
      break;
    }
    case RecordKind::snapshot: {
      const auto snapshot = battle::decode_inline_snapshot(record.payload);
      const auto state =
          snapshot ? world::read_snapshot(snapshot->content) : Result<world::StateView>(snapshot.error());
      if (!state) {
        refused(state.error());
        break;
      }
      json["game"] = std::string(state->game);
      json["state_hash"] = hex(state->hash);
      break;
    }
    case RecordKind::battle_failed: {
      const auto failed = battle::decode_failed(record.payload);
      if (!failed) {
        refused(failed.error());
        break;
      }
      json["text"] = failed->reason;
      json["inputs"] = Json::array();
      for (const battle::Input& input : failed->tick.inputs) json["inputs"].push_back(input_json(input));
      break;
    }
    case RecordKind::battle_disposed:
    case RecordKind::note: {
      const auto text = battle::decode_text(record.payload);
      if (!text)
        refused(text.error());
      else
        json["text"] = *text;
      break;
    }
  }
  return json;
}

std::string record_text(const journal::Record& record, std::string& payload_error) {
  const Json json = record_json(record, payload_error);
  std::string text =
      fmt::format("{:>10}  {:<15}", record.offset, journal::record_kind_name(record.info.kind));
  if (record.info.battle != BattleId{}) {
    text += fmt::format("  battle {}  epoch {}  tick {}", record.info.battle.value, record.info.epoch.value,
                        record.info.tick);
  }
  const auto add = [&](const char* key, const char* label) {
    if (!json.contains(key)) return;
    const Json& value = json[key];
    const bool plain = value.is_string() && std::string_view(key) != "text";
    text += fmt::format("  {} {}", label, plain ? value.get<std::string>() : json_line(value));
  };
  add("game", "game");
  add("build", "build");
  add("seed", "seed");
  add("max_players", "players");
  add("rules_hash", "rules");
  add("state_hash", "hash");
  add("file", "file");
  add("text", "text");
  if (json.contains("inputs")) {
    battle::TickRecord tick;
    if (record.info.kind == journal::RecordKind::battle_failed) {
      if (auto failed = battle::decode_failed(record.payload)) tick = std::move(failed->tick);
    } else {
      (void)battle::decode_tick(record.payload, tick);
    }
    text += fmt::format("  inputs {}", tick.inputs.size());
    for (const battle::Input& input : tick.inputs) text += "\n              " + input_text(input);
  }
  return text;
}

}  // namespace drumline::recovery

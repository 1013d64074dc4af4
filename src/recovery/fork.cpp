#include "recovery/fork.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "env/file.hpp"
#include "recovery/describe.hpp"

namespace drumline::recovery {
namespace {

constexpr std::string_view kLeaveOut = "without";

/// Takes the keys of one line's object; the first thing wrong is kept.
class Line {
 public:
  explicit Line(const Json& json) : json_(json) {}

  bool has(const char* key) const { return json_.contains(key); }
  u64 number(const char* key, u64 largest, u64 absent) {
    const Json* value = take(key);
    if (value == nullptr) return absent;
    if (value->is_number_unsigned() && value->get<u64>() <= largest) return value->get<u64>();
    refuse(key, fmt::format("a whole number from 0 to {}", largest));
    return absent;
  }
  i32 aim(const char* key) {
    const Json* value = take(key);
    if (value == nullptr) return 0;
    if (value->is_number_integer() && value->get<i64>() >= INT32_MIN && value->get<i64>() <= INT32_MAX)
      return value->get<i32>();
    refuse(key, "a whole number of 32 bits");
    return 0;
  }
  std::string text(const char* key, std::string absent) {
    const Json* value = take(key);
    if (value == nullptr) return absent;
    if (value->is_string()) return value->get<std::string>();
    refuse(key, "text");
    return absent;
  }
  u64 hex_number(const char* key) {
    const std::string written = text(key, "0x0");
    auto value = u64_from_hex(std::string_view(written).substr(written.starts_with("0x") ? 2 : 0));
    if (value) return *value;
    refuse(key, "text like \"0x0100000200000003\"");
    return 0;
  }
  void refuse(const char* key, const std::string& allowed) {
    if (!problem_.empty()) return;
    problem_ =
        fmt::format("'{}' is {}; it must be {}", key, has(key) ? json_line(json_[key]) : "missing", allowed);
  }
  /// What is wrong, keys that nobody took included.
  std::string problem() const {
    if (!problem_.empty()) return problem_;
    for (const auto& [key, value] : json_.items()) {
      if (std::find(taken_.begin(), taken_.end(), key) == taken_.end())
        return fmt::format("the key '{}' means nothing here", key.substr(0, 40));
    }
    return "";
  }

 private:
  const Json* take(const char* key) {
    taken_.emplace_back(key);
    return has(key) ? &json_[key] : nullptr;
  }
  const Json& json_;
  std::vector<std::string> taken_;
  std::string problem_;
};

battle::Input read_input(Line& line, const std::string& kind_name, std::vector<std::byte>& message) {
  using battle::InputKind;
  battle::Input input;
  const auto kind = input_kind_of(kind_name);
  if (!kind) {
    line.refuse("kind", "command, join, drop, reconnect, leave, tell, pace or without");
    return input;
  }
  input.kind = *kind;
  if (input.kind == InputKind::tell) {
    auto bytes = from_hex(line.text("message", ""));
    if (!bytes || bytes->size() > world::kMaxTellBytes)
      line.refuse("message", fmt::format("at most {} bytes in hexadecimal", world::kMaxTellBytes));
    else
      message = std::move(bytes).value();
    return input;
  }
  if (input.kind == InputKind::pace) {
    input.pace_percent = static_cast<u32>(line.number("percent", world::kMaxPacePercent, 0));
    if (!world::is_pace(input.pace_percent))
      line.refuse("percent", fmt::format("{} to {}", world::kNormalPacePercent, world::kMaxPacePercent));
    return input;
  }
  if (input.kind == InputKind::join) {
    input.profile.account = line.hex_number("account");
    const std::string name = line.text("name", "");
    if (name.size() > input.profile.name.size() || name.find('\0') != std::string::npos)
      line.refuse("name", fmt::format("text of at most {} bytes", input.profile.name.size()));
    else
      std::copy(name.begin(), name.end(), input.profile.name.begin());
    return input;
  }
  if (!line.has("player")) line.refuse("player", "the seat's number");
  input.player.value = static_cast<u32>(line.number("player", battle::kMaxBattlePlayers - 1, 0));
  if (input.kind != InputKind::command) return input;
  const auto action = action_of(line.text("action", ""));
  if (!action || *action == world::Action::none)
    line.refuse("action", "attack, move, skill or turn");
  else
    input.command.action = *action;
  input.command.skill = static_cast<u8>(line.number("skill", 255, 0));
  input.command.target.value = line.hex_number("target");
  input.command.x = line.aim("x");
  input.command.y = line.aim("y");
  return input;
}

}  // namespace

Result<InputChanges> InputChanges::parse(std::string_view text, const std::string& name) {
  InputChanges changes;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::string_view words = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), words.size() + 1));
    const std::string where = fmt::format("{}, line {}: ", name, ++number);
    if (number > kMaxLines) {
      return Error{ErrorCode::exhausted, fmt::format("{}: at most {} lines are taken", name, kMaxLines)};
    }
    if (words.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Json json = Json::parse(words, nullptr, false);
    if (!json.is_object()) {
      return Error{ErrorCode::malformed,
                   where + R"(it is no JSON object; an input looks like {"tick": 100, "player": 0, )"
                           R"("action": "move", "x": 100, "y": 0})"};
    }
    Line line(json);
    const Tick tick = line.number("tick", ~Tick{0} - 1, 0);
    if (tick == 0) line.refuse("tick", "the number of the tick, from 1");
    const std::string kind = line.text("kind", "command");
    std::vector<std::byte> message;
    if (kind == kLeaveOut) {
      LeftOut left;
      left.first = tick;
      left.last = line.number("until", ~Tick{0} - 1, tick);
      left.player =
          PlayerSlot{static_cast<u32>(line.number("player", battle::kMaxBattlePlayers - 1, kNoPlayer.value))};
      if (left.last < tick) line.refuse("until", "no tick before 'tick'");
      changes.left_out_.push_back(left);
    } else {
      battle::Input input = read_input(line, kind, message);
      if (!message.empty()) {
        changes.messages_.push_back(std::move(message));
        input.message = changes.messages_.back();
      }
      changes.added_[tick].push_back(input);
    }
    if (const std::string problem = line.problem(); !problem.empty()) {
      return Error{ErrorCode::malformed, where + problem};
    }
    if (changes.first_tick_ == 0 || tick < changes.first_tick_) changes.first_tick_ = tick;
  }
  return changes;
}

Result<InputChanges> InputChanges::read(env::FileSystem& files, const std::string& path) {
  auto bytes = env::read_file(files, path, kMaxFileBytes);
  if (!bytes) return std::move(bytes).error();
  return parse(as_text(*bytes), path);
}

std::span<const battle::Input> InputChanges::added(Tick tick) const {
  const auto found = added_.find(tick);
  if (found == added_.end()) return {};
  return found->second;
}

bool InputChanges::leaves_out(Tick tick, PlayerSlot player) const {
  return std::any_of(left_out_.begin(), left_out_.end(), [&](const LeftOut& left) {
    return tick >= left.first && tick <= left.last && (left.player == kNoPlayer || left.player == player);
  });
}

Result<std::unique_ptr<Fork>> Fork::begin(recording::History& history, const world::Game& game,
                                          const InputChanges& changes, Tick from) {
  if (changes.first_tick() != 0 && changes.first_tick() <= from) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("the inputs change tick {}, and the fork begins after tick {}: begin earlier "
                             "with --from",
                             changes.first_tick(), from)};
  }
  recording::Player player(history, game);
  if (auto sought = player.seek(from); !sought) return std::move(sought).error();
  if (player.difference()) return Error(*player.difference());
  std::unique_ptr<Fork> fork(new Fork(history, changes));
  fork->battle_ = player.take_battle();
  return fork;
}

/// Numbers the commands in inputs_, of which the first `recorded` have numbers.
void Fork::number(std::size_t recorded) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    battle::Input& input = inputs_[i];
    // Who sits down begins at 1 again.
    if (input.kind == battle::InputKind::leave) sequences_.erase(input.player.value);
    if (input.kind == battle::InputKind::join) sequences_.erase(battle_->find_free_seat().value);
    if (input.kind != battle::InputKind::command) continue;
    const auto seat = battle_->seat(input.player);
    const auto known = sequences_.try_emplace(input.player.value, seat ? seat->last_sequence : 0).first;
    u32& last = known->second;
    const bool keeps = i < recorded && input.command.sequence > last;
    last = keeps ? input.command.sequence : last + 1;
    input.command.sequence = last;
  }
}

Result<ForkedTick> Fork::next() {
  const Tick tick = battle_->tick() + 1;
  ForkedTick forked;
  inputs_.clear();
  if (tick <= history_.last_tick()) {
    if (auto read = history_.read_tick(tick, record_); !read) return std::move(read).error();
    forked.recorded_hash = record_.state_hash;
    for (const battle::Input& input : record_.inputs) {
      if (changes_.leaves_out(tick, input.player))
        ++forked.left_out;
      else
        inputs_.push_back(input);
    }
  }
  const std::size_t recorded = inputs_.size();
  const auto added = changes_.added(tick);
  inputs_.insert(inputs_.end(), added.begin(), added.end());
  forked.added = static_cast<u32>(added.size());
  number(recorded);
  forked.outcome = battle_->step(inputs_);
  return forked;
}

}  // namespace drumline::recovery

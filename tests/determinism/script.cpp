#include "script.hpp"

#include <algorithm>

#include "world/fixed_math.hpp"

namespace drumline::determinism {
namespace {

using battle::Input;
using battle::InputKind;

/// How a game is played here: crowded, so that everything meets everything.
struct Setting {
  std::string_view game;
  std::string_view rules_document;
  u32 players;
};
constexpr std::array<Setting, 2> kSettings{{
    {"arena", "[map]\narea_per_player_units2 = 60\npickup_every_units2 = 200\n", 32},
    {"duel", "", 2},
}};
constexpr Setting kOtherwise{"", "", 16};

const Setting& setting_of(std::string_view game) {
  for (const Setting& setting : kSettings) {
    if (setting.game == game) return setting;
  }
  return kOtherwise;
}

Result<std::unique_ptr<battle::Battle>> create_battle(const world::Game& game, u64 seed) {
  const Setting& setting = setting_of(game.name());
  battle::BattleInfo info;
  info.id = BattleId{1};
  info.game = game.name();
  info.rules_document = setting.rules_document;
  info.seed = seed;
  info.max_players = setting.players;
  info.max_commands_per_tick = 2;
  info.build = "determinism";
  return battle::Battle::create(game, std::move(info));
}

}  // namespace

Result<std::unique_ptr<ScriptedBattle>> ScriptedBattle::create(const world::Game& game, u64 seed) {
  auto made = create_battle(game, seed);
  if (!made) return std::move(made).error();
  return std::unique_ptr<ScriptedBattle>(new ScriptedBattle(game, std::move(made).value(), seed));
}

ScriptedBattle::ScriptedBattle(const world::Game& game, std::unique_ptr<battle::Battle> battle, u64 seed)
    : game_(game), battle_(std::move(battle)), rng_(~seed), sequences_(battle_->info().max_players) {
  offered_.reserve(battle_->limits().inputs);
}

bool ScriptedBattle::renew() {
  if (!battle_->rules().finished()) return false;
  auto made = create_battle(game_, rng_.next_u64());
  DRUM_ASSERT(made.ok());
  battle_ = std::move(made).value();
  std::fill(sequences_.begin(), sequences_.end(), 0U);
  return true;
}

void ScriptedBattle::step() {
  offered_.clear();
  const u32 seats = battle_->info().max_players;
  const u32 first = static_cast<u32>(rng_.below(u64{seats}));
  for (u32 i = 0; i < seats; ++i) offer(PlayerSlot{(first + i) % seats});
  if (rng_.below(u64{64}) == 0) {
    for (std::byte& byte : message_) byte = static_cast<std::byte>(rng_.next_u64());
    Input tell{InputKind::tell, kNoPlayer, {}, {}, {}};
    tell.message = Bytes(message_).first(rng_.below(message_.size()));
    offered_.push_back(tell);
  }
  const battle::TickOutcome outcome = battle_->step(offered_);
  for (const Input& input : outcome.accepted) {
    if (input.kind == InputKind::join) sequences_[input.player.value] = 0;
  }
  accepted_ += outcome.accepted.size();
  events_ += outcome.events.size();
}

void ScriptedBattle::offer(PlayerSlot player) {
  const auto seat = battle_->seat(player);
  const u64 choice = rng_.below(u64{4'096});
  if (!seat) {
    if (choice >= 256) return;
    Input join{InputKind::join, kNoPlayer, {}, {}, {}};
    join.profile.account = rng_.below(u64{1'000});
    for (std::size_t i = 0; i < choice % join.profile.name.size(); ++i) {
      join.profile.name[i] = static_cast<char>('a' + rng_.below(u64{26}));
    }
    offered_.push_back(join);
    return;
  }
  if (choice == 0) offered_.push_back({InputKind::leave, player, {}, {}, {}});
  if (choice == 1 || choice == 2) offered_.push_back({InputKind::drop, player, {}, {}, {}});
  // Now and then of one who is connected: refused.
  if (choice < (seat->connected ? 8U : 128U)) offered_.push_back({InputKind::reconnect, player, {}, {}, {}});
  if (choice < 1'024) offer_commands(player);
}

void ScriptedBattle::offer_commands(PlayerSlot player) {
  // Up to one more than is allowed, the last one first to arrive.
  const u32 count = 1 + static_cast<u32>(rng_.below(u64{3}));
  u32& sequence = sequences_[player.value];
  sequence += count;
  for (u32 i = 0; i < count; ++i) {
    Input input{InputKind::command, player, make_command(player), {}, {}};
    input.command.sequence = sequence - i;
    offered_.push_back(input);
  }
  // A repeat, as clients send against loss.
  if (rng_.below(u64{4}) == 0) offered_.push_back(offered_.back());
}

world::Command ScriptedBattle::make_command(PlayerSlot player) {
  const u32 seats = battle_->info().max_players;
  const auto entity_of = [&](PlayerSlot who) { return battle_->rules().entity_of(who); };
  const auto anybody = [&] { return entity_of(PlayerSlot{static_cast<u32>(rng_.below(u64{seats}))}); };
  world::Command command;
  // Rarely somebody else's: refused. 0 stands for his own.
  const u64 whose = rng_.below(u64{32});
  command.entity = whose == 0 ? anybody() : whose < 16 ? entity_of(player) : EntityId{};
  command.action = static_cast<world::Action>(rng_.below(u64{5}));
  command.skill = static_cast<u8>(rng_.below(u64{4}));
  const world::Vector way = world::direction_of(static_cast<world::Angle>(rng_.next_u64()));
  command.x = static_cast<i32>(way.x.raw / 2 - (way.x.raw > 0));
  command.y = static_cast<i32>(way.y.raw / 2 - (way.y.raw > 0));
  if (rng_.below(u64{16}) == 0) command.x = command.y = 0;
  if (rng_.below(u64{3}) == 0) command.target = anybody();
  if (rng_.below(u64{8}) == 0) command.timestamp_ms = 1 + rng_.below(u64{1} << 41);
  if (rng_.below(u64{4}) == 0) command.view_tick = static_cast<u32>(battle_->tick());
  return command;
}

}  // namespace drumline::determinism

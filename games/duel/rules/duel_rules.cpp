#include "duel/duel_rules.hpp"

#include <array>
#include <string>

#include "base/bytes.hpp"
#include "duel/blows.hpp"
#include "duel/fighter.hpp"
#include "duel/match.hpp"
#include "duel_view/map_description.hpp"

namespace drumline::duel {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Phase::count)> kPhaseNames = {
    "waiting", "intro", "fight", "pause", "over"};

MoveDescription describe(const Move& move, i64 reach_milliunits) {
  const int recovery = move.length - move.startup - move.active;
  return {move.startup, move.active, static_cast<u8>(recovery), static_cast<u16>(reach_milliunits)};
}

std::vector<std::byte> describe_map(const Settings& s, const Tuning& t) {
  const auto number = [](i64 value) { return static_cast<u16>(value); };
  MapDescription map;
  map.stage_width_milliunits = number(s.stage.width_milliunits);
  map.stage_height_milliunits = number(s.stage.height_milliunits);
  map.best_of_rounds = t.best_of;
  map.health_points = t.health;
  map.max_meter_points = t.meter_max;
  map.special_cost_points = t.special_cost;
  map.half_width_milliunits = number(s.fighter.half_width_milliunits);
  map.body_height_milliunits = number(s.fighter.body_height_milliunits);
  map.walk_milliunits_per_s = number(s.fighter.walk_milliunits_per_s);
  map.dash_milliunits_per_s = number(s.dash.speed_milliunits_per_s);
  map.projectile_milliunits_per_s = number(s.special.speed_milliunits_per_s);
  map.projectile_radius_milliunits = number(s.special.radius_milliunits);
  map.light = describe(t.light, s.light.reach_milliunits);
  map.heavy = describe(t.heavy, s.heavy.reach_milliunits);
  map.grab = describe(t.grab, s.grab.reach_milliunits);
  map.dash = {0, t.dash_ticks, static_cast<u8>(t.dash_length - t.dash_ticks), 0};
  map.special = describe(t.special, 0);
  std::vector<std::byte> bytes;
  encode_map_description(map, bytes);
  return bytes;
}

}  // namespace

DuelRules::DuelRules(const Settings& settings, const world::BattleSettings& battle)
    : tuning_(settings),
      max_players_(battle.max_players),
      map_description_(describe_map(settings, tuning_)),
      world_(battle.seed),
      fighters_(world_.add_table<Fighter>("fighter", kFighters)),
      projectiles_(world_.add_table<Projectile>("projectile", kFighters)),
      match_(world_.add_table<Match>("match", 1)) {
  static_assert(kFighterTable == 0 && kProjectileTable == 1 && kMatchTable == 2);
}

void DuelRules::on_create() {
  const EntityId row = match_.create();
  DRUM_ASSERT(entity_slot(row) == 0);
  match_.at<&Match::x>(0) = Fixed::from_raw(tuning_.stage_width.raw / 2);
}

world::Refusal DuelRules::on_join(PlayerSlot player, const world::Profile& /*profile*/) {
  if (fighters_.live_count() == kFighters) return world::Refusal{kRefusedDuelFull};
  if (phase() != Phase::waiting) return world::Refusal{kRefusedDuelDecided};
  if (player.value >= max_players_ || row_of(player) != kNobody) return world::kRefusedNoSeat;
  const u32 slot = entity_slot(fighters_.create());
  Fighter fighter{};
  fighter.seat = player.value;
  fighter.meter = tuning_.meter_start;
  place_fighter(tuning_, fighter, slot);
  put_row(fighters_, slot, fighter);
  return world::kAccepted;
}

// What the player held and wanted ends; what is under way goes on.
void DuelRules::let_go(u32 slot) {
  fighters_.at<&Fighter::walk>(slot) = 0;
  fighters_.at<&Fighter::queued>(slot) = static_cast<u8>(Queued::none);
  fighters_.at<&Fighter::flags>(slot) &= static_cast<u8>(~kFlagGuard);
}

void DuelRules::on_drop(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot == kNobody) return;
  let_go(slot);
  fighters_.at<&Fighter::flags>(slot) |= kFlagAway;
}

void DuelRules::on_reconnect(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot == kNobody) return;
  fighters_.at<&Fighter::flags>(slot) &= static_cast<u8>(~kFlagAway);
}

// The next step sees that one is missing and gives the match to the other.
void DuelRules::on_leave(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot != kNobody) fighters_.destroy(slot);
}

world::Refusal DuelRules::on_tell(Bytes message) {
  ByteReader read(message);
  const u8 kind = read.read<u8>();
  const u16 seconds = kind == kTellRoundTimer ? read.read<u16>() : u16{0};
  if (!read.ok() || !read.at_end() || (kind != kTellRoundTimer && kind != kTellEndMatch)) {
    return world::kRefusedUnknownAction;
  }
  if (phase() == Phase::over) return world::Refusal{kRefusedDuelDecided};
  const bool possible = kind == kTellRoundTimer ? phase() == Phase::fight : phase() != Phase::waiting;
  if (!possible) return world::Refusal{kRefusedRoundNotOn};
  if (kind == kTellRoundTimer) {
    match_.at<&Match::until>(0) = now() + ticks_of_ms(i64{seconds} * 1000);
  } else {
    match_.at<&Match::called>(0) = 1;
  }
  return world::kAccepted;
}

bool DuelRules::on_ask(Bytes question, std::vector<std::byte>& answer) const {
  if (as_text(question) != kAskScore) return false;
  const auto both = [&](auto left, auto right) {
    return std::to_string(left) + " : " + std::to_string(right);
  };
  const std::string text =
      "round " + std::to_string(match_.at<&Match::round>(0)) + " of " + std::to_string(tuning_.best_of) +
      ", " + std::string(kPhaseNames[static_cast<std::size_t>(phase())]) + ", " +
      both(fighters_.at<&Fighter::rounds>(0), fighters_.at<&Fighter::rounds>(1)) + ", health " +
      both(fighters_.at<&Fighter::health>(0), fighters_.at<&Fighter::health>(1));
  const Bytes bytes = as_bytes(text);
  answer.assign(bytes.begin(), bytes.end());
  return true;
}

bool DuelRules::finished() const {
  return phase() == Phase::over && now() >= match_.at<&Match::until>(0);
}

Scene DuelRules::take_scene(world::EventList& events) const {
  Scene scene{events};
  scene.now = now();
  scene.match = take_row(match_, 0);
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (!fighters_.is_live(slot)) continue;
    scene.fighters[slot] = take_row(fighters_, slot);
    scene.ids[slot] = fighters_.id_of(slot);
  }
  return scene;
}

void DuelRules::put_scene(const Scene& scene) {
  put_row(match_, 0, scene.match);
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (scene.is_there(slot)) put_row(fighters_, slot, scene.fighters[slot]);
  }
}

void DuelRules::step(world::EventList& events) {
  Scene scene = take_scene(events);
  direct(tuning_, scene, projectiles_);
  if (scene.phase() != Phase::waiting && scene.phase() != Phase::intro) {
    for (u32 slot = 0; slot < kFighters; ++slot) {
      if (scene.is_there(slot)) advance(tuning_, scene, slot, projectiles_);
    }
    for (Fighter& fighter : scene.fighters) move(tuning_, fighter);
    keep_apart(tuning_, scene);
    if (scene.fighting()) exchange_blows(tuning_, scene);
    fly(tuning_, scene, projectiles_);
    if (scene.fighting()) judge(tuning_, scene);
  }
  put_scene(scene);
}

u32 DuelRules::row_of(PlayerSlot player) const {
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (fighters_.is_live(slot) && fighters_.at<&Fighter::seat>(slot) == player.value) return slot;
  }
  return kNobody;
}

EntityId DuelRules::entity_of(PlayerSlot player) const {
  const u32 slot = row_of(player);
  return slot == kNobody ? EntityId{} : fighters_.id_of(slot);
}

i64 DuelRules::score_of(PlayerSlot player) const {
  const u32 slot = row_of(player);
  return slot == kNobody ? 0 : i64{fighters_.at<&Fighter::rounds>(slot)};
}

std::string_view DuelRules::refusal_name(world::Refusal refusal) const {
  switch (refusal.code) {
    case kRefusedDuelFull:
      return "duel_full";
    case kRefusedDuelDecided:
      return "duel_decided";
    case kRefusedUnknownSkill:
      return "unknown_skill";
    case kRefusedNoDirection:
      return "no_direction";
    case kRefusedRoundNotOn:
      return "round_not_on";
    case kRefusedInTheAir:
      return "in_the_air";
    case kRefusedNoMeter:
      return "no_meter";
    default:
      return world::engine_refusal_name(refusal);
  }
}

}  // namespace drumline::duel

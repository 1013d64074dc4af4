#include "duel_bot/bot.hpp"

#include <algorithm>
#include <cstdlib>

namespace drumline::duel {

using world::Action;
using world::Command;

namespace {

// Lengths in sent units, 1/256 unit.
constexpr i64 kUnit = 256;
constexpr i64 kMargin = kUnit / 3;
constexpr Tick kHoldRepeat = 60;  // what is held is said again now and then, as it may be lost
constexpr Tick kActPause = 10;    // until an action shows in what it sees
constexpr Tick kGuardTicks = 18;
constexpr Tick kDodgeTicks = 16;  // a projectile so near is answered

i64 sent_length(i64 milliunits) {
  return milliunits * kUnit / 1000;
}
i64 per_tick(i64 milliunits_per_s) {
  return std::max<i64>(1, milliunits_per_s * kUnit * 16 / 1'000'000);
}
Stance stance_of(const SeenEntity& fighter) {
  return static_cast<Stance>(fighter.values[kFighterStance]);
}
const MoveDescription* attack_of(const MapDescription& map, Stance stance) {
  switch (stance) {
    case Stance::light:
      return &map.light;
    case Stance::heavy:
      return &map.heavy;
    case Stance::grab:
      return &map.grab;
    case Stance::special:
      return &map.special;
    default:
      return nullptr;
  }
}

}  // namespace

// What matters of the view, found in one pass.
struct Bot::Scene {
  const BotView& view;
  const SeenEntity* self = nullptr;
  const SeenEntity* other = nullptr;
  const SeenEntity* projectile = nullptr;  ///< the other's
  bool shoots = false;                     ///< its own projectile is in flight
  Phase phase = Phase::waiting;
  i64 distance = 0;  ///< between the bodies' middles
  i32 towards = 1;   ///< 1: the other is to the right

  explicit Scene(const BotView& seen) : view(seen) {
    for (const SeenEntity& entity : seen.entities) {
      switch (entity_table(entity.id)) {
        case kFighterTable:
          (entity.id == seen.self ? self : other) = &entity;
          break;
        case kProjectileTable:
          if (entity.values[kProjectileOwner] == entity_slot(seen.self)) {
            shoots = true;
          } else {
            projectile = &entity;
          }
          break;
        case kMatchTable:
          phase = static_cast<Phase>(entity.values[kMatchPhase]);
          break;
        default:
          break;
      }
    }
    if (self == nullptr || other == nullptr) return;
    const i64 way = other->values[kFighterX] - self->values[kFighterX];
    distance = std::abs(way);
    towards = way < 0 ? -1 : 1;
  }

  const MapDescription& map() const { return *view.map; }
  bool in_the_air() const { return self->values[kFighterY] > 0; }
  bool can_act() const { return is_free(stance_of(*self)); }
  /// Would a move that begins now reach the other?
  bool reaches(const MoveDescription& move, i64 margin = 0) const {
    return distance <= sent_length(move.reach_milliunits + map().half_width_milliunits) + margin;
  }
  /// Ticks until the other's projectile is here; negative when none is coming.
  i64 projectile_ticks() const {
    if (projectile == nullptr) return -1;
    const i64 way = self->values[kFighterX] - projectile->values[kProjectileX];
    if ((way < 0) != (projectile->values[kProjectileLeft] != 0)) return -1;
    return std::abs(way) / per_tick(map().projectile_milliunits_per_s);
  }
};

Bot::Bot(u64 seed)
    : rng_(seed),
      boldness_(30 + static_cast<u32>(rng_.below(u64{60}))),
      watchful_(20 + static_cast<u32>(rng_.below(u64{70}))),
      grappling_(10 + static_cast<u32>(rng_.below(u64{50}))),
      sharpshoot_(static_cast<u32>(rng_.below(u64{100}))) {}

Bot::Choice Bot::decide(const BotView& view) {
  const Scene scene(view);
  if (view.map == nullptr || scene.self == nullptr || scene.other == nullptr) return std::nullopt;
  if (scene.phase != Phase::fight || stance_of(*scene.self) == Stance::out) {
    threat_began_ = guard_until_ = 0;
    return std::nullopt;
  }
  if (Choice choice = defend(scene)) return choice;
  if (view.tick < guard_until_) return hold(scene, 0, true);
  if (Choice choice = attack(scene)) return choice;
  return keep_distance(scene);
}

// Decides once about each attack that it sees coming.
Bot::Choice Bot::defend(const Scene& scene) {
  const Tick tick = scene.view.tick;
  const Stance stance = stance_of(*scene.other);
  const auto since = static_cast<Tick>(scene.other->values[kFighterStanceTicks]);
  const i64 flight = scene.projectile_ticks();
  Tick began = 0;
  if (const MoveDescription* move = attack_of(scene.map(), stance);
      move != nullptr && stance != Stance::special && scene.reaches(*move, kMargin) &&
      since < Tick{move->startup_ticks} + move->active_ticks) {
    began = tick - std::min(since, tick);
  } else if (flight >= 0 && static_cast<Tick>(flight) <= kDodgeTicks) {
    began = tick;
  }
  // The same attack, seen again.
  if (began == 0 || began < threat_began_ + kDodgeTicks / 2) return std::nullopt;
  threat_began_ = tick;
  if (!happens(watchful_)) return std::nullopt;
  const bool projectile = flight >= 0 && static_cast<Tick>(flight) <= kDodgeTicks;
  const bool may_jump = scene.can_act() && !scene.in_the_air() && tick >= act_ready_;
  // A jump gets out of a throw, and over a projectile that is near.
  if (may_jump && (stance == Stance::grab || projectile) && happens(60)) {
    return jump(scene, projectile ? scene.towards : -scene.towards);
  }
  if (stance == Stance::grab) return std::nullopt;
  guard_until_ = tick + kGuardTicks;
  return hold(scene, 0, true);
}

Bot::Choice Bot::attack(const Scene& scene) {
  if (!scene.can_act() || scene.view.tick < act_ready_) return std::nullopt;
  const Stance stance = stance_of(*scene.other);
  if (stance == Stance::down || stance == Stance::out) return std::nullopt;
  if (scene.in_the_air()) {
    const i64 above = scene.self->values[kFighterY] - scene.other->values[kFighterY];
    const bool near = scene.reaches(scene.map().light) && above < kUnit * 5 / 4;
    return near && happens(boldness_) ? strike(scene) : std::nullopt;
  }
  return scene.reaches(scene.map().heavy, kMargin) ? attack_near(scene) : attack_far(scene);
}

Bot::Choice Bot::attack_near(const Scene& scene) {
  const MapDescription& map = scene.map();
  const Stance stance = stance_of(*scene.other);
  const auto since = static_cast<u32>(scene.other->values[kFighterStanceTicks]);
  const MoveDescription* missed = attack_of(map, stance);
  const bool recovers = missed != nullptr && since >= u32{missed->startup_ticks} + missed->active_ticks;
  const bool grabs = scene.reaches(map.grab) && scene.other->values[kFighterY] == 0 &&
                     stance != Stance::hit && stance != Stance::block;
  if (grabs && stance == Stance::guard && happens(2 * grappling_)) return use(scene, kSkillThrow);
  if (recovers && scene.reaches(map.heavy) && happens(watchful_)) return use(scene, kSkillHeavy);
  if (stance == Stance::hit && scene.reaches(map.light) && happens(boldness_ + 10)) return strike(scene);
  if (!happens(boldness_)) return std::nullopt;
  if (grabs && happens(grappling_ / 2)) return use(scene, kSkillThrow);
  if (!scene.reaches(map.light)) return happens(50) ? use(scene, kSkillHeavy) : std::nullopt;
  return happens(70) ? strike(scene) : use(scene, kSkillHeavy);
}

Bot::Choice Bot::attack_far(const Scene& scene) {
  const bool loaded = scene.self->values[kFighterMeter] >= scene.map().special_cost_points && !scene.shoots;
  if (loaded && scene.distance > 3 * kUnit && happens(sharpshoot_ / 3 + 3)) return use(scene, kSkillSpecial);
  if (scene.distance > 5 * kUnit) return std::nullopt;
  if (happens(boldness_ / 12)) return jump(scene, scene.towards);
  if (happens(boldness_ / 10)) return use(scene, kSkillDash, scene.towards);
  return std::nullopt;
}

// Walks to the distance that it likes for a while.
Bot::Choice Bot::keep_distance(const Scene& scene) {
  if (scene.view.tick >= liked_until_) {
    liked_until_ = scene.view.tick + 30 + rng_.below(u64{80});
    const i64 near = sent_length(scene.map().light.reach_milliunits);
    const bool stays_off = happens(sharpshoot_ / 2) || !happens(boldness_ + 10);
    liked_distance_ = stays_off ? 2 * kUnit + static_cast<i64>(rng_.below(u64{4 * kUnit})) : near;
  }
  const i64 too_far = scene.distance - liked_distance_;
  if (std::abs(too_far) <= kUnit / 4) return hold(scene, 0, false);
  return hold(scene, too_far > 0 ? scene.towards : -scene.towards, false);
}

Bot::Choice Bot::hold(const Scene& scene, i32 walk, bool guard) {
  const bool same = walk == said_walk_ && guard == said_guard_;
  if (same && scene.view.tick < said_at_ + kHoldRepeat) return std::nullopt;
  said_walk_ = walk;
  said_guard_ = guard;
  said_at_ = scene.view.tick;
  Command command;
  command.action = Action::move;
  command.entity = scene.view.self;
  command.x = walk * kDirectionLimit;
  command.y = guard ? -kDirectionLimit : 0;
  return command;
}

Bot::Choice Bot::jump(const Scene& scene, i32 walk) {
  act_ready_ = scene.view.tick + kActPause;
  said_walk_ = walk;
  said_guard_ = false;
  said_at_ = scene.view.tick;
  Command command;
  command.action = Action::move;
  command.entity = scene.view.self;
  command.x = walk * kDirectionLimit;
  command.y = kDirectionLimit;
  return command;
}

Bot::Choice Bot::strike(const Scene& scene) {
  act_ready_ = scene.view.tick + kActPause;
  Command command;
  command.action = Action::attack;
  command.entity = scene.view.self;
  command.target = scene.other->id;
  return command;
}

Bot::Choice Bot::use(const Scene& scene, Skill skill, i32 x) {
  act_ready_ = scene.view.tick + kActPause;
  Command command;
  command.action = Action::skill;
  command.entity = scene.view.self;
  command.skill = skill;
  command.x = x * kDirectionLimit;
  return command;
}

}  // namespace drumline::duel

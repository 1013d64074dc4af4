#include "duel/fighter.hpp"

#include <algorithm>
#include <cstdlib>

namespace drumline::duel {
namespace {

constexpr u8 kMostStanceTicks = 255;

// Towards the other, if he is on one side.
void face(Scene& scene, u32 slot) {
  const u32 other = 1 - slot;
  Fighter& fighter = scene.fighters[slot];
  if (!scene.is_there(other) || scene.fighters[other].x == fighter.x) return;
  set_facing(fighter, scene.fighters[other].x < fighter.x);
}

void launch(const Tuning& tuning, const Fighter& fighter, u32 slot, ProjectileTable& projectiles) {
  const EntityId id = projectiles.create();
  DRUM_ASSERT(id.value != 0);
  const bool left = faces_left(fighter);
  Projectile projectile{};
  projectile.x = left ? fighter.x - tuning.half_width : fighter.x + tuning.half_width;
  projectile.y = tuning.projectile_height;
  projectile.owner = static_cast<u8>(slot);
  projectile.left = left ? 1 : 0;
  put_row(projectiles, entity_slot(id), projectile);
}

void stand_and_enter(Fighter& fighter, Stance stance, u8 length) {
  fighter.velocity_x = 0;
  enter(fighter, stance, length);
}

void begin_on_ground(const Tuning& tuning, Fighter& fighter, Queued action) {
  switch (action) {
    case Queued::jump:
      fighter.velocity_x = fighter.walk * tuning.jump_walk;
      fighter.velocity_y = tuning.jump;
      enter(fighter, Stance::jump);
      return;
    case Queued::light:
      stand_and_enter(fighter, Stance::light, tuning.light.length);
      return;
    case Queued::heavy:
      stand_and_enter(fighter, Stance::heavy, tuning.heavy.length);
      return;
    case Queued::grab:
      stand_and_enter(fighter, Stance::grab, tuning.grab.length);
      return;
    case Queued::dash_left:
    case Queued::dash_right:
      enter(fighter, Stance::dash, tuning.dash_length);
      fighter.velocity_x = direction_of(action == Queued::dash_left) * tuning.dash;
      return;
    case Queued::special:
      stand_and_enter(fighter, Stance::special, tuning.special.length);
      fighter.meter = static_cast<u8>(fighter.meter - tuning.special_cost);
      return;
    case Queued::none:
      return;
  }
}

// What is queued, unless it became impossible while it waited.
void begin_queued(const Tuning& tuning, Scene& scene, u32 slot, const ProjectileTable& projectiles) {
  Fighter& fighter = scene.fighters[slot];
  const auto action = static_cast<Queued>(fighter.queued);
  fighter.queued = static_cast<u8>(Queued::none);
  if (action == Queued::none) return;
  if (in_the_air(fighter)) {
    if (action != Queued::light && action != Queued::heavy) return;
    const bool light = action == Queued::light;
    enter(fighter, light ? Stance::light : Stance::heavy, light ? tuning.light.length : tuning.heavy.length);
  } else {
    if (action == Queued::special &&
        (fighter.meter < tuning.special_cost || has_projectile(projectiles, slot))) {
      return;
    }
    begin_on_ground(tuning, fighter, action);
  }
  scene.emit(EventKind::act, slot, Scene::kNobody, fighter.stance);
}

// On the ground and with nothing to do he shows what is held.
void settle(const Tuning& tuning, Fighter& fighter, bool fighting) {
  Stance wanted = Stance::idle;
  if (fighting && (fighter.flags & kFlagGuard) != 0) {
    wanted = Stance::guard;
  } else if (fighting && fighter.walk != 0) {
    wanted = Stance::walk;
  }
  if (stance_of(fighter) != wanted) enter(fighter, wanted);
  fighter.velocity_x = wanted == Stance::walk ? fighter.walk * tuning.walk : 0;
}

void land(const Tuning& tuning, Fighter& fighter) {
  fighter.y = {};
  fighter.velocity_y = 0;
  switch (stance_of(fighter)) {
    case Stance::hit:
      enter(fighter, Stance::down, tuning.down_ticks);
      return;
    case Stance::down:
    case Stance::out:
      return;
    default:
      set_free(fighter);
  }
}

i32 slowed(i32 velocity, i32 friction) {
  return velocity > 0 ? std::max(0, velocity - friction) : std::min(0, velocity + friction);
}

}  // namespace

void set_facing(Fighter& fighter, bool left) {
  fighter.flags &= static_cast<u8>(~kFlagFacesLeft);
  if (left) fighter.flags |= kFlagFacesLeft;
}

void enter(Fighter& fighter, Stance stance, u8 length) {
  fighter.stance = static_cast<u8>(stance);
  fighter.stance_ticks = 0;
  fighter.stance_length = length;
  fighter.flags &= static_cast<u8>(~kFlagSpent);
}

void set_free(Fighter& fighter) {
  fighter.combo = 0;
  if (in_the_air(fighter)) {
    enter(fighter, Stance::jump);
    return;
  }
  fighter.velocity_x = 0;
  enter(fighter, Stance::idle);
}

bool has_projectile(const ProjectileTable& projectiles, u32 slot) {
  bool found = false;
  projectiles.for_each([&](u32 row) { found = found || projectiles.at<&Projectile::owner>(row) == slot; });
  return found;
}

void advance(const Tuning& tuning, Scene& scene, u32 slot, ProjectileTable& projectiles) {
  Fighter& fighter = scene.fighters[slot];
  if (fighter.stance_ticks < kMostStanceTicks) ++fighter.stance_ticks;
  if (fighter.stance_length != 0 && fighter.stance_ticks >= fighter.stance_length) set_free(fighter);
  const Stance stance = stance_of(fighter);
  if (stance == Stance::dash && fighter.stance_ticks == tuning.dash_ticks) fighter.velocity_x = 0;
  if (stance == Stance::special && fighter.stance_ticks == tuning.special.startup && scene.fighting()) {
    launch(tuning, fighter, slot, projectiles);
  }
  if (!is_free(stance)) return;
  const bool acts = scene.fighting() && fighter.queued != static_cast<u8>(Queued::none);
  // Who holds guard turns only when told, so a jump over him gets behind his guard.
  if (!in_the_air(fighter) && (stance != Stance::guard || acts)) face(scene, slot);
  if (acts) begin_queued(tuning, scene, slot, projectiles);
  if (is_free(stance_of(fighter)) && !in_the_air(fighter)) settle(tuning, fighter, scene.fighting());
}

void move(const Tuning& tuning, Fighter& fighter) {
  const Fixed along = Fixed::from_raw(fighter.velocity_x);
  fighter.x = clamp(fighter.x + along, tuning.half_width, tuning.stage_width - tuning.half_width);
  if (!in_the_air(fighter)) {
    const Stance stance = stance_of(fighter);
    const bool runs = stance == Stance::walk || stance == Stance::dash;
    if (!runs) fighter.velocity_x = slowed(fighter.velocity_x, tuning.friction);
    return;
  }
  fighter.velocity_y -= tuning.gravity;
  fighter.y += Fixed::from_raw(fighter.velocity_y);
  if (fighter.y.raw <= 0) {
    land(tuning, fighter);
  } else if (fighter.y >= tuning.stage_height) {
    fighter.y = Fixed::from_raw(tuning.stage_height.raw - 1);
    fighter.velocity_y = 0;
  }
}

void keep_apart(const Tuning& tuning, Scene& scene) {
  if (!scene.both_there()) return;
  auto& [first, second] = scene.fighters;
  // Half a body's height, so that a jump leads over a standing head.
  if (abs(first.y - second.y).raw * 2 >= tuning.body_height.raw) return;
  const i64 overlap = 2 * tuning.half_width.raw - abs(first.x - second.x).raw;
  if (overlap <= 0) return;
  Fighter& left = first.x <= second.x ? first : second;
  Fighter& right = first.x <= second.x ? second : first;
  left.x -= Fixed::from_raw(overlap / 2);
  right.x += Fixed::from_raw(overlap - overlap / 2);
  const Fixed low = tuning.half_width;
  const Fixed high = tuning.stage_width - tuning.half_width;
  if (left.x < low) {
    right.x += low - left.x;
    left.x = low;
  } else if (right.x > high) {
    left.x -= right.x - high;
    right.x = high;
  }
}

}  // namespace drumline::duel

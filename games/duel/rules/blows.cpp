#include "duel/blows.hpp"

#include <algorithm>

#include "duel/fighter.hpp"

namespace drumline::duel {
namespace {

enum class Contact : u8 { none, hit, block, grab };

bool can_be_met(const Fighter& fighter) {
  return stance_of(fighter) != Stance::down && stance_of(fighter) != Stance::out;
}

// A blow that comes from the left, or else from the right.
bool blocks(const Fighter& fighter, bool from_left) {
  const Stance stance = stance_of(fighter);
  return (stance == Stance::guard || stance == Stance::block) && faces_left(fighter) == from_left;
}

const Move* attack_of(const Tuning& tuning, Stance stance) {
  switch (stance) {
    case Stance::light:
      return &tuning.light;
    case Stance::heavy:
      return &tuning.heavy;
    case Stance::grab:
      return &tuning.grab;
    default:
      return nullptr;
  }
}

Contact contact_of(const Tuning& tuning, const Fighter& attacker, const Fighter& other) {
  const Move* move = attack_of(tuning, stance_of(attacker));
  if (move == nullptr || !move->is_active(attacker.stance_ticks)) return Contact::none;
  if ((attacker.flags & kFlagSpent) != 0 || !can_be_met(other)) return Contact::none;
  const Fixed ahead = faces_left(attacker) ? attacker.x - other.x : other.x - attacker.x;
  if (ahead <= -tuning.half_width || ahead > move->reach + tuning.half_width) return Contact::none;
  if (stance_of(attacker) == Stance::grab) {
    const Stance stance = stance_of(other);
    const bool out_of_hold = in_the_air(other) || stance == Stance::hit || stance == Stance::block;
    return out_of_hold ? Contact::none : Contact::grab;
  }
  if (abs(attacker.y - other.y) > move->rise) return Contact::none;
  const bool from_left = attacker.x == other.x ? !faces_left(attacker) : attacker.x < other.x;
  return blocks(other, from_left) ? Contact::block : Contact::hit;
}

void fill_meter(const Tuning& tuning, Fighter& fighter, u8 points) {
  fighter.meter = static_cast<u8>(std::min<u32>(tuning.meter_max, u32{fighter.meter} + points));
}

// A blow that does anything does at least one point, however late in a combo.
u32 scaled(const Tuning& tuning, u32 damage, u8 combo) {
  u32 left = damage;
  for (u8 i = 0; i < combo; ++i) left = left * tuning.combo_damage_percent / 100;
  return std::max(left, std::min(damage, 1U));
}

// Takes the health; true when none is left, and then the fighter is out.
bool hurt(const Tuning& tuning, Scene& scene, u32 by, u32 victim, u32 damage) {
  Fighter& fighter = scene.fighters[victim];
  fighter.health = static_cast<u16>(fighter.health - std::min<u32>(damage, fighter.health));
  fighter.queued = static_cast<u8>(Queued::none);
  if (fighter.health != 0) return false;
  enter(fighter, Stance::out);
  fighter.velocity_y = tuning.lift;
  scene.emit(EventKind::knockout, by, victim);
  return true;
}

void land_hit(const Tuning& tuning, Scene& scene, u32 by, u32 victim, const Blow& blow) {
  Fighter& fighter = scene.fighters[victim];
  const u32 damage = scaled(tuning, blow.damage, fighter.combo);
  ++fighter.combo;
  fill_meter(tuning, scene.fighters[by], tuning.meter_hit);
  fill_meter(tuning, fighter, tuning.meter_hurt);
  scene.emit(EventKind::hit, by, victim, static_cast<i32>(damage), fighter.combo);
  if (hurt(tuning, scene, by, victim, damage)) return;
  if (fighter.combo >= tuning.combo_max_hits) {
    enter(fighter, Stance::down, tuning.down_ticks);
    return;
  }
  // In the air he reels until he falls down.
  enter(fighter, Stance::hit, in_the_air(fighter) ? 0 : blow.hit_stun);
  if (in_the_air(fighter)) fighter.velocity_y = tuning.lift;
}

void land_block(const Tuning& tuning, Scene& scene, u32 by, u32 victim, const Blow& blow) {
  const u32 damage = blow.damage * tuning.chip_percent / 100;
  fill_meter(tuning, scene.fighters[by], tuning.meter_block);
  scene.emit(EventKind::block, by, victim, static_cast<i32>(damage));
  if (hurt(tuning, scene, by, victim, damage)) return;
  enter(scene.fighters[victim], Stance::block, blow.block_stun);
}

// Hit or block, and the push away, which a victim at the stage's edge passes on to
// who strikes him (`recoils`): nobody is kept in a corner for ever.
void meet(const Tuning& tuning, Scene& scene, u32 by, u32 victim, Contact contact, const Blow& blow,
          bool to_left, bool recoils) {
  if (contact == Contact::hit) {
    land_hit(tuning, scene, by, victim, blow);
  } else {
    land_block(tuning, scene, by, victim, blow);
  }
  Fighter& fighter = scene.fighters[victim];
  fighter.velocity_x = direction_of(to_left) * blow.push;
  const Fixed edge = to_left ? tuning.half_width : tuning.stage_width - tuning.half_width;
  Fighter& striker = scene.fighters[by];
  if (recoils && fighter.x == edge && !in_the_air(striker)) {
    striker.velocity_x = -direction_of(to_left) * blow.push;
  }
}

void throw_down(const Tuning& tuning, Scene& scene, u32 by, u32 victim) {
  Fighter& fighter = scene.fighters[victim];
  fill_meter(tuning, scene.fighters[by], tuning.meter_hit);
  fill_meter(tuning, fighter, tuning.meter_hurt);
  scene.emit(EventKind::thrown, by, victim, static_cast<i32>(tuning.throw_damage));
  if (!hurt(tuning, scene, by, victim, tuning.throw_damage)) {
    enter(fighter, Stance::down, tuning.down_ticks);
    fighter.velocity_y = tuning.lift;
  }
  fighter.velocity_x = direction_of(faces_left(scene.fighters[by])) * tuning.throw_push;
}

void break_throws(const Tuning& tuning, Scene& scene) {
  scene.emit(EventKind::throw_break, 0, 1);
  for (Fighter& fighter : scene.fighters) {
    enter(fighter, Stance::block, tuning.throw_break_ticks);
    fighter.velocity_x = -direction_of(faces_left(fighter)) * tuning.throw_push;
  }
}

// The flight of both ends where they meet, or where they crossed in this tick.
void clash(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles) {
  if (projectiles.live_count() < 2) return;
  const Projectile first = take_row(projectiles, 0);
  const Projectile second = take_row(projectiles, 1);
  if (first.left == second.left) return;
  const i64 gap = first.left != 0 ? first.x.raw - second.x.raw : second.x.raw - first.x.raw;
  if (gap > 2 * tuning.projectile_radius.raw || gap < -2 * i64{tuning.projectile_speed}) return;
  scene.emit(EventKind::fizzle, first.owner);
  scene.emit(EventKind::fizzle, second.owner);
  projectiles.destroy(0);
  projectiles.destroy(1);
}

bool reaches(const Tuning& tuning, const Projectile& projectile, const Fighter& fighter) {
  const Fixed radius = tuning.projectile_radius;
  return abs(projectile.x - fighter.x) <= tuning.half_width + radius && projectile.y + radius >= fighter.y &&
         projectile.y - radius <= fighter.y + tuning.body_height;
}

}  // namespace

void exchange_blows(const Tuning& tuning, Scene& scene) {
  if (!scene.both_there()) return;
  std::array<Contact, kFighters> contacts{contact_of(tuning, scene.fighters[0], scene.fighters[1]),
                                          contact_of(tuning, scene.fighters[1], scene.fighters[0])};
  if (contacts[0] == Contact::grab && contacts[1] == Contact::grab) {
    break_throws(tuning, scene);
    return;
  }
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (contacts[slot] == Contact::grab && contacts[1 - slot] == Contact::hit) contacts[slot] = Contact::none;
  }
  // The first blow may end the second one's stance, so all of it is read before.
  const std::array<Stance, kFighters> stances{stance_of(scene.fighters[0]), stance_of(scene.fighters[1])};
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (contacts[slot] != Contact::none) scene.fighters[slot].flags |= kFlagSpent;
  }
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (contacts[slot] == Contact::none) continue;
    if (contacts[slot] == Contact::grab) {
      throw_down(tuning, scene, slot, 1 - slot);
      continue;
    }
    const Blow& blow = stances[slot] == Stance::light ? tuning.light_blow : tuning.heavy_blow;
    meet(tuning, scene, slot, 1 - slot, contacts[slot], blow, faces_left(scene.fighters[slot]),
         contacts[1 - slot] == Contact::none);
  }
}

void fly(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles) {
  if (projectiles.live_count() == 0) return;
  projectiles.for_each([&](u32 row) {
    const bool left = projectiles.at<&Projectile::left>(row) != 0;
    projectiles.at<&Projectile::x>(row) += Fixed::from_raw(direction_of(left) * tuning.projectile_speed);
  });
  clash(tuning, scene, projectiles);
  projectiles.for_each([&](u32 row) {
    const Projectile projectile = take_row(projectiles, row);
    const u32 victim = 1U - projectile.owner;
    const bool left = projectile.left != 0;
    if (scene.fighting() && scene.is_there(victim) && can_be_met(scene.fighters[victim]) &&
        reaches(tuning, projectile, scene.fighters[victim])) {
      const Contact contact = blocks(scene.fighters[victim], !left) ? Contact::block : Contact::hit;
      meet(tuning, scene, projectile.owner, victim, contact, tuning.special_blow, left, false);
      projectiles.destroy(row);
    } else if (projectile.x.raw < 0 || projectile.x >= tuning.stage_width) {
      scene.emit(EventKind::fizzle, projectile.owner);
      projectiles.destroy(row);
    }
  });
}

}  // namespace drumline::duel

// What one fighter does: his stances, the actions that he begins, his way.
#pragma once

#include "duel/scene.hpp"
#include "duel/tuning.hpp"

namespace drumline::duel {

inline Stance stance_of(const Fighter& fighter) {
  return static_cast<Stance>(fighter.stance);
}
inline bool faces_left(const Fighter& fighter) {
  return (fighter.flags & kFlagFacesLeft) != 0;
}
inline bool in_the_air(const Fighter& fighter) {
  return fighter.y.raw > 0 || fighter.velocity_y > 0;
}
/// 1 to the right, -1 to the left.
inline i32 direction_of(bool left) {
  return left ? -1 : 1;
}
void set_facing(Fighter& fighter, bool left);

/// Begins a stance; of `length` ticks, or until something ends it.
void enter(Fighter& fighter, Stance stance, u8 length = 0);
/// Free to act, and no longer in a combo.
void set_free(Fighter& fighter);

/// One tick of his stance: it may end, and then what is queued begins, or what he
/// holds shows. Outside a fight nothing begins.
void advance(const Tuning& tuning, Scene& scene, u32 slot, ProjectileTable& projectiles);

/// One tick of his way over the stage.
void move(const Tuning& tuning, Fighter& fighter);

/// Two bodies at one height do not overlap.
void keep_apart(const Tuning& tuning, Scene& scene);

/// The slot's projectile is in flight.
bool has_projectile(const ProjectileTable& projectiles, u32 slot);

}  // namespace drumline::duel

// The course of a match: waiting, rounds with intro, fight and pause, its end.
#pragma once

#include "duel/scene.hpp"
#include "duel/tuning.hpp"

namespace drumline::duel {

/// A fighter as a round begins: whole, at his place, with what is held and won.
void place_fighter(const Tuning& tuning, Fighter& fighter, u32 slot);

/// Moves the match into its next phase when this is due: there are two, time is
/// up, one left, or it was called off. A fight's end is judge()'s.
void direct(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles);

/// After a tick of fight: is the round over, and with it the match?
void judge(const Tuning& tuning, Scene& scene);

}  // namespace drumline::duel

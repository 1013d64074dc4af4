// Who meets whom: strikes, throws and projectiles.
#pragma once

#include "duel/scene.hpp"
#include "duel/tuning.hpp"

namespace drumline::duel {

/// Both fighters' attacks, judged in the same state before either takes effect, so
/// that the slots make no difference: blows are traded, a blow beats a throw, two
/// throws break each other.
void exchange_blows(const Tuning& tuning, Scene& scene);

/// One tick of flight. Two projectiles that meet end each other; in a fight one
/// that reaches the other fighter is a blow.
void fly(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles);

}  // namespace drumline::duel

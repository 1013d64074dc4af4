#include "duel/match.hpp"

#include <algorithm>

#include "duel/fighter.hpp"

namespace drumline::duel {
namespace {

// Who has more; the slots' numbers may be rounds or health.
Winner higher(u32 left, u32 right) {
  if (left == right) return kWinnerDraw;
  return left > right ? kWinnerLeft : kWinnerRight;
}

u32 slot_of(Winner winner) {
  return winner == kWinnerLeft ? 0 : winner == kWinnerRight ? 1 : Scene::kNobody;
}

void enter_phase(Scene& scene, Phase phase, u32 ticks) {
  scene.match.phase = static_cast<u8>(phase);
  scene.match.until = scene.now + ticks;
}

void begin_round(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles) {
  projectiles.for_each([&](u32 row) { projectiles.destroy(row); });
  for (u32 slot = 0; slot < kFighters; ++slot) place_fighter(tuning, scene.fighters[slot], slot);
  ++scene.match.round;
  scene.match.winner = kWinnerNone;
  enter_phase(scene, Phase::intro, tuning.intro_ticks);
  scene.emit(EventKind::round, Scene::kNobody, Scene::kNobody, scene.match.round);
}

void end_match(const Tuning& tuning, Scene& scene, Winner winner) {
  scene.match.winner = winner;
  scene.match.called = 0;
  enter_phase(scene, Phase::over, tuning.epilogue_ticks);
  scene.emit(EventKind::match_over, slot_of(winner), Scene::kNobody, scene.fighters[0].rounds,
             scene.fighters[1].rounds);
}

void end_round(const Tuning& tuning, Scene& scene, Winner winner) {
  for (Fighter& fighter : scene.fighters) fighter.queued = static_cast<u8>(Queued::none);
  const u32 slot = slot_of(winner);
  if (slot != Scene::kNobody) ++scene.fighters[slot].rounds;
  scene.emit(EventKind::round_over, slot, Scene::kNobody, scene.match.round);
  const auto& [left, right] = scene.fighters;
  const bool decided = std::max(left.rounds, right.rounds) >= tuning.rounds_needed;
  // Drawn rounds count too, so a match ends whatever happens in it.
  if (decided || scene.match.round >= tuning.best_of) {
    end_match(tuning, scene, higher(left.rounds, right.rounds));
    return;
  }
  scene.match.winner = winner;
  enter_phase(scene, Phase::pause, tuning.pause_ticks);
}

// Who leads when the match is called off.
Winner leader(const Scene& scene) {
  const auto& [left, right] = scene.fighters;
  if (left.rounds != right.rounds) return higher(left.rounds, right.rounds);
  return higher(left.health, right.health);
}

// Who stayed has won all that was to be won.
void end_deserted_match(const Tuning& tuning, Scene& scene) {
  Winner winner = kWinnerNone;
  for (u32 slot = 0; slot < kFighters; ++slot) {
    if (!scene.is_there(slot)) continue;
    winner = slot == 0 ? kWinnerLeft : kWinnerRight;
    scene.fighters[slot].rounds = std::max(scene.fighters[slot].rounds, tuning.rounds_needed);
    scene.fighters[slot].queued = static_cast<u8>(Queued::none);
  }
  end_match(tuning, scene, winner);
}

}  // namespace

void place_fighter(const Tuning& tuning, Fighter& fighter, u32 slot) {
  const Fixed half_gap = Fixed::from_raw(tuning.start_gap.raw / 2);
  const Fixed middle = Fixed::from_raw(tuning.stage_width.raw / 2);
  fighter.x = slot == 0 ? middle - half_gap : middle + half_gap;
  fighter.y = {};
  fighter.velocity_x = 0;
  fighter.velocity_y = 0;
  fighter.health = tuning.health;
  fighter.combo = 0;
  fighter.queued = static_cast<u8>(Queued::none);
  set_facing(fighter, slot != 0);
  enter(fighter, Stance::idle);
}

void direct(const Tuning& tuning, Scene& scene, ProjectileTable& projectiles) {
  const Phase phase = scene.phase();
  if (phase == Phase::over) return;
  if (phase == Phase::waiting) {
    if (scene.both_there()) begin_round(tuning, scene, projectiles);
    return;
  }
  if (!scene.both_there()) {
    end_deserted_match(tuning, scene);
  } else if (scene.match.called != 0) {
    for (Fighter& fighter : scene.fighters) fighter.queued = static_cast<u8>(Queued::none);
    end_match(tuning, scene, leader(scene));
  } else if (scene.now >= scene.match.until && phase == Phase::intro) {
    enter_phase(scene, Phase::fight, tuning.round_ticks);
    scene.emit(EventKind::fight, Scene::kNobody, Scene::kNobody, scene.match.round);
  } else if (scene.now >= scene.match.until && phase == Phase::pause) {
    begin_round(tuning, scene, projectiles);
  }
}

void judge(const Tuning& tuning, Scene& scene) {
  const auto& [left, right] = scene.fighters;
  const bool time_is_up = scene.now >= scene.match.until;
  if (left.health != 0 && right.health != 0 && !time_is_up) return;
  // Knocked out together, or as healthy as each other at the end: nobody's round.
  end_round(tuning, scene, higher(left.health, right.health));
}

}  // namespace drumline::duel

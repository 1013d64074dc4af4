// One tick: everybody moves, then acts, then shots fly, then pickups are taken.
// Rows are visited in slot order; nothing here allocates.
#include <algorithm>
#include <utility>

#include "arena/arena_rules.hpp"
#include "arena/movement.hpp"

namespace drumline::arena {

using world::EventList;

namespace {

constexpr u8 kTimedFlags = kFlagProtected | kFlagFast | kFlagWarded | kFlagStrong | kFlagDashing;

i32 whole_points(u32 health) {
  return static_cast<i32>(health >> kHealthShift);
}
i32 sent_length(Fixed length) {
  return static_cast<i32>(length.raw >> kSentPositionShift);
}

Vector along(Vector from, Vector way, i64 share) {
  return from + way * Fixed::from_raw(share);
}

}  // namespace

void ArenaRules::step(EventList& events) {
  refresh_map();
  move_players();
  for (const u32 slot : acting_) act(slot, events);
  move_projectiles(events);
  collect_pickups(events);
  return_pickups();
}

void ArenaRules::emit(EventList& events, EventKind kind, EntityId source, EntityId target, Vector place,
                      i32 a, i32 b) const {
  world::Event event;
  event.kind = static_cast<u8>(kind);
  event.source = source;
  event.target = target;
  event.x = place.x;
  event.y = place.y;
  event.a = a;
  event.b = b;
  events.emit(event);
}

void ArenaRules::move_players() {
  acting_.clear();
  grid_.clear();
  const auto flags = players_.column<&Player::flags>();
  const auto health = players_.column<&Player::health>();
  const auto pending = players_.column<&Player::pending>();
  const auto regeneration_at = players_.column<&Player::regeneration_at>();
  const u32 tick = now();
  players_.for_each([&](u32 slot) {
    u8& flag = flags[slot];
    if ((flag & kFlagDead) != 0) {
      if ((flag & kFlagAway) != 0 || tick < players_.at<&Player::phase_until>(slot)) return;
      stand_up(slot);
      pending[slot] |= kPendingSpawn;
    }
    if ((flag & kTimedFlags) != 0) expire_flags(slot, flag);
    if (health[slot] < tuning_.health && tick >= regeneration_at[slot]) {
      health[slot] = static_cast<u16>(std::min(tuning_.health, health[slot] + tuning_.regeneration));
    }
    if ((flag & (kFlagMoving | kFlagDashing)) != 0) move_player(slot, flag);
    grid_.add(slot, place_of(slot));
    if (lag_.enabled()) lag_.note(slot, place_of(slot), tick);
    if (pending[slot] != 0) acting_.push_back(slot);
  });
}

void ArenaRules::expire_flags(u32 slot, u8& flags) const {
  const u32 tick = now();
  const auto expire = [&](u8 flag, u32 until) {
    if (tick >= until) flags &= static_cast<u8>(~flag);
  };
  expire(kFlagProtected, players_.at<&Player::phase_until>(slot));
  expire(kFlagFast, players_.at<&Player::fast_until>(slot));
  expire(kFlagWarded, players_.at<&Player::ward_until>(slot));
  expire(kFlagStrong, players_.at<&Player::strong_until>(slot));
  expire(kFlagDashing, players_.at<&Player::dash_until>(slot));
}

void ArenaRules::move_player(u32 slot, u8 flags) {
  const Gait gait{flags, players_.at<&Player::move_x>(slot), players_.at<&Player::move_y>(slot),
                  players_.at<&Player::dash_heading>(slot)};
  const Vector place = moved(place_of(slot), gait, tuning_, obstacle_index_, side_);
  players_.at<&Player::x>(slot) = place.x;
  players_.at<&Player::y>(slot) = place.y;
}

void ArenaRules::act(u32 slot, EventList& events) {
  u8& pending = players_.at<&Player::pending>(slot);
  const u8 todo = pending;
  pending = 0;
  const EntityId self = players_.id_of(slot);
  const EntityId target{players_.at<&Player::target>(slot)};
  players_.at<&Player::target>(slot) = 0;
  const Vector place = place_of(slot);
  if ((todo & kPendingSpawn) != 0) emit(events, EventKind::spawn, self, {}, place);
  // Who fell earlier in this tick does nothing more.
  if ((players_.at<&Player::flags>(slot) & kFlagDead) != 0) return;
  if ((todo & kPendingDash) != 0) {
    emit(events, EventKind::dash, self, {}, place, players_.at<&Player::dash_heading>(slot));
  }
  if ((todo & kPendingWard) != 0) {
    u16& health = players_.at<&Player::health>(slot);
    const u32 healed = std::min(tuning_.ward_heal, tuning_.health - health);
    health = static_cast<u16>(health + healed);
    emit(events, EventKind::ward, self, {}, place, whole_points(healed));
  }
  if ((todo & kPendingMelee) != 0) {
    emit(events, EventKind::melee, self, target, place);
    if (players_.holds(target))
      hurt(self, entity_slot(target), strengthened(slot, tuning_.melee_damage), events);
  }
  if ((todo & kPendingShot) != 0) shoot(slot, events);
  if ((todo & kPendingBlast) != 0) blast(slot, events);
}

void ArenaRules::shoot(u32 slot, EventList& events) {
  const EntityId id = projectiles_.create();
  if (id.value == 0) return;
  const u32 shot = entity_slot(id);
  const u16 aim = players_.at<&Player::aim>(slot);
  const Vector place = place_of(slot);
  const Vector velocity = world::direction_of(aim) * tuning_.shot_speed;
  projectiles_.at<&Projectile::x>(shot) = place.x;
  projectiles_.at<&Projectile::y>(shot) = place.y;
  projectiles_.at<&Projectile::velocity_x>(shot) = static_cast<i32>(velocity.x.raw);
  projectiles_.at<&Projectile::velocity_y>(shot) = static_cast<i32>(velocity.y.raw);
  projectiles_.at<&Projectile::owner>(shot) = players_.id_of(slot).value;
  projectiles_.at<&Projectile::damage>(shot) =
      static_cast<u16>(std::min(strengthened(slot, tuning_.shot_damage), u32{0xFFFF}));
  projectiles_.at<&Projectile::ticks_left>(shot) = tuning_.shot_ticks;
  emit(events, EventKind::shot, players_.id_of(slot), {}, place, aim, sent_length(tuning_.shot_range));
  if (!lag_.enabled()) return;
  // The flight that the sender has seen already, through the others where they were then.
  for (u32 age = std::exchange(lag_.shot_age(slot), u8{0}); age > 0; --age) {
    if (!fly(shot, age, events)) return projectiles_.destroy(shot);
  }
}

void ArenaRules::blast(u32 slot, EventList& events) {
  const Vector centre = place_of(slot);
  const EntityId self = players_.id_of(slot);
  emit(events, EventKind::blast, self, {}, centre, sent_length(tuning_.blast_radius));
  const u64 radius = static_cast<u64>(tuning_.blast_radius.raw);
  const u32 damage = strengthened(slot, tuning_.blast_damage);
  grid_.for_each_near(centre, tuning_.blast_radius, [&](u32 other, Vector place) {
    if (other == slot || world::raw_length_squared(place - centre) > radius * radius) return;
    hurt(self, other, damage, events);
  });
}

void ArenaRules::move_projectiles(EventList& events) {
  projectiles_.for_each([&](u32 shot) {
    if (!fly(shot, 0, events)) projectiles_.destroy(shot);
  });
}

// One tick of flight among the players as they stood `age` ticks ago. False when it ends here.
bool ArenaRules::fly(u32 shot, u32 age, EventList& events) {
  Fixed& x = projectiles_.at<&Projectile::x>(shot);
  Fixed& y = projectiles_.at<&Projectile::y>(shot);
  const Vector from{x, y};
  const Vector way{Fixed::from_raw(projectiles_.at<&Projectile::velocity_x>(shot)),
                   Fixed::from_raw(projectiles_.at<&Projectile::velocity_y>(shot))};
  const EntityId owner{projectiles_.at<&Projectile::owner>(shot)};
  const Fixed reach = tuning_.radius + tuning_.shot_radius;
  u32 victim = kNobody;
  i64 earliest = Fixed::kOneRaw + 1;
  const Fixed half = Fixed::from_raw(max(abs(way.x), abs(way.y)).raw / 2 + 1);
  const Vector middle{from.x + Fixed::from_raw(way.x.raw / 2), from.y + Fixed::from_raw(way.y.raw / 2)};
  // The grid knows where they stand now.
  const Fixed strayed = Fixed::from_raw(tuning_.most_speed * age);
  grid_.for_each_near(middle, half + reach + strayed, [&](u32 other, Vector place) {
    if (age != 0) place = lag_.place_at(other, now() - age);
    const i64 when = sweep_circle(from, way, place, reach);
    if (when < 0 || when > earliest || (when == earliest && other > victim)) return;
    if ((players_.at<&Player::flags>(other) & kFlagDead) != 0 || players_.id_of(other) == owner) return;
    earliest = when;
    victim = other;
  });
  const i64 wall = obstacle_index_.sweep(from, way, Fixed{});
  if (wall >= 0 && wall < earliest) {
    emit(events, EventKind::miss, owner, {}, along(from, way, wall));
    return false;
  }
  if (victim != kNobody) {
    hurt(owner, victim, projectiles_.at<&Projectile::damage>(shot), events);
    return false;
  }
  x += way.x;
  y += way.y;
  u16& left = projectiles_.at<&Projectile::ticks_left>(shot);
  --left;
  return left != 0 && x.raw >= 0 && y.raw >= 0 && x < side_ && y < side_;
}

bool ArenaRules::are_teammates(EntityId source, u32 victim) const {
  if (!teams_.has_teams() || !players_.holds(source)) return false;
  const auto team_of = [&](u32 slot) { return teams_.team_of(PlayerSlot{players_.at<&Player::seat>(slot)}); };
  return team_of(entity_slot(source)) == team_of(victim);
}

u32 ArenaRules::strengthened(u32 slot, u32 damage) const {
  const bool strong = (players_.at<&Player::flags>(slot) & kFlagStrong) != 0;
  return strong ? damage * tuning_.strong_percent / 100 : damage;
}

void ArenaRules::hurt(EntityId source, u32 victim, u32 damage, EventList& events) {
  const u8 flags = players_.at<&Player::flags>(victim);
  if ((flags & (kFlagDead | kFlagProtected)) != 0 || are_teammates(source, victim)) return;
  if ((flags & kFlagWarded) != 0) damage = damage * tuning_.ward_damage_percent / 100;
  u16& health = players_.at<&Player::health>(victim);
  const u32 taken = std::min(damage, u32{health});
  health = static_cast<u16>(health - taken);
  players_.at<&Player::regeneration_at>(victim) = now() + tuning_.regeneration_pause;
  emit(events, EventKind::hit, source, players_.id_of(victim), place_of(victim), whole_points(damage),
       whole_points(health));
  if (health == 0) kill(source, victim, events);
}

// He stands up again when his time has come.
void ArenaRules::fall(u32 slot) {
  stand_still(slot);
  players_.at<&Player::flags>(slot) = (players_.at<&Player::flags>(slot) & kFlagAway) | kFlagDead;
  players_.at<&Player::phase_until>(slot) = now() + tuning_.respawn;
}

void ArenaRules::kill(EntityId source, u32 victim, EventList& events) {
  fall(victim);
  if (players_.holds(source)) players_.at<&Player::score>(entity_slot(source)) += tuning_.kill_score;
  emit(events, EventKind::death, source, players_.id_of(victim), place_of(victim));
}

void ArenaRules::collect_pickups(EventList& events) {
  const Fixed reach = tuning_.pickup_radius + tuning_.radius;
  pickups_.for_each([&](u32 pickup) {
    // Each pickup looks around at every 4th tick: nobody but a dasher passes it in between.
    if (((pickup ^ now()) & 3) != 0) return;
    const Vector place{pickups_.at<&Pickup::x>(pickup), pickups_.at<&Pickup::y>(pickup)};
    u32 taker = kNobody;
    u64 nearest = static_cast<u64>(reach.raw) * static_cast<u64>(reach.raw) + 1;
    grid_.for_each_near(place, reach, [&](u32 slot, Vector at) {
      const u64 distance = world::raw_length_squared(at - place);
      if (distance > nearest || (distance == nearest && slot > taker)) return;
      if ((players_.at<&Player::flags>(slot) & (kFlagDead | kFlagAway)) != 0) return;
      nearest = distance;
      taker = slot;
    });
    if (taker == kNobody) return;
    const u8 kind = pickups_.at<&Pickup::kind>(pickup);
    u8& flags = players_.at<&Player::flags>(taker);
    switch (static_cast<PickupKind>(kind)) {
      case PickupKind::heal: {
        u16& health = players_.at<&Player::health>(taker);
        health = static_cast<u16>(std::min(tuning_.health, health + tuning_.pickup_heal));
        break;
      }
      case PickupKind::speed:
        flags |= kFlagFast;
        players_.at<&Player::fast_until>(taker) = now() + tuning_.fast_duration + 1;
        break;
      case PickupKind::damage:
        flags |= kFlagStrong;
        players_.at<&Player::strong_until>(taker) = now() + tuning_.strong_duration + 1;
        break;
    }
    players_.at<&Player::score>(taker) += tuning_.pickup_score;
    emit(events, EventKind::pickup, players_.id_of(taker), pickups_.id_of(pickup), place, kind);
    pickups_.destroy(pickup);
    const EntityId back = returns_.create();
    DRUM_ASSERT(back.value != 0);
    returns_.at<&PickupReturn::due>(entity_slot(back)) = now() + tuning_.pickup_return;
  });
}

void ArenaRules::return_pickups() {
  returns_.for_each([&](u32 slot) {
    if (now() < returns_.at<&PickupReturn::due>(slot)) return;
    if (create_pickup()) returns_.destroy(slot);
  });
}

}  // namespace drumline::arena

#include "arena/arena_rules.hpp"

#include <algorithm>

namespace drumline::arena {
namespace {

constexpr i64 kMinMapSide = 32;
constexpr u32 kShotsPerPlayer = 4;

// Rounded up to whole units.
Fixed map_side(const Settings& settings, u32 players) {
  const i64 area = settings.map.area_per_player_units2 * players;
  i64 side = world::isqrt(static_cast<u64>(area));
  if (side * side < area) ++side;
  return Fixed::from_int(std::max(side, kMinMapSide));
}

u32 one_on_every(Fixed side, i64 area_units2, u32 limit) {
  return static_cast<u32>(std::min<i64>(side.to_int() * side.to_int() / area_units2, limit));
}

}  // namespace

ArenaRules::ArenaRules(const Settings& settings, const world::BattleSettings& battle)
    : settings_(settings),
      tuning_(settings),
      max_players_(battle.max_players),
      side_(map_side(settings, battle.max_players)),
      wanted_obstacles_(one_on_every(side_, settings.map.obstacle_every_units2, kMaxObstacles)),
      wanted_pickups_(one_on_every(side_, settings.map.pickup_every_units2, 4 * max_players_ + 4)),
      world_(battle.seed),
      players_(world_.add_table<Player>("player", max_players_)),
      pickups_(world_.add_table<Pickup>("pickup", std::max(1U, wanted_pickups_))),
      returns_(world_.add_table<PickupReturn>("pickup_return", std::max(1U, wanted_pickups_))),
      projectiles_(world_.add_table<Projectile>("projectile", max_players_ * kShotsPerPlayer)),
      seats_(world_.add_table<Seat>("seat", max_players_)),
      obstacles_(world_.add_table<ObstacleRow>("obstacle", std::max(1U, wanted_obstacles_))),
      lag_(world_, max_players_, tuning_.lag_ticks),
      teams_(world_, tuning_.teams, tuning_.sight, side_),
      grid_(side_, max_players_),
      acting_(max_players_) {
  static_assert(kPlayerTable == 0 && kPickupTable == 1);
}

void ArenaRules::refresh_map() const {
  if (map_version_ == obstacles_.replaced_count() + 1) return;
  map_version_ = obstacles_.replaced_count() + 1;
  obstacle_index_.build(obstacles_, side_);
  const auto number = [](i64 value) { return static_cast<u16>(value); };
  MapDescription map;
  map.health_points = number(settings_.player.health_points);
  map.player_radius_milliunits = number(settings_.player.radius_milliunits);
  map.melee_range_milliunits = number(settings_.melee.range_milliunits);
  map.shot_range_milliunits = number(settings_.shot.range_milliunits);
  map.shot_speed_milliunits_per_s = number(settings_.shot.speed_milliunits_per_s);
  map.blast_radius_milliunits = number(settings_.blast.radius_milliunits);
  map.attack_melee_cooldown_ms = number(settings_.melee.cooldown_ms);
  map.attack_shot_cooldown_ms = number(settings_.shot.cooldown_ms);
  map.skill_cooldown_ms = {number(settings_.dash.cooldown_ms), number(settings_.ward.cooldown_ms),
                           number(settings_.blast.cooldown_ms)};
  map.speed_milliunits_per_s = number(settings_.player.speed_milliunits_per_s);
  map.obstacles.assign(obstacle_index_.all().begin(), obstacle_index_.all().end());
  std::stable_sort(map.obstacles.begin(), map.obstacles.end(),
                   [](const Obstacle& a, const Obstacle& b) { return a.x < b.x; });
  encode_map_description(map, map_description_);
}

Bytes ArenaRules::map_description() const {
  refresh_map();
  return map_description_;
}

void ArenaRules::on_create() {
  for (u32 i = 0; i < max_players_; ++i) seats_.create();
  lag_.create();
  generate_obstacles(wanted_obstacles_, side_, world_.rng(), obstacles_);
  map_version_ = 0;
  refresh_map();
  for (u32 i = 0; i < wanted_pickups_; ++i) create_pickup();
}

world::Refusal ArenaRules::on_join(PlayerSlot player, const world::Profile& /*profile*/) {
  refresh_map();
  if (player.value >= max_players_ || row_of(player) != kNobody) return world::kRefusedNoSeat;
  const EntityId id = players_.create();
  if (id.value == 0) return world::kRefusedNoSeat;
  seats_.at<&Seat::entity>(player.value) = id.value;
  const u32 slot = entity_slot(id);
  players_.at<&Player::seat>(slot) = player.value;
  players_.at<&Player::pending>(slot) = kPendingSpawn;
  stand_up(slot);
  return world::kAccepted;
}

void ArenaRules::on_drop(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot == kNobody) return;
  stand_still(slot);
  players_.at<&Player::flags>(slot) |= kFlagAway;
}

void ArenaRules::on_reconnect(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot == kNobody) return;
  players_.at<&Player::flags>(slot) &= static_cast<u8>(~kFlagAway);
}

void ArenaRules::on_leave(PlayerSlot player) {
  const u32 slot = row_of(player);
  if (slot == kNobody) return;
  players_.destroy(slot);
  seats_.at<&Seat::entity>(player.value) = 0;
}

u32 ArenaRules::row_of(PlayerSlot player) const {
  const EntityId id = entity_of(player);
  return players_.holds(id) ? entity_slot(id) : kNobody;
}

EntityId ArenaRules::entity_of(PlayerSlot player) const {
  if (!seats_.is_live(player.value)) return EntityId{};
  return EntityId{seats_.at<&Seat::entity>(player.value)};
}

i64 ArenaRules::score_of(PlayerSlot player) const {
  const u32 slot = row_of(player);
  return slot == kNobody ? 0 : i64{players_.at<&Player::score>(slot)};
}

Vector ArenaRules::find_free_place() {
  constexpr int tries = 16;
  const Fixed margin = Fixed::from_int(2);
  Vector place;
  for (int i = 0; i < tries; ++i) {
    place = {margin + world_.rng().below(side_ - margin - margin),
             margin + world_.rng().below(side_ - margin - margin)};
    if (obstacle_index_.is_free(place, tuning_.radius)) return place;
  }
  return obstacle_index_.resolve(place, tuning_.radius);
}

// A living, protected player at a new place.
void ArenaRules::stand_up(u32 slot) {
  put_at(slot, find_free_place());
  players_.at<&Player::heading>(slot) = static_cast<u16>(world_.rng().next_u64());
  players_.at<&Player::health>(slot) = static_cast<u16>(tuning_.health);
  players_.at<&Player::flags>(slot) = kFlagProtected;
  players_.at<&Player::phase_until>(slot) = now() + tuning_.protection;
}

// At once, as if he had never been elsewhere.
void ArenaRules::put_at(u32 slot, Vector place) {
  players_.at<&Player::x>(slot) = place.x;
  players_.at<&Player::y>(slot) = place.y;
  if (lag_.enabled()) lag_.restart(slot, place);
}

void ArenaRules::stand_still(u32 slot) {
  players_.at<&Player::pending>(slot) &= kPendingSpawn;
  players_.at<&Player::target>(slot) = 0;
  players_.at<&Player::move_x>(slot) = 0;
  players_.at<&Player::move_y>(slot) = 0;
  players_.at<&Player::flags>(slot) &= static_cast<u8>(~(kFlagMoving | kFlagDashing));
}

bool ArenaRules::create_pickup() {
  const EntityId id = pickups_.create();
  if (id.value == 0) return false;
  const u32 slot = entity_slot(id);
  const Vector place = find_free_place();
  pickups_.at<&Pickup::x>(slot) = place.x;
  pickups_.at<&Pickup::y>(slot) = place.y;
  pickups_.at<&Pickup::kind>(slot) = static_cast<u8>(world_.rng().below(u64{kPickupKinds}));
  return true;
}

std::string_view ArenaRules::refusal_name(world::Refusal refusal) const {
  switch (refusal.code) {
    case kRefusedUnknownSkill:
      return "unknown_skill";
    case kRefusedNoDirection:
      return "no_direction";
    case kRefusedBadDirection:
      return "bad_direction";
    case kRefusedTargetProtected:
      return "target_protected";
    default:
      return world::engine_refusal_name(refusal);
  }
}

}  // namespace drumline::arena

#include "arena_bot/bot.hpp"

#include <algorithm>
#include <cstdlib>

namespace drumline::arena {

using world::Action;
using world::Angle;
using world::Command;
using world::Fixed;
using world::Vector;

namespace {

// Distances in sent units, 1/32 unit.
constexpr i64 kUnit = 32;
constexpr i64 kSightUnits = 40;
constexpr Tick kMoveRepeat = 60;  // a move is said again now and then, as it may be lost
constexpr i64 kNothing = INT64_MAX;

Tick ticks_of(u16 ms) {
  return (u64{ms} * 1'000'000 + kTickNs - 1) / kTickNs;
}

Vector place_of(const SeenEntity& entity) {
  return {Fixed::from_raw(entity.values[0] * (i64{1} << kSentPositionShift)),
          Fixed::from_raw(entity.values[1] * (i64{1} << kSentPositionShift))};
}

i32 component(Fixed unit) {
  return static_cast<i32>(
      std::clamp<i64>(unit.raw * kDirectionLimit / Fixed::kOneRaw, -kDirectionLimit, kDirectionLimit));
}

bool has(const SeenEntity& player, u8 flag) {
  return (player.values[kPlayerFlags] & flag) != 0;
}

}  // namespace

// What matters of the view, found in one pass.
struct Bot::Scene {
  const BotView& view;
  const SeenEntity* self = nullptr;
  const SeenEntity* nearest = nullptr;  ///< enemy that can be hurt
  const SeenEntity* weakest = nullptr;  ///< of those in sight
  const SeenEntity* pickup = nullptr;
  i64 nearest_distance = kNothing;  ///< squared, sent units
  i64 pickup_distance = kNothing;
  int crowd = 0;  ///< enemies within a blast
  Vector place;
  i64 health = 0;

  explicit Scene(const BotView& seen, i64 blast_radius) : view(seen) {
    const auto entities = seen.entities.first(std::min(seen.entities.size(), kMaxLookedAt));
    for (const SeenEntity& entity : seen.entities) {
      if (entity.id == seen.self) self = &entity;
    }
    if (self == nullptr) return;
    place = place_of(*self);
    health = self->values[kPlayerHealth];
    i64 least_health = kNothing;
    for (const SeenEntity& entity : entities) {
      if (&entity == self) continue;
      const i64 dx = entity.values[0] - self->values[0];
      const i64 dy = entity.values[1] - self->values[1];
      const i64 distance = dx * dx + dy * dy;
      if (distance > kSightUnits * kSightUnits * kUnit * kUnit) continue;
      if (entity_table(entity.id) == kPickupTable) {
        if (distance < pickup_distance) {
          pickup_distance = distance;
          pickup = &entity;
        }
      } else if (entity_table(entity.id) == kPlayerTable && !has(entity, kFlagDead | kFlagProtected)) {
        if (distance < nearest_distance) {
          nearest_distance = distance;
          nearest = &entity;
        }
        if (entity.values[kPlayerHealth] < least_health) {
          least_health = entity.values[kPlayerHealth];
          weakest = &entity;
        }
        if (distance < blast_radius * blast_radius) ++crowd;
      }
    }
  }
};

Bot::Bot(u64 seed)
    : rng_(seed),
      courage_(static_cast<u8>(15 + rng_.below(u64{35}))),
      skill_(static_cast<u8>(rng_.below(u64{100}))),
      shooter_(rng_.below(u64{3}) != 0) {}

std::optional<Command> Bot::decide(const BotView& view) {
  const i64 blast_radius = view.map != nullptr ? view.map->blast_radius_milliunits * kUnit / 1000 : 4 * kUnit;
  const Scene scene(view, blast_radius);
  if (scene.self == nullptr || has(*scene.self, kFlagDead)) {
    goal_until_ = 0;
    sent_x_ = sent_y_ = 0;
    return std::nullopt;
  }
  if (std::optional<Command> command = fight(scene)) return command;

  const Vector way = around_obstacles(scene, choose_way(scene));
  const i32 x = component(way.x);
  const i32 y = component(way.y);
  // Small corrections are not worth a command.
  constexpr i32 noticeable = 3'000;
  const bool turned = std::abs(x - sent_x_) + std::abs(y - sent_y_) > noticeable;
  if (!turned && view.tick < sent_at_ + kMoveRepeat) return std::nullopt;
  sent_x_ = x;
  sent_y_ = y;
  sent_at_ = view.tick;
  Command command;
  command.action = Action::move;
  command.entity = view.self;
  command.x = x;
  command.y = y;
  return command;
}

// An attack or a skill, when there is a reason for one.
std::optional<Command> Bot::fight(const Scene& scene) {
  const MapDescription* map = scene.view.map;
  const Tick tick = scene.view.tick;
  const auto after = [&](u16 ms) { return tick + ticks_of(ms) + 2; };
  const auto use = [&](Skill skill, u16 cooldown_ms) {
    Command command;
    command.action = Action::skill;
    command.entity = scene.view.self;
    command.skill = skill;
    skill_ready_[skill] = after(cooldown_ms);
    return command;
  };
  if (map == nullptr || scene.nearest == nullptr) return std::nullopt;
  const bool hurt = scene.health * 100 < i64{courage_} * map->health_points;
  if (hurt && tick >= skill_ready_[kSkillWard]) return use(kSkillWard, map->skill_cooldown_ms[kSkillWard]);
  if (scene.crowd >= 2 && tick >= skill_ready_[kSkillBlast]) {
    return use(kSkillBlast, map->skill_cooldown_ms[kSkillBlast]);
  }
  const Vector towards = place_of(*scene.nearest) - scene.place;
  if (tick >= skill_ready_[kSkillDash] && scene.nearest_distance < 12 * 12 * kUnit * kUnit) {
    // Away when hurt, sometimes into the fight when not.
    if (hurt || (!shooter_ && scene.nearest_distance > 4 * 4 * kUnit * kUnit && rng_.below(u64{8}) == 0)) {
      Command command = use(kSkillDash, map->skill_cooldown_ms[kSkillDash]);
      const Vector way = world::normalised(hurt ? Vector{} - towards : towards);
      command.x = component(way.x);
      command.y = component(way.y);
      return command;
    }
  }
  if (tick < attack_ready_) return std::nullopt;
  Command command;
  command.action = Action::attack;
  command.entity = scene.view.self;
  const i64 reach = map->melee_range_milliunits * kUnit / 1000 - kUnit / 4;
  if (scene.nearest_distance < reach * reach) {
    command.target = scene.nearest->id;
    attack_ready_ = after(map->attack_melee_cooldown_ms);
    return command;
  }
  const i64 range = map->shot_range_milliunits * kUnit / 1000;
  if (scene.nearest_distance > range * range) return std::nullopt;
  // Aims where the enemy will be, and misses by its skill.
  const i64 distance = world::isqrt(static_cast<u64>(scene.nearest_distance));
  Vector ahead = towards;
  if (has(*scene.nearest, kFlagMoving) && map->shot_speed_milliunits_per_s > 0) {
    const Fixed run =
        Fixed::from_ratio(distance * map->speed_milliunits_per_s, kUnit * map->shot_speed_milliunits_per_s);
    const auto heading = static_cast<Angle>(scene.nearest->values[kPlayerHeading] << kSentHeadingShift);
    ahead = towards + world::direction_of(heading) * run;
  }
  const u64 spread = 300 + u64{skill_} * 25;
  const i64 error = static_cast<i64>(rng_.below(2 * spread)) - static_cast<i64>(spread);
  const Vector aim = world::direction_of(static_cast<Angle>(world::atan2(ahead.y, ahead.x) + error));
  command.x = component(aim.x);
  command.y = component(aim.y);
  attack_ready_ = after(map->attack_shot_cooldown_ms);
  return command;
}

// Where to go, as a vector of length 1, or (0, 0) to stand.
Vector Bot::choose_way(const Scene& scene) {
  const MapDescription* map = scene.view.map;
  const i64 full = map != nullptr && map->health_points > 0 ? map->health_points : 100;
  const bool hurt = scene.health * 100 < i64{courage_} * full;
  const bool pickup_near = scene.pickup != nullptr && scene.pickup_distance < 14 * 14 * kUnit * kUnit;
  if (hurt && scene.nearest != nullptr && scene.nearest_distance < 18 * 18 * kUnit * kUnit) {
    const Vector away = scene.place - place_of(*scene.nearest);
    if (pickup_near && scene.pickup_distance < scene.nearest_distance) {
      return world::normalised(place_of(*scene.pickup) - scene.place);
    }
    return world::normalised(away);
  }
  if (pickup_near && (hurt || scene.nearest == nullptr || scene.pickup_distance < scene.nearest_distance)) {
    return world::normalised(place_of(*scene.pickup) - scene.place);
  }
  const SeenEntity* prey =
      scene.weakest != nullptr && rng_.below(u64{4}) != 0 ? scene.nearest : scene.weakest;
  if (prey == nullptr) return wander(scene);

  // Circles the enemy at the distance it likes, and changes its mind about the side.
  if (scene.view.tick >= strafe_until_) {
    strafe_until_ = scene.view.tick + 30 + rng_.below(u64{90});
    strafe_ = rng_.below(u64{2}) == 0 ? 1 : -1;
  }
  const Vector towards = place_of(*prey) - scene.place;
  const Fixed distance = world::length(towards);
  const Vector ahead = world::normalised(towards);
  const Vector side = Vector{-ahead.y, ahead.x} * Fixed::from_int(strafe_);
  const Fixed liked = Fixed::from_int(shooter_ ? 9 : 1);
  Vector way = side;
  if (distance > liked + Fixed::from_int(3)) {
    way = ahead + side * Fixed::from_ratio(1, 3);
  } else if (distance < liked - Fixed::from_int(2)) {
    way = side - ahead;
  }
  return world::normalised(way);
}

Vector Bot::wander(const Scene& scene) {
  const Vector left = goal_ - scene.place;
  if (scene.view.tick >= goal_until_ || world::length(left) < Fixed::from_int(2)) {
    constexpr i64 stroll = 60;
    const auto near = [&](Fixed from, Fixed limit) {
      const Fixed goal = from + Fixed::from_int(static_cast<i64>(rng_.below(u64{2 * stroll})) - stroll);
      const Fixed margin = Fixed::from_int(3);
      return clamp(goal, margin, max(margin, limit - margin));
    };
    goal_ = {near(scene.place.x, scene.view.map_size.width), near(scene.place.y, scene.view.map_size.height)};
    goal_until_ = scene.view.tick + 120 + rng_.below(u64{400});
    // Sometimes it just stands and looks.
    if (rng_.below(u64{8}) == 0) goal_ = scene.place;
  }
  return world::normalised(goal_ - scene.place);
}

// Turns aside before it runs into an obstacle.
Vector Bot::around_obstacles(const Scene& scene, Vector way) const {
  if (scene.view.map == nullptr) return way;
  const Fixed ahead = Fixed::from_int(4);
  const Fixed widest = ahead + Fixed::from_int(5);
  const auto& obstacles = scene.view.map->obstacles;
  auto next = std::lower_bound(obstacles.begin(), obstacles.end(), scene.place.x - widest,
                               [](const Obstacle& obstacle, Fixed x) { return obstacle.x < x; });
  for (; next != obstacles.end() && next->x < scene.place.x + widest; ++next) {
    const Obstacle& obstacle = *next;
    const Vector to{obstacle.x - scene.place.x, obstacle.y - scene.place.y};
    const Fixed size = max(obstacle.half_width, obstacle.half_height) + Fixed::from_int(1);
    const Fixed far = size + ahead;
    if (abs(to.x) > far || abs(to.y) > far) continue;
    const Fixed along = to.x * way.x + to.y * way.y;
    const Fixed across = to.y * way.x - to.x * way.y;
    if (along.raw <= 0 || abs(across) > size) continue;
    // A quarter turn to the free side, mixed with the way.
    const Vector side = across.raw > 0 ? Vector{way.y, -way.x} : Vector{-way.y, way.x};
    return world::normalised(way + side * Fixed::from_int(2));
  }
  return way;
}

}  // namespace drumline::arena

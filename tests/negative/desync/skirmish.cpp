#include "skirmish.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace drumline::test {
namespace {

using namespace world;

struct Unit {
  i32 direction = 0;
  Fixed x;
  i32 health = 0;
  i32 gold = 0;
  u16 cooldown = 0;
  u8 armor = 0;
  u32 player = 0;

  static constexpr auto kFields =
      fields(field("direction", &Unit::direction), field("x", &Unit::x), field("health", &Unit::health),
             field("gold", &Unit::gold), field("cooldown", &Unit::cooldown), field("armor", &Unit::armor),
             field("player", &Unit::player));
};

struct Match {
  i64 score = 0;
  u32 hits = 0;

  static constexpr auto kFields = fields(field("score", &Match::score), field("hits", &Match::hits));
};

constexpr Refusal kNotReady{kFirstGameRefusal};
constexpr i32 kHealth = 100;
constexpr i32 kDamage = 17;
constexpr u16 kCooldown = 20;
constexpr i64 kBounty = 9'000;
constexpr Tick kGoldEvery = 16;

/// The number that some earlier battle in this process left in a static variable.
i64& cached_speed() {
  static i64 speed = 100;
  return speed;
}

class SkirmishRules final : public Rules {
 public:
  SkirmishRules(const BattleSettings& settings, i64 speed, Bug bug)
      : world_(settings.seed),
        units_(world_.add_table<Unit>("units", settings.max_players)),
        match_(world_.add_table<Match>("match", 1)),
        speed_(bug == Bug::stale_cache ? cached_speed() : speed),
        bug_(bug) {}

  World& world() override { return world_; }
  const World& world() const override { return world_; }
  void on_create() override { match_.create(); }

  Refusal on_join(PlayerSlot player, const Profile&) override {
    const u32 slot = entity_slot(units_.create());
    units_.at<&Unit::player>(slot) = player.value;
    units_.at<&Unit::health>(slot) = kHealth;
    units_.at<&Unit::armor>(slot) = bug_ == Bug::unset_armor ? static_cast<u8>(outside_world()++) : 3;
    units_.at<&Unit::x>(slot) = Fixed::from_int(static_cast<i64>(world_.rng().below(u64{1000})));
    if (bug_ == Bug::extra_draw) (void)world_.rng().next_u64();
    return kAccepted;
  }
  void on_drop(PlayerSlot player) override {
    const u32 slot = row(player);
    if (bug_ != Bug::lost_write) units_.at<&Unit::direction>(slot) = 0;
  }
  void on_reconnect(PlayerSlot) override {}
  void on_leave(PlayerSlot player) override {
    const u32 slot = row(player);
    if (bug_ == Bug::kept_row)
      units_.at<&Unit::player>(slot) = ~0U;
    else
      units_.destroy(slot);
  }

  Refusal check(PlayerSlot player, const Command& command) const override {
    const bool ready = units_.at<&Unit::cooldown>(row(player)) == 0;
    return command.action == Action::move || ready ? kAccepted : kNotReady;
  }
  void apply(PlayerSlot player, const Command& command) override {
    const u32 slot = row(player);
    if (command.action == Action::move) {
      units_.at<&Unit::direction>(slot) = std::clamp(command.x, -1, 1);
      return;
    }
    u16 cooldown = kCooldown;
    if (bug_ == Bug::reads_clock) cooldown = static_cast<u16>(kCooldown + outside_world()++ % 7);
    units_.at<&Unit::cooldown>(slot) = cooldown;
    hit(slot);
  }

  void step(EventList&) override {
    units_.for_each([&](u32 slot) { move(slot); });
    if (bug_ == Bug::swapped_systems) {
      bleed();
      heal();
    } else {
      heal();
      bleed();
    }
    if (world_.tick() % kGoldEvery == 0) give_gold();
  }

  EntityId entity_of(PlayerSlot player) const override {
    const u32 slot = row(player);
    return slot == kNone ? EntityId{} : units_.id_of(slot);
  }
  i64 score_of(PlayerSlot) const override { return 0; }
  MapSize map_size() const override { return {Fixed::from_int(1), Fixed::from_int(1)}; }
  Bytes map_description() const override { return {}; }
  std::string_view refusal_name(Refusal refusal) const override {
    return refusal == kNotReady ? "not_ready" : engine_refusal_name(refusal);
  }

 private:
  static constexpr u32 kNone = ~0U;

  u32 row(PlayerSlot player) const {
    u32 found = kNone;
    units_.for_each([&](u32 slot) {
      if (units_.at<&Unit::player>(slot) == player.value) found = slot;
    });
    return found;
  }

  /// The next unit after `slot`, round the table.
  void hit(u32 slot) {
    u32 target = kNone;
    u32 first = kNone;
    units_.for_each([&](u32 other) {
      if (first == kNone && other != slot) first = other;
      if (target == kNone && other > slot) target = other;
    });
    if (target == kNone) target = first;
    if (target == kNone) return;
    i32 damage = kDamage - units_.at<&Unit::armor>(target);
    if (bug_ == Bug::off_by_one) --damage;
    i32& health = units_.at<&Unit::health>(target);
    health -= damage;
    i64& score = match_.at<&Match::score>(0);
    score += kBounty;
    if (bug_ == Bug::narrowing) score = static_cast<i16>(score);
    ++match_.at<&Match::hits>(0);
    if (bug_ == Bug::hidden_state && ++streak_ % 3 == 0) score += 5;
    if (bug_ == Bug::address_as_value) score += static_cast<i64>(outside_world()++ % 16);
    if (health > 0) return;
    health = kHealth;
    units_.at<&Unit::x>(target) = {};
  }

  void move(u32 slot) {
    Fixed& x = units_.at<&Unit::x>(slot);
    const Fixed step = Fixed::from_ratio(speed_ * units_.at<&Unit::direction>(slot), 1000);
    if (bug_ == Bug::float_motion) {
      const double moved = static_cast<double>(x.raw) / 65536.0 +
                           static_cast<double>(speed_ * units_.at<&Unit::direction>(slot)) / 1000.0;
      x.raw = std::llround(moved * 65536.0);
    } else {
      x += step;
    }
    u16& cooldown = units_.at<&Unit::cooldown>(slot);
    if (cooldown > 0) --cooldown;
  }
  void heal() {
    units_.for_each([&](u32 slot) {
      i32& health = units_.at<&Unit::health>(slot);
      health = std::min(health + 1, kHealth);
    });
  }
  /// Who waits for his next attack loses a point a tick.
  void bleed() {
    units_.for_each([&](u32 slot) {
      if (units_.at<&Unit::cooldown>(slot) > 0) units_.at<&Unit::health>(slot) -= 1;
    });
  }
  /// To the first one in the table.
  void give_gold() {
    u32 chosen = kNone;
    units_.for_each([&](u32 slot) {
      if (chosen == kNone || bug_ == Bug::reverse_order) chosen = slot;
    });
    if (chosen != kNone) units_.at<&Unit::gold>(chosen) += 10;
  }

  World world_;
  Table<Unit>& units_;
  Table<Match>& match_;
  i64 speed_;
  Bug bug_;
  u32 streak_ = 0;  ///< the bug: no snapshot knows it
};

}  // namespace

u64& outside_world() {
  static u64 next = 0;
  return next;
}

Result<std::unique_ptr<world::Rules>> Skirmish::create(std::string_view rules_document,
                                                       const world::BattleSettings& settings) const {
  constexpr std::string_view kKey = "speed = ";
  const std::size_t at = rules_document.find(kKey);
  i64 speed = 0;
  const bool found = at != std::string_view::npos;
  const std::string_view digits = found ? rules_document.substr(at + kKey.size()) : std::string_view();
  if (!found || std::from_chars(digits.data(), digits.data() + digits.size(), speed).ec != std::errc()) {
    return Error{ErrorCode::invalid_argument, "the rules lack the key speed"};
  }
  return std::unique_ptr<world::Rules>(std::make_unique<SkirmishRules>(settings, speed, bug_));
}

}  // namespace drumline::test

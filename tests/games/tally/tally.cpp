#include "tally/tally.hpp"

namespace drumline::tally {
namespace {

using namespace world;

struct Counter {
  Fixed x, y;
  u32 number;
  u32 seat;
  u32 ready;
  static constexpr auto kFields =
      fields(field("x", &Counter::x, {.bits = 16, .shift = 11, .role = FieldRole::position_x}),
             field("y", &Counter::y, {.bits = 16, .shift = 11, .role = FieldRole::position_y}),
             field("number", &Counter::number, {.bits = 16}), field("seat", &Counter::seat),
             field("ready", &Counter::ready));
};

constexpr std::string_view kEvents[] = {"counted"};
constexpr Refusal kRefusedOddAmount{kFirstGameRefusal};
constexpr u32 kPauseTicks = 5;

class TallyRules final : public Rules {
 public:
  explicit TallyRules(const BattleSettings& settings)
      : world_(settings.seed), counters_(world_.add_table<Counter>("counter", settings.max_players)) {}

  World& world() override { return world_; }
  const World& world() const override { return world_; }
  void on_create() override {}

  Refusal on_join(PlayerSlot player, const Profile&) override {
    const EntityId id = counters_.create();
    if (id.value == 0) return kRefusedNoSeat;
    const u32 slot = entity_slot(id);
    counters_.at<&Counter::seat>(slot) = player.value;
    counters_.at<&Counter::x>(slot) = world_.rng().below(Fixed::from_int(10));
    counters_.at<&Counter::y>(slot) = world_.rng().below(Fixed::from_int(10));
    return kAccepted;
  }
  void on_drop(PlayerSlot) override {}
  void on_reconnect(PlayerSlot) override {}
  void on_leave(PlayerSlot player) override {
    if (const EntityId id = entity_of(player); id.value != 0) counters_.destroy(entity_slot(id));
  }

  Refusal check(PlayerSlot player, const Command& command) const override {
    const EntityId id = entity_of(player);
    if (command.entity != id) return kRefusedNotYours;
    if (command.action != Action::attack) return kRefusedUnknownAction;
    if (command.x % 2 != 0) return kRefusedOddAmount;
    if (world_.tick() < counters_.at<&Counter::ready>(entity_slot(id))) return kRefusedCooldown;
    return kAccepted;
  }
  void apply(PlayerSlot player, const Command& command) override {
    const u32 slot = entity_slot(entity_of(player));
    counters_.at<&Counter::number>(slot) += static_cast<u32>(command.x);
    counters_.at<&Counter::ready>(slot) = static_cast<u32>(world_.tick()) + kPauseTicks;
  }
  void step(EventList& events) override {
    counters_.for_each([&](u32 slot) {
      if (counters_.at<&Counter::number>(slot) % 64 != 0) return;
      events.emit({.kind = 0, .source = counters_.id_of(slot), .target = {}, .x = {}, .y = {}});
    });
  }

  EntityId entity_of(PlayerSlot player) const override {
    EntityId found;
    counters_.for_each([&](u32 slot) {
      if (counters_.at<&Counter::seat>(slot) == player.value) found = counters_.id_of(slot);
    });
    return found;
  }
  i64 score_of(PlayerSlot player) const override {
    const EntityId id = entity_of(player);
    return id.value == 0 ? 0 : i64{counters_.at<&Counter::number>(entity_slot(id))};
  }
  MapSize map_size() const override { return {Fixed::from_int(10), Fixed::from_int(10)}; }
  Bytes map_description() const override { return {}; }
  std::string_view refusal_name(Refusal refusal) const override {
    return refusal == kRefusedOddAmount ? "odd_amount" : engine_refusal_name(refusal);
  }

 private:
  World world_;
  Table<Counter>& counters_;
};

class TallyGame final : public Game {
 public:
  std::string_view name() const override { return "tally"; }
  std::span<const std::string_view> event_names() const override { return kEvents; }
  std::string_view default_rules() const override { return ""; }
  Result<std::unique_ptr<Rules>> create(std::string_view, const BattleSettings& settings) const override {
    return std::unique_ptr<Rules>(std::make_unique<TallyRules>(settings));
  }
};

}  // namespace

const world::Game& tally_game() {
  static const TallyGame game;
  return game;
}

}  // namespace drumline::tally

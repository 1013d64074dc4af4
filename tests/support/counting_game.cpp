#include "support/counting_game.hpp"

namespace drumline::test {
namespace {

using namespace world;

struct Count {
  i64 value = 0;
  u32 player = 0;
  u8 away = 0;
  static constexpr auto kFields =
      fields(field("value", &Count::value), field("player", &Count::player), field("away", &Count::away));
};

constexpr Refusal kRefusedMuch{kFirstGameRefusal};
constexpr std::array<std::string_view, 1> kEvents{"round"};

class CountingRules final : public Rules {
 public:
  CountingRules(const BattleSettings& settings, i64 bias)
      : world_(settings.seed),
        counts_(world_.add_table<Count>("counts", settings.max_players)),
        bias_(bias) {}

  World& world() override { return world_; }
  const World& world() const override { return world_; }
  void on_create() override {}
  Refusal on_join(PlayerSlot player, const Profile& profile) override {
    if (profile.name_view() == "nobody") return kRefusedMuch;
    const EntityId id = counts_.create();
    counts_.at<&Count::player>(entity_slot(id)) = player.value;
    counts_.at<&Count::value>(entity_slot(id)) = static_cast<i64>(profile.account % 1000);
    return kAccepted;
  }
  void on_drop(PlayerSlot player) override { counts_.at<&Count::away>(row(player)) = 1; }
  void on_reconnect(PlayerSlot player) override { counts_.at<&Count::away>(row(player)) = 0; }
  void on_leave(PlayerSlot player) override { counts_.destroy(row(player)); }
  Refusal check(PlayerSlot, const Command& command) const override {
    return command.x > 100 || command.x < -100 ? kRefusedMuch : kAccepted;
  }
  void apply(PlayerSlot player, const Command& command) override {
    counts_.at<&Count::value>(row(player)) += command.x;
  }
  void step(EventList& events) override {
    counts_.for_each([&](u32 slot) {
      if (counts_.at<&Count::away>(slot) == 0) {
        counts_.at<&Count::value>(slot) += static_cast<i64>(world_.rng().below(u64{7})) + bias_;
      }
    });
    if (world_.tick() % 10 == 0) {
      Event event;
      event.a = static_cast<i32>(world_.tick());
      events.emit(event);
    }
  }
  EntityId entity_of(PlayerSlot player) const override {
    const u32 slot = row(player);
    return slot == ~0U ? EntityId{} : counts_.id_of(slot);
  }
  i64 score_of(PlayerSlot player) const override { return counts_.at<&Count::value>(row(player)); }
  MapSize map_size() const override { return {Fixed::from_int(1), Fixed::from_int(1)}; }
  Bytes map_description() const override { return {}; }
  std::string_view refusal_name(Refusal refusal) const override {
    return refusal == kRefusedMuch ? "much" : engine_refusal_name(refusal);
  }

 private:
  u32 row(PlayerSlot player) const {
    u32 found = ~0U;
    counts_.for_each([&](u32 slot) {
      if (counts_.at<&Count::player>(slot) == player.value) found = slot;
    });
    return found;
  }

  World world_;
  Table<Count>& counts_;
  i64 bias_;
};

}  // namespace

std::span<const std::string_view> CountingGame::event_names() const {
  return kEvents;
}

Result<std::unique_ptr<world::Rules>> CountingGame::create(std::string_view rules_document,
                                                           const world::BattleSettings& settings) const {
  if (rules_document.find("limit") == std::string_view::npos) {
    return Error{ErrorCode::invalid_argument, "the rules lack the key limit"};
  }
  return std::unique_ptr<world::Rules>(std::make_unique<CountingRules>(settings, bias_));
}

}  // namespace drumline::test

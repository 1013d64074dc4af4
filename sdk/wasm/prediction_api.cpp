#include "simulation_api/prediction_api.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "arena/arena.hpp"
#include "arena/own_movement.hpp"
#include "base/bytes.hpp"
#include "prediction/frame_sync_client.hpp"
#include "simulation_api/failure.hpp"
#include "simulation_api/host_command.hpp"
#include "world/hash.hpp"

namespace drumline {

/// FrameSyncClient of any game.
struct DrumlinePrediction {
  virtual ~DrumlinePrediction() = default;
  virtual void on_round_trip(i64 sample_ns, TimeNs now) = 0;
  virtual void on_frame(Tick tick, u32 last_sequence, TimeNs now) = 0;
  virtual bool on_self(Tick tick, u32 last_sequence, std::span<const i64> values, TimeNs now) = 0;
  virtual void on_refused(u32 sequence) = 0;
  virtual world::Command issue(world::Command command, TimeNs now) = 0;
  virtual const DrumlineShown& advance(TimeNs now) = 0;
};

namespace {

std::optional<arena::OwnMovement::Sighting> read_sighting(const arena::OwnMovement&,
                                                          std::span<const i64> values) {
  if (values.size() < arena::kPlayerFieldCount) return std::nullopt;
  return arena::OwnMovement::Sighting{values[arena::kPlayerX], values[arena::kPlayerY],
                                      static_cast<u8>(values[arena::kPlayerFlags])};
}

template <prediction::MovementModel Model>
class Predicted final : public DrumlinePrediction {
 public:
  explicit Predicted(Model model) : model_(std::move(model)), client_(model_) {}

  void on_round_trip(i64 sample_ns, TimeNs now) override { client_.on_round_trip(sample_ns, now); }
  void on_frame(Tick tick, u32 last_sequence, TimeNs now) override {
    client_.on_frame(tick, last_sequence, now);
  }
  bool on_self(Tick tick, u32 last_sequence, std::span<const i64> values, TimeNs now) override {
    const auto seen = read_sighting(model_, values);
    if (seen) client_.on_self(tick, last_sequence, *seen, now);
    return seen.has_value();
  }
  void on_refused(u32 sequence) override { client_.on_refused(sequence); }
  world::Command issue(world::Command command, TimeNs now) override { return client_.issue(command, now); }

  const DrumlineShown& advance(TimeNs now) override {
    const TimeNs others_ns = client_.advance(now);
    shown_ = {};
    if (!client_.running()) return shown_;
    const auto& predictor = client_.predictor();
    const prediction::Correction& correction = predictor.correction();
    const world::Vector place = client_.shown_self(now);
    const world::Vector offset = correction.offset(now);
    shown_ = {.running = 1,
              .x = place.x.raw,
              .y = place.y.raw,
              .offset_x = offset.x.raw,
              .offset_y = offset.y.raw,
              .others_ns = others_ns,
              .others_delay_ns = client_.playback().delay_ns(),
              .input_delay_ticks = client_.input_delay().ticks(),
              .tick = static_cast<i64>(predictor.tick()),
              .confirmed_tick = static_cast<i64>(predictor.confirmed_tick()),
              .corrections = static_cast<i64>(correction.corrections()),
              .teleports = static_cast<i64>(correction.teleports()),
              .longest = correction.longest().raw,
              .late_commands = static_cast<i64>(client_.late_commands())};
    return shown_;
  }

 private:
  Model model_;
  prediction::FrameSyncClient<Model> client_;
  DrumlineShown shown_{};
};

Result<std::unique_ptr<DrumlinePrediction>> make(std::string_view game, std::string_view rules,
                                                 u64 rules_hash, Bytes map, world::Fixed map_width) {
  if (game != "arena") {
    return Error{ErrorCode::not_found,
                 "the game '" + std::string(game) + "' does not say how its entities move"};
  }
  if (rules.empty()) rules = arena::arena_game().default_rules();
  if (world::hash_bytes(as_bytes(rules)) != rules_hash) {
    return Error{ErrorCode::mismatch, "the battle is played by other rules than those at hand"};
  }
  auto description = arena::decode_map_description(map);
  if (!description) return std::move(description).error();
  auto model = arena::OwnMovement::make(rules, *description, map_width);
  if (!model) return std::move(model).error();
  return std::unique_ptr<DrumlinePrediction>(
      std::make_unique<Predicted<arena::OwnMovement>>(std::move(model).value()));
}

}  // namespace

DrumlinePrediction* drumline_prediction_create(const char* game, std::size_t game_size, const char* rules,
                                               std::size_t rules_size, u64 rules_hash, const std::byte* map,
                                               std::size_t map_size, i64 map_width) {
  auto made = make({game, game_size}, {rules, rules_size}, rules_hash, {map, map_size},
                   world::Fixed::from_raw(map_width));
  if (made) return std::move(made).value().release();
  set_failure(made.error().message);
  return nullptr;
}

void drumline_prediction_free(DrumlinePrediction* prediction) {
  delete prediction;
}

void drumline_prediction_on_round_trip(DrumlinePrediction* prediction, i64 sample_ns, i64 now) {
  prediction->on_round_trip(sample_ns, now);
}

void drumline_prediction_on_frame(DrumlinePrediction* prediction, u64 tick, u32 last_sequence, i64 now) {
  prediction->on_frame(tick, last_sequence, now);
}

i32 drumline_prediction_on_self(DrumlinePrediction* prediction, u64 tick, u32 last_sequence,
                                const i64* values, std::size_t value_count, i64 now) {
  if (prediction->on_self(tick, last_sequence, {values, value_count}, now)) return 0;
  set_failure("the own entity has fewer fields than this game's rules know");
  return -1;
}

void drumline_prediction_on_refused(DrumlinePrediction* prediction, u32 sequence) {
  prediction->on_refused(sequence);
}

u64 drumline_prediction_issue(DrumlinePrediction* prediction, u32 sequence, u64 entity, u64 target,
                              u32 action, u32 skill, i32 x, i32 y, i64 now) {
  const world::Command command =
      prediction->issue(host_command(sequence, entity, target, action, skill, x, y), now);
  return u64{command.view_tick} << 32 | command.apply_tick;
}

const DrumlineShown* drumline_prediction_advance(DrumlinePrediction* prediction, i64 now) {
  return &prediction->advance(now);
}

}  // namespace drumline

// A player of arena over a way that delays and loses, predicted by the native
// FrameSyncClient. Prints what was called and what it showed, a JSON array a line, for the
// same calls to be made of simulation.wasm (sdk/typescript/test/prediction.test.mjs):
//
//   ["map", hex, map_width raw, entity, rules hash]
//   ["round_trip", ms, now]      ["frame", tick, last_sequence, now]
//   ["self", tick, last_sequence, [values as sent], now]
//   ["issue", sequence, action, skill, x, y, now, apply_tick, view_tick]
//   ["advance", now, x raw, y raw, others_ns, input delay, tick, confirmed tick,
//    corrections, longest raw]
//
// Times are milliseconds.
#include <cinttypes>
#include <cstdio>

#include "arena/own_movement.hpp"
#include "base/bytes.hpp"
#include "prediction/frame_sync_client.hpp"
#include "support/arena_over_link.hpp"
#include "world/hash.hpp"

int main() {
  using namespace drumline;
  using arena::OwnMovement;
  constexpr i64 kPlayMs = 20'000;
  testing::ArenaOverLink battle(
      {.way_ms = 60, .jitter_ms = 40, .lost_states_percent = 10, .lost_commands_percent = 10}, 7);
  const OwnMovement model =
      OwnMovement::make("", arena::decode_map_description(battle.map_description()).value(),
                        battle.map_side())
          .value();
  prediction::FrameSyncClient<OwnMovement> client(model);

  std::printf("[\"map\",\"");
  for (const std::byte b : battle.map_description()) std::printf("%02x", static_cast<unsigned>(b));
  std::printf("\",%" PRId64 ",\"%" PRIu64 "\",\"%" PRIu64 "\"]\n", battle.map_side().raw,
              battle.entity().value, world::hash_bytes(as_bytes(arena::arena_game().default_rules())));

  u32 sequence = 0;
  for (i64 ms = 1; ms <= kPlayMs; ++ms) {
    const TimeNs now = ms * kMillisecondNs;
    if (ms % 16 == 0) battle.step(ms);
    if (ms % 250 == 0) {
      const i64 sample = 130 + static_cast<i64>(battle.rng().below(u64{20}));
      client.on_round_trip(sample * kMillisecondNs, now);
      std::printf("[\"round_trip\",%" PRId64 ",%" PRId64 "]\n", sample, ms);
    }
    while (const auto state = battle.receive(ms)) {
      client.on_frame(state->tick, state->last_sequence, now);
      std::printf("[\"frame\",%" PRIu64 ",%u,%" PRId64 "]\n", state->tick, state->last_sequence, ms);
      client.on_self(state->tick, state->last_sequence, state->seen, now);
      std::printf("[\"self\",%" PRIu64 ",%u,[%" PRId64 ",%" PRId64 ",0,0,%u,0],%" PRId64 "]\n", state->tick,
                  state->last_sequence, state->seen.x, state->seen.y, unsigned{state->seen.flags}, ms);
    }
    if (client.running() && battle.rng().below(u64{150}) == 0) {
      const world::Command command = client.issue(battle.any_command(++sequence), now);
      battle.send(command, ms);
      std::printf("[\"issue\",%u,%u,%u,%d,%d,%" PRId64 ",%u,%u]\n", command.sequence,
                  static_cast<unsigned>(command.action), unsigned{command.skill}, command.x, command.y, ms,
                  command.apply_tick, command.view_tick);
    }
    if (ms % 7 != 0) continue;
    const TimeNs others_ns = client.advance(now);
    if (!client.running()) continue;
    const world::Vector shown = client.shown_self(now);
    const auto& predictor = client.predictor();
    std::printf("[\"advance\",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%u,%" PRIu64 ",%" PRIu64
                ",%" PRIu64 ",%" PRId64 "]\n",
                ms, shown.x.raw, shown.y.raw, others_ns, client.input_delay().ticks(), predictor.tick(),
                predictor.confirmed_tick(), predictor.correction().corrections(),
                predictor.correction().longest().raw);
  }
}

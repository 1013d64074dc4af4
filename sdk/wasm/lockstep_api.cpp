#include "simulation_api/lockstep_api.hpp"

#include <deque>
#include <string>
#include <variant>

#include "lockstep/lockstep_client.hpp"
#include "simulation_api/battle_handle.hpp"
#include "simulation_api/failure.hpp"
#include "simulation_api/host_command.hpp"

namespace drumline {

struct DrumlineLockstep final : lockstep::LockstepListener {
  explicit DrumlineLockstep(const world::Game& played) : game(played), client(played, {}, *this) {
    // So that nothing, too, has an address.
    shown.result.reserve(64);
  }

  void on_predicted(const battle::TickOutcome& outcome) override {
    events.insert(events.end(), outcome.events.begin(), outcome.events.end());
  }
  void on_mismatch(const lockstep::HashMismatch&) override { ++mismatches; }

  i32 answer(Result<void> result) {
    if (result) return 0;
    set_failure(result.error().message);
    return -1;
  }

  const world::Game& game;
  lockstep::LockstepClient client;
  std::vector<world::Event> events;  ///< of the ticks that the last advance() predicted first
  i64 mismatches = 0;
  DrumlineBattle shown;
  DrumlineLockstepState state{};
  std::vector<wire::ClientMessage> messages;
  std::size_t next_message = 0;
  DrumlineLockstepMessage message{};
};

DrumlineLockstep* drumline_lockstep_create(const char* game, std::size_t game_size, u64 battle, u32 player,
                                           u64 tick) {
  const std::string_view name(game, game_size);
  const world::Game* played = find_simulated_game(name);
  if (played == nullptr) {
    set_failure("this simulation does not hold the game '" + std::string(name) + "'");
    return nullptr;
  }
  auto made = std::make_unique<DrumlineLockstep>(*played);
  wire::Welcome welcome;
  welcome.battle = BattleId{battle};
  welcome.player = PlayerSlot{player};
  welcome.tick = tick;
  made->client.begin(welcome);
  return made.release();
}

void drumline_lockstep_free(DrumlineLockstep* lockstep) {
  delete lockstep;
}

i32 drumline_lockstep_on_snapshot_part(DrumlineLockstep* lockstep, u64 tick, u64 state_hash, u32 info_bytes,
                                       u32 total_bytes, u32 offset, const std::byte* bytes,
                                       std::size_t size) {
  return lockstep->answer(lockstep->client.on_snapshot_part(
      {tick, state_hash, info_bytes, total_bytes, offset, {bytes, bytes + size}}));
}

i32 drumline_lockstep_on_frame(DrumlineLockstep* lockstep, const std::byte* datagram, std::size_t size,
                               i64 now) {
  return lockstep->answer(lockstep->client.on_frame({datagram, size}, now));
}

i32 drumline_lockstep_on_ticks(DrumlineLockstep* lockstep, u64 first_tick, const std::byte* bytes,
                               std::size_t size) {
  return lockstep->answer(lockstep->client.on_ticks({first_tick, {bytes, bytes + size}}));
}

void drumline_lockstep_on_refused(DrumlineLockstep* lockstep, u32 sequence) {
  wire::Refused refused;
  refused.cmd_id = sequence;
  lockstep->client.on_refused(refused);
}

void drumline_lockstep_on_round_trip(DrumlineLockstep* lockstep, i64 sample_ns, i64 now) {
  lockstep->client.on_round_trip(sample_ns, now);
}

i32 drumline_lockstep_advance(DrumlineLockstep* lockstep, i64 now) {
  lockstep->events.clear();
  return lockstep->answer(lockstep->client.advance(now));
}

u32 drumline_lockstep_issue(DrumlineLockstep* lockstep, u32 sequence, u64 entity, u64 target, u32 action,
                            u32 skill, i32 x, i32 y, i64 now) {
  return lockstep->client.issue(host_command(sequence, entity, target, action, skill, x, y), now).apply_tick;
}

const DrumlineLockstepState* drumline_lockstep_state(DrumlineLockstep* lockstep) {
  const lockstep::LockstepClient& client = lockstep->client;
  lockstep->state = {.mismatches = lockstep->mismatches};
  if (client.running()) {
    const lockstep::RollbackStatistics statistics = client.statistics();
    lockstep->state = {.running = 1,
                       .confirmed_tick = static_cast<i64>(client.confirmed()->tick()),
                       .confirmed_hash = client.confirmed()->state_hash(),
                       .confirmed_sequence = client.confirmed_sequence(),
                       .predicted_tick = static_cast<i64>(client.predicted()->tick()),
                       .input_delay_ticks = client.input_delay().ticks(),
                       .rollbacks = static_cast<i64>(statistics.rollbacks),
                       .resimulated_ticks = static_cast<i64>(statistics.resimulated_ticks),
                       .late_commands = static_cast<i64>(statistics.late_commands),
                       .mismatches = lockstep->mismatches};
  }
  return &lockstep->state;
}

DrumlineBattle* drumline_lockstep_shown(DrumlineLockstep* lockstep) {
  const battle::Battle* shown = lockstep->client.predicted();
  if (shown == nullptr) {
    set_failure("the battle's state is not here yet");
    return nullptr;
  }
  lockstep->shown.battle = shown;
  lockstep->shown.event_names = lockstep->game.event_names();
  lockstep->shown.events = lockstep->events;
  return &lockstep->shown;
}

const DrumlineLockstepMessage* drumline_lockstep_take_message(DrumlineLockstep* lockstep) {
  auto& messages = lockstep->messages;
  if (lockstep->next_message == messages.size()) {
    messages.clear();
    lockstep->next_message = 0;
    lockstep->client.take_messages(messages);
  }
  while (lockstep->next_message < messages.size()) {
    const wire::ClientMessage& message = messages[lockstep->next_message++];
    if (const auto* desync = std::get_if<wire::Desync>(&message)) {
      lockstep->message = {.tick = desync->tick, .hash = desync->hash, .expected = desync->expected};
      return &lockstep->message;
    }
    if (const auto* part = std::get_if<wire::StatePart>(&message)) {
      lockstep->message = {.is_part = 1,
                           .tick = part->tick,
                           .total_bytes = part->total_bytes,
                           .offset = part->offset,
                           .address = reinterpret_cast<std::uintptr_t>(part->bytes.data()),
                           .size = part->bytes.size()};
      return &lockstep->message;
    }
  }
  return nullptr;
}

}  // namespace drumline

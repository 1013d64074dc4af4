#include "server/running_battle.hpp"

#include <algorithm>
#include <cstdint>

#include "battle/build_info.hpp"
#include "battle/journal_records.hpp"
#include "world/snapshot.hpp"

namespace drumline::server {
namespace {

/// Codes that a game may use; what is above is told as "unknown".
constexpr u16 kRefusalCodes = 200;
/// Notices of one frame at most; what does not fit goes with the next one.
constexpr std::size_t kMessageRoomBytes = 64 << 10;
/// A small battle's state is encoded only when it is sent. In a large one sessions take
/// turns instead, so that its work does not fall on every third tick alone.
constexpr u32 kSmallBattlePlayers = 64;

std::size_t message_capacity(u32 max_players) {
  // A piece of the state must fit.
  return std::clamp<std::size_t>(std::size_t{max_players} * 256, 2 * battle::kMaxStatePartNoticeBytes,
                                 256 << 10);
}

}  // namespace

RunningBattle::~RunningBattle() {
  // Not even a destructor: its memory is given up.
  if (torn) static_cast<void>(actor.release());
}

void RunningBattle::find_hot_lines() {
  constexpr std::size_t kLine = 64;
  // Of a table's rows; a battle that has more in a table is not bound by waiting.
  constexpr std::size_t kMaxTableBytes = 1024;
  hot_lines.clear();
  const auto add = [&](const void* from, std::size_t bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(from);
    for (auto line = address & ~(kLine - 1); line < address + bytes; line += kLine) {
      hot_lines.push_back(reinterpret_cast<const std::byte*>(line));
    }
  };
  const world::World& world = battle().world();
  add(this, sizeof *this);
  add(actor.get(), sizeof *actor);
  add(&battle(), sizeof(battle::Battle));
  // What game it is, is not known here, nor how large its rules are: their beginning.
  add(&battle().rules(), 4 * kLine);
  add(&world, sizeof world);
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const world::TableBase& table = world.table(i);
    add(&table, sizeof table);
    const auto rows = table.memory_bytes();
    if (rows.size() <= kMaxTableBytes) add(rows.data(), rows.size());
  }
}

void RunningBattle::send_state_to(SessionId session) {
  stop_sending_state_to(session);
  parts.push_back({session});
}

bool RunningBattle::keep_for_later(const battle::Inbound& inbound) {
  const std::size_t players = entry->descriptor->max_players;
  const bool command = inbound.kind == battle::Inbound::Kind::command;
  // Seats that are given up must not be lost for want of room.
  if (waiting.size() >= (command ? 4 : 8) * players + 16) return false;
  waiting.push_back(inbound);
  return true;
}

void RunningBattle::stop_sending_state_to(SessionId session) {
  std::erase_if(parts, [&](const PartFeed& feed) { return feed.session == session; });
}

std::size_t frame_room_bytes(const RunningBattle& battle, bool with_state, std::size_t tick_payload_bytes) {
  const std::size_t state = with_state ? battle.encoder->frame_bytes_most() : 0;
  return sizeof(broadcast::BattleFrameHeader) + state +
         std::min(battle.messages.size_bytes(), kMessageRoomBytes) + (tick_payload_bytes + 7) / 8 * 8 + 64;
}

std::size_t max_frame_room_bytes(const RunningBattle& battle) {
  return frame_room_bytes(battle, true, battle::max_tick_bytes(battle.battle().limits().inputs)) +
         kMessageRoomBytes;
}

Result<std::unique_ptr<RunningBattle>> make_running(std::unique_ptr<battle::Battle> battle,
                                                    const world::Game& game,
                                                    std::shared_ptr<battle::BattleEntry> entry,
                                                    const RunningBattleSettings& settings, u32 instance,
                                                    bool recovered) {
  const battle::BattleInfo& info = battle->info();
  auto running = std::make_unique<RunningBattle>(message_capacity(info.max_players));
  running->game = &game;
  running->info = battle::encode_created({info, 0});
  running->seats.resize(info.max_players);
  running->max_snapshot_bytes = world::max_snapshot_bytes(battle->world());
  running->encode_period_ticks = info.max_players <= kSmallBattlePlayers ? info.sync.send_period_ticks : 1;
  broadcast::EncoderSettings encoder;
  encoder.battle = info.id;
  encoder.instance = instance;
  encoder.expected_players = info.max_players;
  encoder.cell_size = settings.cell_size;
  encoder.near_distance = settings.near_distance.raw;
  encoder.key_period_ticks = settings.key_period_ticks;
  encoder.datagram_budget = settings.datagram_budget_bytes;
  encoder.event_ticks = std::max<u32>(encoder.event_ticks, 2U * info.sync.send_period_ticks);
  encoder.max_events = std::min<u32>(encoder.max_events, 64 + 8 * info.max_players);
  encoder.visibility = battle->rules().visibility();
  if (encoder.visibility != nullptr && encoder.visibility->team_count() > 0 &&
      info.sync.model == world::SyncModel::lockstep) {
    return Error{ErrorCode::invalid_argument,
                 "battle.sync_model is lockstep, in which clients run the whole battle, but its rules hide "
                 "things from teams: choose another model, or rules that hide nothing"};
  }
  auto made = broadcast::CellEncoder::create(battle->world(), battle->rules().map_size(), encoder);
  if (!made) return std::move(made).error();
  running->encoder = std::move(*made);
  running->last_good.begin(*battle);
  battle::ActorOptions actor;
  actor.reconnect_grace_ticks = settings.reconnect_grace_ticks;
  actor.max_hold_ticks = settings.max_hold_ticks;
  actor.max_late_ticks = settings.max_late_ticks;
  actor.counters = entry->counters;
  running->actor = std::make_unique<battle::BattleActor>(std::move(battle), actor);
  if (recovered) running->actor->drop_all();
  running->entry = std::move(entry);
  if (running->battle().info().max_players <= kSmallBattlePlayers) running->find_hot_lines();
  return running;
}

std::shared_ptr<const battle::BattleDescriptor> describe(const world::Game& game, battle::Battle& battle) {
  auto descriptor = std::make_shared<battle::BattleDescriptor>();
  const battle::BattleInfo& info = battle.info();
  descriptor->id = info.id;
  descriptor->epoch = info.epoch;
  descriptor->game = info.game;
  descriptor->build_id = battle::build_id();
  descriptor->simulation_id = battle::simulation_id();
  descriptor->rules_hash = info.rules_hash();
  descriptor->sync = info.sync;
  descriptor->max_players = info.max_players;
  descriptor->map_size = battle.rules().map_size();
  const Bytes map = battle.rules().map_description();
  descriptor->map_description.assign(map.begin(), map.end());
  descriptor->schema = wire::wire_schema_of(battle.world());
  for (const std::string_view name : game.event_names()) descriptor->event_names.emplace_back(name);
  for (u16 code = 0; code < kRefusalCodes; ++code) {
    const world::Refusal refusal{code};
    descriptor->refusal_names.emplace_back(code < world::kFirstGameRefusal
                                               ? world::engine_refusal_name(refusal)
                                               : battle.rules().refusal_name(refusal));
  }
  return descriptor;
}

}  // namespace drumline::server

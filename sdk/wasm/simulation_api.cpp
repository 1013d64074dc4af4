#include "simulation_api/simulation_api.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "battle/build_info.hpp"
#include "simulation_api/battle_handle.hpp"
#include "simulation_api/failure.hpp"
#include "simulation_games.hpp"
#include "world/snapshot.hpp"

namespace drumline {

namespace {

Result<std::unique_ptr<DrumlineBattle>> make(Bytes created, Bytes snapshot) {
  auto record = battle::decode_created(created, BattleId{}, Epoch{});
  if (!record) return std::move(record).error();
  const world::Game* game = find_simulated_game(record->info.game);
  if (game == nullptr) {
    return Error{ErrorCode::not_found, "this simulation does not hold the game '" + record->info.game + "'"};
  }
  auto made = snapshot.empty() ? battle::Battle::create(*game, std::move(record->info))
                               : battle::Battle::restore(*game, std::move(record->info), snapshot);
  if (!made) return std::move(made).error();
  if (snapshot.empty() && (*made)->state_hash() != record->state_hash) {
    return Error{
        ErrorCode::mismatch,
        "the battle begins with another state hash than the one recorded: it is of another simulation"};
  }
  auto battle = std::make_unique<DrumlineBattle>();
  battle->owned = std::move(made).value();
  battle->battle = battle->owned.get();
  battle->event_names = game->event_names();
  // So that nothing, too, has an address.
  battle->result.reserve(64);
  return battle;
}

template <class T>
const T* give(DrumlineBattle& battle, std::span<const T> values) {
  const Bytes bytes = std::as_bytes(values);
  battle.result.assign(bytes.begin(), bytes.end());
  return reinterpret_cast<const T*>(battle.result.data());
}

const world::TableBase* find_table(const DrumlineBattle& battle, u32 table) {
  const world::World& world = battle.battle->world();
  if (table < world.table_count()) return &world.table(table);
  set_failure("there is no table " + std::to_string(table));
  return nullptr;
}

template <class T, class Read>
const T* give_rows(DrumlineBattle& battle, const world::TableBase* table, Read read) {
  if (table == nullptr) return nullptr;
  std::vector<T> values;
  values.reserve(table->live_count());
  table->for_each([&](u32 slot) { values.push_back(read(*table, slot)); });
  return give<T>(battle, values);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string field_json(const world::FieldDescription& field) {
  constexpr std::array<std::string_view, 3> kRoles{"", "x", "y"};
  return "{\"name\":" + quoted(field.name) + ",\"type\":" + quoted(world::field_type_name(field.type)) +
         ",\"role\":" + quoted(kRoles[static_cast<std::size_t>(field.wire.role)]) + "}";
}

template <class List, class Write>
std::string json_array(const List& list, Write write) {
  std::string out = "[";
  for (const auto& item : list) {
    if (out.size() > 1) out += ',';
    out += write(item);
  }
  return out + "]";
}

std::string table_json(const world::TableBase& table) {
  return "{\"name\":" + quoted(table.name()) + ",\"capacity\":" + std::to_string(table.capacity()) +
         ",\"fields\":" + json_array(table.fields(), field_json) + "}";
}

std::string schema_json(const DrumlineBattle& of) {
  const battle::Battle& battle = *of.battle;
  std::vector<const world::TableBase*> tables;
  for (std::size_t i = 0; i < battle.world().table_count(); ++i) tables.push_back(&battle.world().table(i));
  const world::MapSize map = battle.rules().map_size();
  return "{\"game\":" + quoted(battle.info().game) +
         ",\"max_players\":" + std::to_string(battle.info().max_players) + ",\"map\":[" +
         std::to_string(map.width.raw) + "," + std::to_string(map.height.raw) + "],\"tables\":" +
         json_array(tables, [](const world::TableBase* table) { return table_json(*table); }) +
         ",\"events\":" + json_array(of.event_names, quoted) + "}";
}

}  // namespace

const world::Game* find_simulated_game(std::string_view name) {
  for (const world::Game* game : simulation_games()) {
    if (game->name() == name) return game;
  }
  return nullptr;
}

const char* drumline_simulation_id() {
  return battle::simulation_id();
}

const char* drumline_error() {
  return failure();
}

void* drumline_allocate(std::size_t size) {
  return ::operator new(size);
}

void drumline_release(void* memory) {
  ::operator delete(memory);
}

DrumlineBattle* drumline_create(const std::byte* created, std::size_t created_size, const std::byte* snapshot,
                                std::size_t snapshot_size) {
  auto made = make({created, created_size}, {snapshot, snapshot_size});
  if (made) return std::move(made).value().release();
  set_failure(made.error().message);
  return nullptr;
}

void drumline_free(DrumlineBattle* battle) {
  delete battle;
}

i32 drumline_step(DrumlineBattle* battle, const std::byte* payload, std::size_t size) {
  if (auto decoded = battle::decode_tick({payload, size}, battle->tick); !decoded) {
    set_failure(decoded.error().message);
    return -1;
  }
  const battle::TickOutcome outcome = battle->owned->step(battle->tick.inputs);
  battle->events = outcome.events;
  return outcome.accepted.size() == battle->tick.inputs.size() ? 1 : 0;
}

u64 drumline_tick(const DrumlineBattle* battle) {
  return battle->battle->tick();
}

u64 drumline_state_hash(const DrumlineBattle* battle) {
  return battle->battle->state_hash();
}

std::size_t drumline_result_size(const DrumlineBattle* battle) {
  return battle->result.size();
}

const char* drumline_schema(DrumlineBattle* battle) {
  const std::string schema = schema_json(*battle);
  return give<char>(*battle, schema);
}

const std::byte* drumline_map_description(DrumlineBattle* battle) {
  return give<std::byte>(*battle, battle->battle->rules().map_description());
}

const std::byte* drumline_snapshot(DrumlineBattle* battle) {
  battle->battle->encode_snapshot(battle->result);
  return battle->result.data();
}

const u32* drumline_slots(DrumlineBattle* battle, u32 table) {
  return give_rows<u32>(*battle, find_table(*battle, table),
                        [](const world::TableBase&, u32 slot) { return slot; });
}

const u32* drumline_generations(DrumlineBattle* battle, u32 table) {
  return give_rows<u32>(*battle, find_table(*battle, table),
                        [](const world::TableBase& of, u32 slot) { return of.generations()[slot]; });
}

const i64* drumline_column(DrumlineBattle* battle, u32 table, u32 column) {
  const world::TableBase* of = find_table(*battle, table);
  if (of != nullptr && column >= of->column_count()) {
    set_failure("table " + of->name() + " has no column " + std::to_string(column));
    return nullptr;
  }
  return give_rows<i64>(
      *battle, of, [column](const world::TableBase& rows, u32 slot) { return rows.value(column, slot); });
}

const std::byte* drumline_events(DrumlineBattle* battle) {
  constexpr std::size_t kEventBytes = 48;
  battle->result.resize(battle->events.size() * kEventBytes);
  ByteWriter out(battle->result);
  for (const world::Event& event : battle->events) {
    out.write(u64{event.kind});
    out.write(event.source.value);
    out.write(event.target.value);
    out.write(event.x.raw);
    out.write(event.y.raw);
    out.write(event.a);
    out.write(event.b);
  }
  return battle->result.data();
}

}  // namespace drumline

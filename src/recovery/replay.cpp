#include <fmt/format.h>

#include "recovery/describe.hpp"
#include "recovery/print.hpp"

namespace drumline::recovery {
namespace {

std::string value_text(world::FieldType type, i64 value) {
  if (type == world::FieldType::fixed) return fmt::format("{:.5f}", static_cast<double>(value) / 65536.0);
  if (type == world::FieldType::u64) return std::to_string(static_cast<u64>(value));
  return std::to_string(value);
}

void print_state(const world::World& world, bool json, const LineSink& sink) {
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const world::TableBase& table = world.table(i);
    if (!json)
      sink(fmt::format("table {}: {} of {} rows", table.name(), table.live_count(), table.capacity()));
    table.for_each([&](u32 slot) {
      Json row{{"table", table.name()}, {"slot", slot}, {"entity", hex(table.id_of(slot).value)}};
      std::string text = fmt::format("  [{}] generation {}", slot, table.generations()[slot]);
      for (std::size_t column = 0; column < table.column_count(); ++column) {
        const world::FieldDescription& field = table.fields()[column];
        const std::string value = value_text(field.type, table.value(column, slot));
        if (json)
          row["fields"][std::string(field.name)] = value;
        else
          text += fmt::format(" {} {}", field.name, value);
      }
      sink(json ? json_line(row) : text);
    });
  }
}

void print_events(const battle::TickOutcome& outcome, std::span<const std::string_view> names, bool json,
                  const LineSink& sink) {
  for (const world::Event& event : outcome.events) {
    const std::string name =
        event.kind < names.size() ? std::string(names[event.kind]) : std::to_string(event.kind);
    if (json) {
      sink(json_line(Json{{"tick", outcome.tick},
                          {"event", name},
                          {"source", hex(event.source.value)},
                          {"target", hex(event.target.value)},
                          {"x", value_text(world::FieldType::fixed, event.x.raw)},
                          {"y", value_text(world::FieldType::fixed, event.y.raw)},
                          {"a", event.a},
                          {"b", event.b}}));
    } else {
      sink(fmt::format("tick {}  {}  source {}  target {}  at {} {}  a {}  b {}", outcome.tick, name,
                       hex(event.source.value), hex(event.target.value),
                       value_text(world::FieldType::fixed, event.x.raw),
                       value_text(world::FieldType::fixed, event.y.raw), event.a, event.b));
    }
  }
}

void print_hash(const battle::TickOutcome& outcome, bool equal, bool json, const LineSink& sink) {
  if (json) {
    sink(json_line(Json{{"tick", outcome.tick},
                        {"state_hash", hex(outcome.state_hash)},
                        {"inputs", outcome.accepted.size()},
                        {"equal", equal}}));
  } else {
    sink(fmt::format("tick {}  hash {}  inputs {}  {}", outcome.tick, hex(outcome.state_hash),
                     outcome.accepted.size(), equal ? "equal" : "DIFFERENT"));
  }
}

}  // namespace

Result<ReplayResult> replay_battle(env::FileSystem& files, const std::string& data, const GameLookup& lookup,
                                   const ReplayOptions& options, const LineSink& sink) {
  const snapshot::SnapshotStore store(files, snapshot_folder(data));
  auto opened = journal::Reader::open(files, journal_folder(data));
  if (!opened) return std::move(opened).error();
  // The state of a tick is soonest reached from the last snapshot before it.
  const bool state = options.print == ReplayPrint::state;
  const Begin begin = state && options.to_tick != 0 ? Begin::newest : Begin::oldest;
  const Tick last = options.to_tick == 0 ? ~Tick{0} : options.to_tick;
  BattleReplay replay(options.battle, lookup, store, begin, last);
  const world::Game* game = nullptr;
  bool seen = false;
  for (;;) {
    auto next = (*opened)->next();
    if (!next) return std::move(next).error();
    if (*next == nullptr) break;
    const journal::Record& record = **next;
    if (record.info.battle != options.battle) continue;
    seen = true;
    if (record.info.tick > last) break;
    const auto outcome = replay.feed(record);
    if (outcome) {
      if (game == nullptr) game = lookup(replay.battle()->info().game);
      if (options.print == ReplayPrint::hash) print_hash(*outcome, !replay.failure(), options.json, sink);
      if (options.print == ReplayPrint::events)
        print_events(*outcome, game->event_names(), options.json, sink);
    }
    if (replay.failure()) return Error(*replay.failure());
  }
  replay.end();
  if (replay.failure()) return Error(*replay.failure());
  if (!seen) {
    return Error{ErrorCode::not_found,
                 fmt::format("there is no battle {} in {}", options.battle.value, data)};
  }
  DRUM_ASSERT(replay.battle() != nullptr);
  const battle::Battle& battle = *replay.battle();
  if (options.to_tick != 0 && battle.tick() != options.to_tick) {
    return Error{ErrorCode::not_found,
                 fmt::format("battle {} cannot be shown at tick {}: the journal leads to tick {}",
                             options.battle.value, options.to_tick, battle.tick())};
  }
  if (state) {
    if (options.json) {
      sink(json_line(Json{{"battle", options.battle.value},
                          {"game", battle.info().game},
                          {"tick", battle.tick()},
                          {"state_hash", hex(battle.state_hash())}}));
    } else {
      sink(fmt::format("battle {}  game {}  tick {}  hash {}", options.battle.value, battle.info().game,
                       battle.tick(), hex(battle.state_hash())));
    }
    print_state(battle.world(), options.json, sink);
  }
  return ReplayResult{battle.tick(), battle.state_hash(), true};
}

}  // namespace drumline::recovery

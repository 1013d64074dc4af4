#include <algorithm>

#include <fmt/format.h>

#include "recording/writer.hpp"
#include "recovery/describe.hpp"
#include "recovery/folder_history.hpp"
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

void print_hash(const battle::TickOutcome& outcome, std::optional<bool> equal, bool json,
                const LineSink& sink) {
  if (json) {
    Json line{
        {"tick", outcome.tick}, {"state_hash", hex(outcome.state_hash)}, {"inputs", outcome.accepted.size()}};
    if (equal) line["equal"] = *equal;
    sink(json_line(line));
  } else {
    sink(fmt::format("tick {}  hash {}  inputs {}  {}", outcome.tick, hex(outcome.state_hash),
                     outcome.accepted.size(),
                     !equal   ? "past the recorded end"
                     : *equal ? "equal"
                              : "DIFFERENT"));
  }
}

void print_words(const char* kind, const std::string& words, bool json, const LineSink& sink) {
  sink(json ? json_line(Json{{kind, words}}) : fmt::format("{}: {}", kind, words));
}

/// Prints what a run's ticks and its end are like.
class Printer {
 public:
  Printer(const world::Game& game, const ReplayOptions& options, const LineSink& sink)
      : game_(game), options_(options), sink_(sink) {}

  void tick(const battle::TickOutcome& outcome, std::optional<bool> equal) const {
    if (options_.print == ReplayPrint::hash) print_hash(outcome, equal, options_.json, sink_);
    if (options_.print == ReplayPrint::events)
      print_events(outcome, game_.event_names(), options_.json, sink_);
  }

  void end(const battle::Battle& battle) const {
    if (options_.print != ReplayPrint::state) return;
    if (options_.json) {
      sink_(json_line(Json{{"battle", battle.info().id.value},
                           {"game", battle.info().game},
                           {"tick", battle.tick()},
                           {"state_hash", hex(battle.state_hash())}}));
    } else {
      sink_(fmt::format("battle {}  game {}  tick {}  hash {}", battle.info().id.value, battle.info().game,
                        battle.tick(), hex(battle.state_hash())));
    }
    print_state(battle.world(), options_.json, sink_);
  }

 private:
  const world::Game& game_;
  const ReplayOptions& options_;
  const LineSink& sink_;
};

Result<ReplayResult> play(recording::History& history, const world::Game& game, const ReplayOptions& options,
                          const LineSink& sink) {
  const Printer printer(game, options, sink);
  recording::Player player(history, game);
  const Tick last = options.to_tick == 0 ? history.last_tick() : options.to_tick;
  // The state of a tick is soonest reached from the last one kept before it.
  const bool state_only = options.print == ReplayPrint::state && options.from_tick == 0;
  const Tick from = std::max(options.from_tick, history.first_tick());
  if (auto sought = player.seek(state_only ? last : from); !sought) return std::move(sought).error();
  if (last < player.battle()->tick() || last > history.last_tick()) return player.seek(last).error();
  for (const Error& error : player.passed_over()) print_words("note", error.message, options.json, sink);
  if (player.difference() && !options.force) return Error(*player.difference());
  while (player.battle()->tick() < last) {
    auto played = player.next();
    if (!played) return std::move(played).error();
    printer.tick(played->outcome, !played->difference);
    if (played->difference && !options.force) return std::move(*played->difference);
  }
  printer.end(*player.battle());
  if (player.difference()) print_words("first difference", player.difference()->message, options.json, sink);
  return ReplayResult{player.battle()->tick(), player.battle()->state_hash(), !player.difference()};
}

Result<ReplayResult> play_fork(env::FileSystem& files, recording::History& history, const world::Game& game,
                               const ReplayOptions& options, const LineSink& sink) {
  const Printer printer(game, options, sink);
  const InputChanges& changes = *options.changes;
  const Tick from = std::max(options.from_tick, history.first_tick());
  auto fork = Fork::begin(history, game, changes, from);
  if (!fork) return std::move(fork).error();
  std::unique_ptr<recording::RecordingWriter> writer;
  if (!options.out.empty()) {
    auto begun = recording::RecordingWriter::begin(files, options.out, (*fork)->battle());
    if (!begun) return std::move(begun).error();
    writer = std::move(begun).value();
  }
  const Tick last =
      options.to_tick == 0 ? std::max(history.last_tick(), changes.last_added()) : options.to_tick;
  u64 added = 0;
  u64 left_out = 0;
  u64 refused = 0;
  Tick first_changed = 0;
  while ((*fork)->battle().tick() < last) {
    auto forked = (*fork)->next();
    if (!forked) return std::move(forked).error();
    const battle::TickOutcome& outcome = forked->outcome;
    const auto equal =
        forked->recorded_hash ? std::optional(*forked->recorded_hash == outcome.state_hash) : std::nullopt;
    printer.tick(outcome, equal);
    for (const battle::RefusedInput& input : outcome.refused) {
      print_words("refused",
                  fmt::format("tick {}: {}: {}", outcome.tick, input_text(input.input),
                              (*fork)->battle().rules().refusal_name(input.refusal)),
                  options.json, sink);
    }
    added += forked->added;
    left_out += forked->left_out;
    refused += outcome.refused.size();
    if (first_changed == 0 && equal == false) first_changed = outcome.tick;
    if (writer == nullptr) continue;
    if (auto done = writer->add((*fork)->battle(), outcome); !done) return std::move(done).error();
  }
  if (writer != nullptr) {
    if (auto done = writer->finish(); !done) return std::move(done).error();
  }
  const battle::Battle& battle = (*fork)->battle();
  printer.end(battle);
  if (options.json) {
    sink(json_line(Json{{"forked_from", from},
                        {"tick", battle.tick()},
                        {"state_hash", hex(battle.state_hash())},
                        {"added", added},
                        {"left_out", left_out},
                        {"refused", refused},
                        {"first_changed_tick", first_changed}}));
  } else {
    sink(fmt::format("forked from tick {}: {} inputs added, {} left out, {} refused; {}", from, added,
                     left_out, refused,
                     first_changed == 0 ? std::string("every tick as recorded")
                                        : fmt::format("other than recorded from tick {} on", first_changed)));
  }
  return ReplayResult{battle.tick(), battle.state_hash(), first_changed == 0};
}

}  // namespace

Result<ReplayResult> replay_battle(env::FileSystem& files, const std::string& path, const GameLookup& lookup,
                                   const ReplayOptions& options, const LineSink& sink) {
  auto history = open_history(files, path, options.battle);
  if (!history) return std::move(history).error();
  const world::Game* game = lookup((*history)->info().game);
  if (game == nullptr) return unknown_game((*history)->info());
  std::vector<std::string> notes;
  if (auto checked = recording::check_origin(**history, options.force, notes); !checked)
    return std::move(checked).error();
  for (const std::string& note : notes) print_words("note", note, options.json, sink);
  for (const recording::Damage& damage : (*history)->damage()) {
    print_words("damage", fmt::format("{}, offset {}: {}", path, damage.offset, damage.what), options.json,
                sink);
  }
  return options.changes == nullptr ? play(**history, *game, options, sink)
                                    : play_fork(files, **history, *game, options, sink);
}

}  // namespace drumline::recovery

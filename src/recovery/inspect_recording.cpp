#include <fmt/format.h>

#include "recording/reader.hpp"
#include "recovery/describe.hpp"
#include "recovery/print.hpp"
#include "world/snapshot.hpp"

namespace drumline::recovery {
namespace {

class RecordingInspector {
 public:
  RecordingInspector(const std::string& path, bool json, const LineSink& sink)
      : path_(path), json_(json), sink_(sink) {}

  void damage(u64 offset, const std::string& what) {
    ++result_.damage;
    if (json_)
      sink_(json_line(Json{{"damage", what}, {"offset", offset}, {"file", path_}}));
    else
      sink_(fmt::format("{:>10}  DAMAGE: {}", offset, what));
  }

  void header(const recording::RecordingReader& reader) {
    const recording::RecordingHeader& header = reader.header();
    const battle::BattleInfo& info = reader.info();
    print(Json{{"recording", path_},
               {"bytes", reader.file_bytes()},
               {"battle", header.battle.value},
               {"epoch", header.epoch.value},
               {"game", info.game},
               {"simulation", header.simulation},
               {"build", header.build},
               {"created_by_build", info.build},
               {"seed", info.seed},
               {"max_players", info.max_players},
               {"rules_hash", hex(info.rules_hash())},
               {"rules_bytes", info.rules_document.size()},
               {"state_hash_version", header.hash_version},
               {"first_tick", header.first_tick},
               {"last_tick", reader.last_tick()},
               {"snapshot_every", header.snapshot_every},
               {"snapshots", reader.stored_ticks().size()},
               {"complete", reader.complete()}});
  }

  void block(const recording::Block& block, const recording::RecordingHeader& header) {
    ++result_.records;
    using recording::BlockKind;
    if (block.kind == BlockKind::tick || block.kind == BlockKind::battle) {
      // As the journal holds it, so it is shown alike.
      journal::Record record;
      record.info = {
          block.kind == BlockKind::tick ? journal::RecordKind::tick : journal::RecordKind::battle_created,
          header.battle, header.epoch, block.tick};
      record.offset = block.offset;
      record.payload = block.payload;
      std::string payload_error;
      if (json_) {
        Json json = record_json(record, payload_error);
        for (const char* chained : {"write_offset", "previous_hash", "hash"}) json.erase(chained);
        sink_(json_line(json));
      } else {
        sink_(record_text(record, payload_error));
      }
      if (!payload_error.empty()) damage(block.offset, payload_error);
      return;
    }
    Json json{{"offset", block.offset},
              {"kind", recording::block_kind_name(block.kind)},
              {"tick", block.tick},
              {"payload_bytes", block.payload.size()}};
    std::string wrong;
    if (block.kind == BlockKind::snapshot) {
      const auto state = world::read_snapshot(block.payload);
      if (state) {
        json["state_hash"] = hex(state->hash);
        json["tables"] = state->tables.size();
      }
      if (!state) wrong = state.error().message;
    } else {
      const auto index = recording::decode_index(block.payload);
      if (index) json["snapshots"] = index->snapshots.size();
      if (!index) wrong = index.error().message;
    }
    if (json_) {
      sink_(json_line(json));
    } else {
      std::string line = fmt::format("{:>10}  {:<15}", block.offset, recording::block_kind_name(block.kind));
      for (const char* key : {"tick", "payload_bytes", "state_hash", "tables", "snapshots"}) {
        if (json.contains(key)) line += fmt::format("  {} {}", key, plain(json[key]));
      }
      sink_(line);
    }
    if (!wrong.empty()) damage(block.offset, wrong);
  }

  InspectResult end() {
    if (json_) {
      sink_(json_line(Json{{"blocks", result_.records}, {"damaged_places", result_.damage}}));
    } else {
      sink_(fmt::format(
          "{} blocks, {}", result_.records,
          result_.damage == 0 ? "no damage found" : fmt::format("{} places damaged", result_.damage)));
    }
    return result_;
  }

 private:
  static std::string plain(const Json& value) {
    return value.is_string() ? value.get<std::string>() : json_line(value);
  }
  void print(const Json& json) {
    if (json_) return sink_(json_line(json));
    std::string line;
    for (const auto& [key, value] : json.items())
      line += fmt::format("{}{} {}", line.empty() ? "" : "  ", key, plain(value));
    sink_(line);
  }

  const std::string& path_;
  bool json_;
  const LineSink& sink_;
  InspectResult result_;
};

}  // namespace

Result<InspectResult> inspect_recording(env::FileSystem& files, const std::string& path, bool json,
                                        const LineSink& sink) {
  RecordingInspector inspector(path, json, sink);
  auto reader = recording::RecordingReader::open(files, path);
  if (!reader) {
    if (reader.error().code != ErrorCode::corrupt && reader.error().code != ErrorCode::malformed &&
        reader.error().code != ErrorCode::mismatch) {
      return std::move(reader).error();
    }
    inspector.damage(0, reader.error().message);
    return inspector.end();
  }
  inspector.header(**reader);
  const recording::RecordingHeader& header = (*reader)->header();
  u64 blocks_end = 0;
  auto visited =
      (*reader)->for_each_block([&](const recording::Block& block) { inspector.block(block, header); },
                                [&](const recording::Damage& damage) {
                                  blocks_end = std::max(blocks_end, damage.offset + 1);
                                  inspector.damage(damage.offset, damage.what);
                                });
  if (!visited) return std::move(visited).error();
  // What opening it found and the blocks did not show: at its end, in its index.
  for (const recording::Damage& damage : (*reader)->damage()) {
    if (damage.offset >= blocks_end) inspector.damage(damage.offset, damage.what);
  }
  return inspector.end();
}

}  // namespace drumline::recovery

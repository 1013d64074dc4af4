#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "battle/journal_records.hpp"
#include "recording/format.hpp"
#include "recovery/describe.hpp"
#include "recovery/print.hpp"
#include "world/snapshot.hpp"

namespace drumline::recovery {
namespace {

constexpr u64 kMaxInspectBytes = journal::kMaxSegmentBytes;

class Inspector {
 public:
  Inspector(const std::string& path, bool json, const LineSink& sink)
      : path_(path), json_(json), sink_(sink) {}

  void segment(Bytes bytes);
  void snapshot(Bytes bytes, const Result<snapshot::Snapshot>& read);
  const InspectResult& result() const { return result_; }

 private:
  void damage(u64 offset, const std::string& what);
  void header(const journal::SegmentHeader& header);
  void record(const journal::Record& record, u64 expected_hash);

  const std::string& path_;
  bool json_;
  const LineSink& sink_;
  InspectResult result_;
};

void Inspector::damage(u64 offset, const std::string& what) {
  ++result_.damage;
  if (json_)
    sink_(json_line(Json{{"damage", what}, {"offset", offset}, {"file", path_}}));
  else
    sink_(fmt::format("{:>10}  DAMAGE: {}", offset, what));
}

void Inspector::header(const journal::SegmentHeader& header) {
  if (json_) {
    sink_(json_line(Json{{"segment", header.number},
                         {"journal_id", hex(header.journal_id)},
                         {"segment_bytes", header.segment_bytes},
                         {"created_wall_ns", header.created_wall_ns},
                         {"previous_hash", hex(header.previous_hash)},
                         {"previous_end", header.previous_end}}));
  } else {
    sink_(fmt::format("segment {}  journal {}  {} bytes  made {} s after 1970  follows {} at offset {}",
                      header.number, hex(header.journal_id), header.segment_bytes,
                      header.created_wall_ns / kSecondNs, hex(header.previous_hash), header.previous_end));
  }
}

void Inspector::record(const journal::Record& record, u64 expected_hash) {
  ++result_.records;
  std::string payload_error;
  sink_(json_ ? json_line(record_json(record, payload_error)) : record_text(record, payload_error));
  if (!payload_error.empty()) damage(record.offset, payload_error);
  if (record.previous_hash != expected_hash) {
    damage(record.offset, fmt::format("the chain is broken: it follows {}, the record before it is {}",
                                      hex(record.previous_hash), hex(expected_hash)));
  }
}

void Inspector::segment(Bytes bytes) {
  u32 number = 0;
  u64 hash = 0;
  bool know_hash = false;
  if (auto decoded = journal::decode_segment_header(bytes); decoded) {
    header(*decoded);
    number = decoded->number;
    hash = decoded->previous_hash;
    know_hash = true;
    if (decoded->segment_bytes != bytes.size()) {
      damage(bytes.size(),
             fmt::format("the file ends here; its header says {} bytes", decoded->segment_bytes));
    }
  } else {
    damage(0, decoded.error().message);
    const auto slash = path_.find_last_of('/');
    const auto named = journal::parse_segment_name(path_.substr(slash == std::string::npos ? 0 : slash + 1));
    number = named.value_or(0);
  }
  u64 at = journal::kSegmentHeaderBytes;
  bool lost = false;  ///< looking for the next valid record after damage
  while (at + journal::kRecordHeaderBytes <= bytes.size()) {
    std::string why;
    const auto found = journal::parse_record(bytes.subspan(at), number, at, &why);
    if (found) {
      record(*found, know_hash && !lost ? hash : found->previous_hash);
      hash = found->hash;
      know_hash = true;
      lost = false;
      at += journal::record_bytes(found->payload.size());
      continue;
    }
    if (!lost) {
      const Bytes rest = bytes.subspan(at);
      if (std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; })) break;
      damage(at, why);
      lost = true;
    }
    at += journal::kRecordAlignment;
  }
  const std::string verdict =
      result_.damage == 0 ? "no damage found" : fmt::format("{} places damaged", result_.damage);
  if (json_) {
    sink_(json_line(Json{{"records", result_.records}, {"damaged_places", result_.damage}, {"end", at}}));
  } else {
    sink_(fmt::format("{} records, end at offset {}, {}", result_.records, std::min<u64>(at, bytes.size()),
                      verdict));
  }
}

void Inspector::snapshot(Bytes bytes, const Result<snapshot::Snapshot>& read) {
  if (!read) return damage(0, read.error().message);
  const snapshot::SnapshotHeader& header = read->header;
  const auto created = battle::decode_created(read->info(), header.battle, header.epoch);
  const auto state = world::read_snapshot(read->content());
  Json json{{"snapshot", path_},
            {"battle", header.battle.value},
            {"epoch", header.epoch.value},
            {"tick", header.tick},
            {"state_hash", hex(header.state_hash)},
            {"content_hash", hex(header.content_hash)},
            {"bytes", bytes.size()}};
  if (created) {
    json["game"] = created->info.game;
    json["build"] = created->info.build;
    json["seed"] = created->info.seed;
    json["max_players"] = created->info.max_players;
    json["rules_hash"] = hex(created->info.rules_hash());
  }
  if (json_) {
    sink_(json_line(json));
  } else {
    std::string line;
    for (const auto& [key, value] : json.items()) {
      line += fmt::format("{}{} {}", line.empty() ? "" : "  ", key,
                          value.is_string() ? value.get<std::string>() : json_line(value));
    }
    sink_(line);
  }
  if (!created) damage(snapshot::kSnapshotHeaderBytes, created.error().message);
  if (!state) return damage(snapshot::kSnapshotHeaderBytes + header.info_bytes, state.error().message);
  for (const auto& table : state->tables) {
    ++result_.records;
    if (json_) {
      Json line{{"table", table.name}, {"capacity", table.capacity}, {"used", table.used}};
      for (const auto& column : table.columns) {
        line["fields"][std::string(column.name)] = world::field_type_name(column.type);
      }
      sink_(json_line(line));
    } else {
      std::string line =
          fmt::format("  table {}: {} of {} slots used, fields", table.name, table.used, table.capacity);
      for (const auto& column : table.columns) {
        line += fmt::format(" {}:{}", column.name, world::field_type_name(column.type));
      }
      sink_(line);
    }
  }
  if (state->tick != header.tick || state->hash != header.state_hash) {
    damage(0, fmt::format("the state inside is of tick {} with hash {}", state->tick, hex(state->hash)));
  }
}

}  // namespace

Result<InspectResult> inspect(env::FileSystem& files, const std::string& path, bool json,
                              const LineSink& sink) {
  auto file = files.open(path, env::OpenMode::read);
  if (!file) return std::move(file).error();
  std::array<std::byte, 8> first{};
  const auto read = (*file)->read_at(0, first);
  if (!read) return read.error();
  if (as_text(Bytes(first).first(*read)) == recording::kRecordingMagic ||
      path.ends_with(recording::kRecordingSuffix)) {
    return inspect_recording(files, path, json, sink);
  }
  auto bytes = env::read_file(files, path, kMaxInspectBytes);
  if (!bytes) return std::move(bytes).error();
  const std::string_view magic = as_text(Bytes(*bytes).first(std::min<std::size_t>(8, bytes->size())));
  Inspector inspector(path, json, sink);
  if (magic == "DRUMSNP1" || path.ends_with(".snap")) {
    inspector.snapshot(*bytes, snapshot::read_snapshot_file(files, path));
  } else if (magic == "DRUMSEG1" || path.ends_with(".seg")) {
    inspector.segment(*bytes);
  } else {
    return Error{ErrorCode::invalid_argument,
                 path + " is no journal segment (NNNNNNNN.seg), snapshot (….snap) or recording (….drec)"};
  }
  return inspector.result();
}

}  // namespace drumline::recovery

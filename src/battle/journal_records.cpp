#include "battle/journal_records.hpp"

#include <algorithm>

#include "base/hex.hpp"

namespace drumline::battle {
namespace {

constexpr u16 kCreatedVersion = 1;
constexpr std::size_t kMaxTextBytes = 64 * 1024;
constexpr std::size_t kMaxRulesBytes = 4 * 1024 * 1024;
constexpr std::size_t kMaxNameBytes = 255;

void write_text(std::string_view text, ByteWriter& out) {
  out.write(static_cast<u32>(text.size()));
  out.write_bytes(as_bytes(text));
}

std::string read_text(ByteReader& in, std::size_t largest) {
  const u32 size = in.read<u32>();
  if (size > largest) in.fail();
  return std::string(as_text(in.read_bytes(size)));
}

Error does_not_parse(const char* what) {
  return {ErrorCode::malformed, std::string("a ") + what + " record does not parse"};
}

}  // namespace

std::vector<std::byte> encode_created(const CreatedRecord& record) {
  const BattleInfo& info = record.info;
  std::vector<std::byte> out(48 + info.game.size() + info.build.size() + info.rules_document.size());
  ByteWriter writer(out);
  writer.write(kCreatedVersion);
  writer.write(static_cast<u8>(info.sync.model));
  writer.write(info.sync.send_period_ticks);
  writer.write(info.max_players);
  writer.write(info.max_commands_per_tick);
  writer.write(info.seed);
  writer.write(record.state_hash);
  writer.write(info.rules_hash());
  write_text(info.game, writer);
  write_text(info.build, writer);
  write_text(info.rules_document, writer);
  DRUM_ASSERT(writer.ok());
  out.resize(writer.size());
  return out;
}

Result<CreatedRecord> decode_created(Bytes payload, BattleId id, Epoch epoch) {
  ByteReader in(payload);
  CreatedRecord record;
  const u16 version = in.read<u16>();
  if (in.ok() && version != kCreatedVersion) {
    return Error{ErrorCode::mismatch, "a battle_created record of version " + std::to_string(version) +
                                          ": this build reads version 1"};
  }
  const u8 model = in.read<u8>();
  const u8 send_period_ticks = in.read<u8>();
  record.info.id = id;
  record.info.epoch = epoch;
  record.info.max_players = in.read<u32>();
  record.info.max_commands_per_tick = in.read<u32>();
  record.info.seed = in.read<u64>();
  record.state_hash = in.read<u64>();
  const u64 rules_hash = in.read<u64>();
  record.info.game = read_text(in, kMaxNameBytes);
  record.info.build = read_text(in, kMaxNameBytes);
  record.info.rules_document = read_text(in, kMaxRulesBytes);
  if (!in.ok() || !in.at_end() || model >= world::kSyncModels ||
      send_period_ticks > world::kMaxSendPeriodTicks) {
    return does_not_parse("battle_created");
  }
  record.info.sync.model = static_cast<world::SyncModel>(model);
  // 0 is what battles have that were created before there was a choice.
  record.info.sync.send_period_ticks = std::max<u8>(send_period_ticks, 1);
  if (rules_hash != record.info.rules_hash()) {
    return Error{ErrorCode::corrupt,
                 "a battle_created record's rules document does not have the hash it names"};
  }
  return record;
}

void encode_tick(u64 state_hash, u16 flags, std::span<const Input> inputs, ByteWriter& out) {
  out.write(state_hash);
  out.write(flags);
  out.write(static_cast<u32>(inputs.size()));
  for (const Input& input : inputs) encode_input(input, out);
}

Result<void> decode_tick(Bytes payload, TickRecord& out) {
  ByteReader in(payload);
  out.state_hash = in.read<u64>();
  out.flags = in.read<u16>();
  const u32 count = in.read<u32>();
  out.inputs.clear();
  // The least that an input takes, so that a count cannot ask for memory that is not there.
  if (!in.ok() || count > in.remaining() / 2) return does_not_parse("tick");
  if (auto inputs = decode_inputs(in, count, out.inputs); !inputs) return inputs;
  if (!in.at_end()) return does_not_parse("tick");
  return {};
}

std::string tick_name(BattleId battle, Tick tick) {
  return "battle " + std::to_string(battle.value) + ", tick " + std::to_string(tick);
}

std::optional<Error> compare_tick(const Battle& battle, const TickRecord& recorded,
                                  const TickOutcome& outcome) {
  const std::string where = tick_name(battle.info().id, outcome.tick) + ": ";
  const std::size_t wanted = recorded.inputs.size();
  if (outcome.accepted.size() != wanted) {
    const std::string why = outcome.refused.empty()
                                ? std::string("a sequence seen before")
                                : std::string(battle.rules().refusal_name(outcome.refused.front().refusal));
    return Error{ErrorCode::mismatch, where + std::to_string(wanted - outcome.accepted.size()) + " of " +
                                          std::to_string(wanted) +
                                          " recorded inputs are refused now, the first for: " + why};
  }
  if (outcome.state_hash != recorded.state_hash) {
    return Error{ErrorCode::mismatch, where + "the state hash is 0x" + to_hex(outcome.state_hash) +
                                          ", recorded is 0x" + to_hex(recorded.state_hash)};
  }
  return std::nullopt;
}

void encode_snapshot_taken(const SnapshotRecord& record, ByteWriter& out) {
  out.write(record.state_hash);
  out.write(record.content_hash);
  write_text(record.file, out);
}

Result<SnapshotRecord> decode_snapshot_taken(Bytes payload) {
  ByteReader in(payload);
  SnapshotRecord record;
  record.state_hash = in.read<u64>();
  record.content_hash = in.read<u64>();
  record.file = read_text(in, kMaxNameBytes);
  if (!in.ok() || !in.at_end()) return does_not_parse("snapshot_taken");
  return record;
}

void encode_inline_snapshot(const InlineSnapshot& snapshot, ByteWriter& out) {
  out.write(static_cast<u32>(snapshot.info.size()));
  out.write_bytes(snapshot.info);
  out.write_bytes(snapshot.content);
}

Result<InlineSnapshot> decode_inline_snapshot(Bytes payload) {
  ByteReader in(payload);
  InlineSnapshot snapshot;
  snapshot.info = in.read_bytes(in.read<u32>());
  snapshot.content = in.read_bytes(in.remaining());
  if (!in.ok() || snapshot.info.empty() || snapshot.content.empty()) return does_not_parse("snapshot");
  return snapshot;
}

std::vector<std::byte> encode_failed(std::string_view reason, std::span<const Input> inputs) {
  reason = reason.substr(0, kMaxTextBytes);
  std::vector<std::byte> out(sizeof(u32) + reason.size() + max_tick_bytes(inputs.size()));
  ByteWriter writer(out);
  write_text(reason, writer);
  encode_tick(0, 0, inputs, writer);
  DRUM_ASSERT(writer.ok());
  out.resize(writer.size());
  return out;
}

Result<FailedRecord> decode_failed(Bytes payload) {
  ByteReader in(payload);
  FailedRecord record;
  record.reason = read_text(in, kMaxTextBytes);
  if (!in.ok()) return does_not_parse("battle_failed");
  if (auto tick = decode_tick(in.read_bytes(in.remaining()), record.tick); !tick)
    return std::move(tick).error();
  return record;
}

std::vector<std::byte> encode_text(std::string_view text) {
  const Bytes bytes = as_bytes(text.substr(0, kMaxTextBytes));
  return {bytes.begin(), bytes.end()};
}

Result<std::string> decode_text(Bytes payload) {
  if (payload.size() > kMaxTextBytes) return does_not_parse("text");
  return std::string(as_text(payload));
}

}  // namespace drumline::battle

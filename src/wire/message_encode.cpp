#include "wire/frame.hpp"
#include "wire/generated/client_message_generated.h"
#include "wire/generated/server_message_generated.h"
#include "wire/messages.hpp"

namespace drumline::wire {
namespace {

using Builder = flatbuffers::FlatBufferBuilder;
template <class T>
using Offset = flatbuffers::Offset<T>;
using TextOffset = Offset<flatbuffers::String>;
using BytesOffset = Offset<flatbuffers::Vector<u8>>;

TextOffset put_text(Builder& builder, const std::string& text, std::size_t limit) {
  DRUM_ASSERT(text.size() <= limit);
  return text.empty() ? TextOffset{} : builder.CreateString(text);
}

BytesOffset put_bytes(Builder& builder, const std::vector<std::byte>& bytes, std::size_t limit) {
  DRUM_ASSERT(bytes.size() <= limit);
  return bytes.empty() ? BytesOffset{}
                       : builder.CreateVector(reinterpret_cast<const u8*>(bytes.data()), bytes.size());
}

void append_frame(const Builder& builder, std::vector<std::byte>& out) {
  encode_frame(Bytes(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize()), out);
}

// One put() a message: builds its table and says which union member it is.

fb::ClientBody put(Builder& b, const Hello& m, Offset<void>& body) {
  const auto game = put_text(b, m.game, kMaxGameNameBytes);
  const auto name = put_text(b, m.name, kMaxNameBytes);
  const auto token = put_bytes(b, m.reconnect_token, kMaxTokenBytes);
  const auto simulation = put_text(b, m.simulation_id, kMaxGameNameBytes);
  body = fb::CreateHello(b, m.protocol, game, m.battle.value, name, static_cast<fb::SeatKind>(m.seat), token,
                         m.model ? static_cast<u8>(*m.model) : u8{255}, simulation, m.rules_hash,
                         m.keeps_session, m.follow.value)
             .Union();
  return fb::ClientBody::Hello;
}

fb::ClientBody put(Builder& b, const Leave&, Offset<void>& body) {
  body = fb::CreateLeave(b).Union();
  return fb::ClientBody::Leave;
}

fb::ClientBody put(Builder& b, const Ping& m, Offset<void>& body) {
  body = fb::CreatePing(b, m.nonce).Union();
  return fb::ClientBody::Ping;
}

fb::ClientBody put(Builder& b, const Desync& m, Offset<void>& body) {
  body = fb::CreateDesync(b, m.tick, m.hash, m.expected).Union();
  return fb::ClientBody::Desync;
}

fb::ClientBody put(Builder& b, const StatePart& m, Offset<void>& body) {
  const auto bytes = put_bytes(b, m.bytes, kMaxPartBytes);
  body = fb::CreateStatePart(b, m.tick, m.total_bytes, m.offset, bytes).Union();
  return fb::ClientBody::StatePart;
}

Offset<fb::TableSchema> put_table(Builder& b, const TableSchema& table) {
  DRUM_ASSERT(table.fields.size() <= kMaxSchemaFields);
  std::vector<Offset<fb::WireFieldSchema>> fields;
  for (const FieldSchema& f : table.fields) {
    const auto name = put_text(b, f.name, kMaxGameNameBytes);
    fields.push_back(fb::CreateWireFieldSchema(b, name, f.bits, f.shift, f.is_signed, f.is_fixed,
                                               static_cast<u8>(f.role)));
  }
  const auto name = put_text(b, table.name, kMaxGameNameBytes);
  return fb::CreateTableSchema(b, table.index, name, b.CreateVector(fields));
}

fb::ServerBody put(Builder& b, const Welcome& m, Offset<void>& body) {
  DRUM_ASSERT(m.schema.size() <= kMaxSchemaTables && m.event_names.size() <= kMaxEventNames);
  std::vector<Offset<fb::TableSchema>> tables;
  for (const TableSchema& table : m.schema) tables.push_back(put_table(b, table));
  std::vector<TextOffset> names;
  for (const std::string& name : m.event_names) {
    DRUM_ASSERT(name.size() <= kMaxGameNameBytes);
    names.push_back(b.CreateString(name));
  }
  const auto game = put_text(b, m.game, kMaxGameNameBytes);
  const auto build_id = put_text(b, m.build_id, kMaxGameNameBytes);
  const auto map = put_bytes(b, m.map_description, kMaxMapDescriptionBytes);
  const auto schema = b.CreateVector(tables);
  const auto events = b.CreateVector(names);
  const auto token = put_bytes(b, m.reconnect_token, kMaxTokenBytes);
  const auto simulation = put_text(b, m.simulation_id, kMaxGameNameBytes);
  body = fb::CreateWelcome(b, m.protocol, m.session.value, m.battle.value, m.player.value, m.entity.value,
                           m.tick, m.tick_ns, m.resumed, game, build_id, m.map_width, m.map_height, map,
                           schema, events, token, static_cast<u8>(m.model), m.send_period_ticks, simulation,
                           m.rules_hash, m.visit, m.early)
             .Union();
  return fb::ServerBody::Welcome;
}

fb::ServerBody put(Builder& b, const Refused& m, Offset<void>& body) {
  const auto reason = put_text(b, m.reason, kMaxReasonBytes);
  body = fb::CreateRefused(b, m.code, reason, m.cmd_id, m.retry_after_ms).Union();
  return fb::ServerBody::Refused;
}

fb::ServerBody put(Builder& b, const Roster& m, Offset<void>& body) {
  DRUM_ASSERT(m.entries.size() <= kMaxRosterEntries);
  std::vector<Offset<fb::RosterEntry>> entries;
  entries.reserve(m.entries.size());
  for (const RosterEntry& entry : m.entries) {
    const auto name = put_text(b, entry.name, kMaxNameBytes);
    entries.push_back(fb::CreateRosterEntry(b, entry.player.value, entry.entity.value, name));
  }
  const auto list = b.CreateVector(entries);
  body = fb::CreateRoster(b, m.complete, list).Union();
  return fb::ServerBody::Roster;
}

fb::ServerBody put(Builder& b, const Scoreboard& m, Offset<void>& body) {
  DRUM_ASSERT(m.entries.size() <= kMaxScoreEntries);
  std::vector<Offset<fb::ScoreEntry>> entries;
  entries.reserve(m.entries.size());
  for (const ScoreEntry& entry : m.entries) {
    entries.push_back(fb::CreateScoreEntry(b, entry.player.value, entry.score));
  }
  const auto list = b.CreateVector(entries);
  body = fb::CreateScoreboard(b, m.tick, list).Union();
  return fb::ServerBody::Scoreboard;
}

fb::ServerBody put(Builder& b, const Pong& m, Offset<void>& body) {
  body = fb::CreatePong(b, m.nonce, m.tick).Union();
  return fb::ServerBody::Pong;
}

fb::ServerBody put(Builder& b, const Pace& m, Offset<void>& body) {
  body = fb::CreatePace(b, m.tick, m.percent).Union();
  return fb::ServerBody::Pace;
}

fb::ServerBody put(Builder& b, const Goodbye& m, Offset<void>& body) {
  const auto reason = put_text(b, m.reason, kMaxReasonBytes);
  body = fb::CreateGoodbye(b, m.code, reason, m.retry_after_ms).Union();
  return fb::ServerBody::Goodbye;
}

fb::ServerBody put(Builder& b, const SnapshotPart& m, Offset<void>& body) {
  const auto bytes = put_bytes(b, m.bytes, kMaxPartBytes);
  body =
      fb::CreateSnapshotPart(b, m.tick, m.state_hash, m.info_bytes, m.total_bytes, m.offset, bytes).Union();
  return fb::ServerBody::SnapshotPart;
}

fb::ServerBody put(Builder& b, const BattleOver& m, Offset<void>& body) {
  const auto reason = put_text(b, m.reason, kMaxReasonBytes);
  body = fb::CreateBattleOver(b, m.battle.value, m.visit, static_cast<u8>(m.cause), reason).Union();
  return fb::ServerBody::BattleOver;
}

fb::ServerBody put(Builder& b, const Ticks& m, Offset<void>& body) {
  const auto bytes = put_bytes(b, m.bytes, kMaxTicksBytes);
  body = fb::CreateTicks(b, m.first_tick, bytes).Union();
  return fb::ServerBody::Ticks;
}

}  // namespace

void encode_message(const ClientMessage& message, std::vector<std::byte>& out) {
  Builder builder(256);
  Offset<void> body;
  const auto kind = std::visit([&](const auto& m) { return put(builder, m, body); }, message);
  fb::FinishClientMessageBuffer(builder, fb::CreateClientMessage(builder, kind, body));
  append_frame(builder, out);
}

void encode_message(const ServerMessage& message, std::vector<std::byte>& out) {
  Builder builder(256);
  Offset<void> body;
  const auto kind = std::visit([&](const auto& m) { return put(builder, m, body); }, message);
  fb::FinishServerMessageBuffer(builder, fb::CreateServerMessage(builder, kind, body));
  append_frame(builder, out);
}

}  // namespace drumline::wire

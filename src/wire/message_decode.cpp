#include <cstring>

#include "wire/generated/client_message_generated.h"
#include "wire/generated/server_message_generated.h"
#include "wire/messages.hpp"

namespace drumline::wire {
namespace {

constexpr u32 kClientTables = 256;
constexpr u32 kServerTables = 4096;
constexpr u8 kModelOfBattle = 255;

flatbuffers::Verifier::Options verifier_limits(u32 max_tables) {
  flatbuffers::Verifier::Options options;
  options.max_depth = 16;
  options.max_tables = max_tables;
  return options;
}

/// A payload in memory that FlatBuffers may read where it lies: as it came, or a
/// copy when it came unaligned.
class Aligned {
 public:
  explicit Aligned(Bytes payload) : bytes_(payload) {
    if ((reinterpret_cast<std::uintptr_t>(payload.data()) & 7U) == 0) return;
    copy_.resize((payload.size() + 7) / 8);
    if (!payload.empty()) std::memcpy(copy_.data(), payload.data(), payload.size());
    bytes_ = Bytes(reinterpret_cast<const std::byte*>(copy_.data()), payload.size());
  }
  const u8* data() const { return reinterpret_cast<const u8*>(bytes_.data()); }
  std::size_t size() const { return bytes_.size(); }

 private:
  Bytes bytes_;
  std::vector<u64> copy_;
};

/// Takes fields out of a verified message and keeps the first that is wrong.
class Taker {
 public:
  explicit Taker(const char* message) : message_(message) {}

  std::string text(const char* field, const flatbuffers::String* in, std::size_t limit) {
    if (in == nullptr) return {};
    const std::string_view view(in->c_str(), in->size());
    if (in->size() > limit) {
      wrong(field, std::to_string(in->size()) + " bytes; at most " + std::to_string(limit) + " are allowed");
    } else if (!is_clean_text(view)) {
      wrong(field, "not clean UTF-8 text");
    } else {
      return std::string(view);
    }
    return {};
  }

  std::vector<std::byte> bytes(const char* field, const flatbuffers::Vector<u8>* in, std::size_t limit) {
    if (!count(field, in, limit)) return {};
    const auto* const begin = reinterpret_cast<const std::byte*>(in->data());
    return {begin, begin + in->size()};
  }

  /// True when the vector is there and within its limit.
  template <class T>
  bool count(const char* field, const flatbuffers::Vector<T>* in, std::size_t limit) {
    if (in == nullptr) return false;
    if (in->size() <= limit) return true;
    wrong(field, std::to_string(in->size()) + " entries; at most " + std::to_string(limit) + " are allowed");
    return false;
  }

  template <class T>
  T in_range(const char* field, u64 value, u64 most) {
    if (value <= most) return static_cast<T>(value);
    wrong(field, std::to_string(value) + "; at most " + std::to_string(most) + " is allowed");
    return T{};
  }

  void wrong(const char* field, const std::string& what) {
    if (error_.empty()) error_ = std::string(message_) + "." + field + ": " + what;
  }

  template <class Message, class Out>
  Result<Out> finish(Message message) {
    if (!error_.empty()) return Error{ErrorCode::malformed, std::move(error_)};
    return Out(std::move(message));
  }

 private:
  const char* message_;
  std::string error_;
};

Result<ClientMessage> take(const fb::Hello& in) {
  Taker taker("Hello");
  Hello out;
  out.protocol = in.protocol();
  out.game = taker.text("game", in.game(), kMaxGameNameBytes);
  out.battle.value = in.battle();
  out.name = taker.text("name", in.name(), kMaxNameBytes);
  out.seat =
      taker.in_range<SeatKind>("seat", static_cast<u8>(in.seat()), static_cast<u8>(SeatKind::spectator));
  out.reconnect_token = taker.bytes("reconnect_token", in.reconnect_token(), kMaxTokenBytes);
  if (in.model() != kModelOfBattle) {
    out.model = taker.in_range<world::SyncModel>("model", in.model(), world::kSyncModels - 1);
  }
  out.simulation_id = taker.text("simulation_id", in.simulation_id(), kMaxGameNameBytes);
  out.rules_hash = in.rules_hash();
  out.keeps_session = in.keeps_session();
  out.follow.value = in.follow();
  return taker.finish<Hello, ClientMessage>(std::move(out));
}

/// The bytes of a part, which must lie within the whole.
std::vector<std::byte> take_part(Taker& taker, const flatbuffers::Vector<u8>* bytes, u32 offset, u32 total) {
  std::vector<std::byte> out = taker.bytes("bytes", bytes, kMaxPartBytes);
  if (total > kMaxStateBytes) {
    taker.wrong("total_bytes",
                std::to_string(total) + "; at most " + std::to_string(kMaxStateBytes) + " are allowed");
  } else if (u64{offset} + out.size() > total) {
    taker.wrong("offset", std::to_string(offset) + " and " + std::to_string(out.size()) +
                              " bytes are beyond the whole");
  }
  return out;
}

Result<ClientMessage> take(const fb::StatePart& in) {
  Taker taker("StatePart");
  StatePart out{.tick = in.tick(),
                .total_bytes = in.total_bytes(),
                .offset = in.offset(),
                .bytes = take_part(taker, in.bytes(), in.offset(), in.total_bytes())};
  return taker.finish<StatePart, ClientMessage>(std::move(out));
}

TableSchema take_table(Taker& taker, const fb::TableSchema& in) {
  TableSchema out;
  out.index = taker.in_range<u8>("schema.index", in.index(), world::kMaxTables - 1);
  out.name = taker.text("schema.name", in.name(), kMaxGameNameBytes);
  if (!taker.count("schema.fields", in.fields(), kMaxSchemaFields)) return out;
  for (const fb::WireFieldSchema* f : *in.fields()) {
    FieldSchema& field = out.fields.emplace_back();
    field.name = taker.text("schema.fields.name", f->name(), kMaxGameNameBytes);
    field.bits = taker.in_range<u8>("schema.fields.bits", f->bits(), 32);
    if (field.bits == 0) taker.wrong("schema.fields.bits", "0; a field that is sent has at least 1");
    field.shift = taker.in_range<u8>("schema.fields.shift", f->shift(), 63);
    field.is_signed = f->is_signed();
    field.is_fixed = f->is_fixed();
    field.role = taker.in_range<world::FieldRole>("schema.fields.role", f->role(),
                                                  static_cast<u8>(world::FieldRole::position_y));
  }
  return out;
}

Result<ServerMessage> take(const fb::Welcome& in) {
  Taker taker("Welcome");
  Welcome out;
  out.protocol = in.protocol();
  out.session.value = in.session();
  out.battle.value = in.battle();
  out.player.value = in.player();
  out.entity.value = in.entity_id();
  out.tick = in.tick();
  out.tick_ns = in.tick_ns();
  out.resumed = in.resumed();
  out.game = taker.text("game", in.game(), kMaxGameNameBytes);
  out.build_id = taker.text("build_id", in.build_id(), kMaxGameNameBytes);
  out.map_width = in.map_width();
  out.map_height = in.map_height();
  if (out.map_width < 0) taker.wrong("map_width", "negative");
  if (out.map_height < 0) taker.wrong("map_height", "negative");
  out.map_description = taker.bytes("map_description", in.map_description(), kMaxMapDescriptionBytes);
  if (taker.count("schema", in.schema(), kMaxSchemaTables)) {
    for (const fb::TableSchema* table : *in.schema()) out.schema.push_back(take_table(taker, *table));
  }
  if (taker.count("event_names", in.event_names(), kMaxEventNames)) {
    for (const flatbuffers::String* name : *in.event_names()) {
      out.event_names.push_back(taker.text("event_names", name, kMaxGameNameBytes));
    }
  }
  out.reconnect_token = taker.bytes("reconnect_token", in.reconnect_token(), kMaxTokenBytes);
  out.model = taker.in_range<world::SyncModel>("model", in.model(), world::kSyncModels - 1);
  out.send_period_ticks =
      taker.in_range<u8>("send_period_ticks", in.send_period_ticks(), world::kMaxSendPeriodTicks);
  if (out.send_period_ticks == 0) taker.wrong("send_period_ticks", "0; at least 1 is meant");
  out.simulation_id = taker.text("simulation_id", in.simulation_id(), kMaxGameNameBytes);
  out.rules_hash = in.rules_hash();
  out.early = in.early();
  out.visit = taker.in_range<u8>("visit", in.visit(), kVisits - 1);
  return taker.finish<Welcome, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Refused& in) {
  Taker taker("Refused");
  Refused out{.code = in.code(),
              .reason = taker.text("reason", in.reason(), kMaxReasonBytes),
              .cmd_id = in.cmd_id(),
              .retry_after_ms = in.retry_after_ms()};
  return taker.finish<Refused, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Roster& in) {
  Taker taker("Roster");
  Roster out;
  out.complete = in.complete();
  if (taker.count("entries", in.entries(), kMaxRosterEntries)) {
    out.entries.reserve(in.entries()->size());
    for (const fb::RosterEntry* entry : *in.entries()) {
      out.entries.push_back({.player = PlayerSlot{entry->player()},
                             .entity = EntityId{entry->entity_id()},
                             .name = taker.text("entries.name", entry->name(), kMaxNameBytes)});
    }
  }
  return taker.finish<Roster, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Scoreboard& in) {
  Taker taker("Scoreboard");
  Scoreboard out;
  out.tick = in.tick();
  if (taker.count("entries", in.entries(), kMaxScoreEntries)) {
    out.entries.reserve(in.entries()->size());
    for (const fb::ScoreEntry* entry : *in.entries()) {
      out.entries.push_back({.player = PlayerSlot{entry->player()}, .score = entry->score()});
    }
  }
  return taker.finish<Scoreboard, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Goodbye& in) {
  Taker taker("Goodbye");
  Goodbye out{.code = in.code(),
              .reason = taker.text("reason", in.reason(), kMaxReasonBytes),
              .retry_after_ms = in.retry_after_ms()};
  return taker.finish<Goodbye, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::BattleOver& in) {
  Taker taker("BattleOver");
  BattleOver out{.battle = BattleId{in.battle()},
                 .visit = taker.in_range<u8>("visit", in.visit(), kVisits - 1),
                 .cause = taker.in_range<EndCause>("cause", in.cause(), static_cast<u8>(EndCause::failed)),
                 .reason = taker.text("reason", in.reason(), kMaxReasonBytes)};
  return taker.finish<BattleOver, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Pace& in) {
  Taker taker("Pace");
  Pace out{.tick = in.tick(), .percent = in.percent()};
  if (!world::is_pace(out.percent)) taker.wrong("percent", "not 100 to 1000");
  return taker.finish<Pace, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::SnapshotPart& in) {
  Taker taker("SnapshotPart");
  SnapshotPart out{.tick = in.tick(),
                   .state_hash = in.state_hash(),
                   .info_bytes = in.info_bytes(),
                   .total_bytes = in.total_bytes(),
                   .offset = in.offset(),
                   .bytes = take_part(taker, in.bytes(), in.offset(), in.total_bytes())};
  if (out.info_bytes > out.total_bytes) taker.wrong("info_bytes", "more than total_bytes");
  return taker.finish<SnapshotPart, ServerMessage>(std::move(out));
}

Result<ServerMessage> take(const fb::Ticks& in) {
  Taker taker("Ticks");
  Ticks out{.first_tick = in.first_tick(), .bytes = taker.bytes("bytes", in.bytes(), kMaxTicksBytes)};
  return taker.finish<Ticks, ServerMessage>(std::move(out));
}

Error not_verified(const char* message, Bytes payload) {
  return {ErrorCode::malformed, std::string(message) + ": " + std::to_string(payload.size()) +
                                    " bytes that do not verify as one (offsets, limits or file identifier)"};
}

Error no_body(const char* message, unsigned kind) {
  return {ErrorCode::malformed,
          std::string(message) +
              ".body: " + (kind == 0 ? "absent" : "unknown kind or no value, " + std::to_string(kind))};
}

}  // namespace

bool is_client_message(Bytes payload) {
  // A command's bytes 4 and 5 can be a vtable's size, which never is "DL" (19,524)
  // within kMaxCommandPayloadBytes.
  return payload.size() >= 8 && std::memcmp(payload.data() + 4, "DLCM", 4) == 0;
}

Result<ClientMessage> decode_client_message(Bytes payload) {
  const Aligned aligned(payload);
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), verifier_limits(kClientTables));
  if (!fb::VerifyClientMessageBuffer(verifier)) return not_verified("ClientMessage", payload);
  const fb::ClientMessage* const in = fb::GetClientMessage(aligned.data());
  // Of a kind that the schema does not know the verifier checks nothing: it is not touched.
  if (in->body() != nullptr) {
    switch (in->body_type()) {
      case fb::ClientBody::Hello:
        return take(*in->body_as_Hello());
      case fb::ClientBody::Leave:
        return ClientMessage(Leave{});
      case fb::ClientBody::Ping:
        return ClientMessage(Ping{in->body_as_Ping()->nonce()});
      case fb::ClientBody::Desync: {
        const fb::Desync& desync = *in->body_as_Desync();
        return ClientMessage(Desync{desync.tick(), desync.hash(), desync.expected()});
      }
      case fb::ClientBody::StatePart:
        return take(*in->body_as_StatePart());
      case fb::ClientBody::NONE:
        break;
    }
  }
  return no_body("ClientMessage", static_cast<unsigned>(in->body_type()));
}

Result<ServerMessage> decode_server_message(Bytes payload) {
  const Aligned aligned(payload);
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), verifier_limits(kServerTables));
  if (!fb::VerifyServerMessageBuffer(verifier)) return not_verified("ServerMessage", payload);
  const fb::ServerMessage* const in = fb::GetServerMessage(aligned.data());
  if (in->body() != nullptr) {
    switch (in->body_type()) {
      case fb::ServerBody::Welcome:
        return take(*in->body_as_Welcome());
      case fb::ServerBody::Refused:
        return take(*in->body_as_Refused());
      case fb::ServerBody::Roster:
        return take(*in->body_as_Roster());
      case fb::ServerBody::Scoreboard:
        return take(*in->body_as_Scoreboard());
      case fb::ServerBody::Pong:
        return ServerMessage(Pong{in->body_as_Pong()->nonce(), in->body_as_Pong()->tick()});
      case fb::ServerBody::Goodbye:
        return take(*in->body_as_Goodbye());
      case fb::ServerBody::SnapshotPart:
        return take(*in->body_as_SnapshotPart());
      case fb::ServerBody::Ticks:
        return take(*in->body_as_Ticks());
      case fb::ServerBody::BattleOver:
        return take(*in->body_as_BattleOver());
      case fb::ServerBody::Pace:
        return take(*in->body_as_Pace());
      case fb::ServerBody::NONE:
        break;
    }
  }
  return no_body("ServerMessage", static_cast<unsigned>(in->body_type()));
}

std::vector<TableSchema> wire_schema_of(const world::World& world) {
  std::vector<TableSchema> schema;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const world::TableBase& table = world.table(i);
    TableSchema out{.index = table.index(), .name = table.name(), .fields = {}};
    bool has_x = false;
    bool has_y = false;
    for (const world::FieldDescription& f : table.fields()) {
      if (f.wire.bits == 0) continue;
      has_x = has_x || f.wire.role == world::FieldRole::position_x;
      has_y = has_y || f.wire.role == world::FieldRole::position_y;
      out.fields.push_back({.name = std::string(f.name),
                            .bits = f.wire.bits,
                            .shift = f.wire.shift,
                            .is_signed = world::field_signed(f.type),
                            .is_fixed = f.type == world::FieldType::fixed,
                            .role = f.wire.role});
    }
    // What has no place on the map is in nobody's sight.
    if (has_x && has_y) schema.push_back(std::move(out));
  }
  return schema;
}

}  // namespace drumline::wire

#include "link/messages.hpp"

#include <algorithm>
#include <type_traits>

#include "wire/frame.hpp"

namespace drumline::link {
namespace {

// Each message names its fields once; the same line writes and reads them.

class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  void number(const T& value) {
    bytes_of(&value, sizeof value);
  }
  void text(const std::string& value, std::size_t limit) {
    const u32 size = static_cast<u32>(std::min(value.size(), limit));
    number(size);
    bytes_of(value.data(), size);
  }
  void bytes(const std::vector<std::byte>& value, std::size_t limit) {
    DRUM_ASSERT(value.size() <= limit);
    number(static_cast<u32>(value.size()));
    bytes_of(value.data(), value.size());
  }
  template <class T, class Each>
  void list(const std::vector<T>& values, std::size_t limit, Each each) {
    DRUM_ASSERT(values.size() <= limit);
    number(static_cast<u32>(values.size()));
    for (const T& value : values) each(value);
  }

 private:
  void bytes_of(const void* from, std::size_t size) {
    const auto* const at = static_cast<const std::byte*>(from);
    out_.insert(out_.end(), at, at + size);
  }
  std::vector<std::byte>& out_;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(Bytes payload) : in_(payload) {}

  template <class T>
  void number(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = in_.read<u8>() != 0;
    else
      value = in_.read<T>();
  }
  void text(std::string& value, std::size_t limit) { value = as_text(take(limit)); }
  void bytes(std::vector<std::byte>& value, std::size_t limit) {
    const Bytes taken = take(limit);
    value.assign(taken.begin(), taken.end());
  }
  template <class T, class Each>
  void list(std::vector<T>& values, std::size_t limit, Each each) {
    const u32 count = in_.read<u32>();
    // An entry has a byte at least: no memory for what cannot be there.
    if (count > limit || count > in_.remaining()) return in_.fail();
    values.resize(count);
    for (T& value : values) each(value);
  }
  void fail() { in_.fail(); }
  bool whole() const { return in_.ok() && in_.at_end(); }

 private:
  Bytes take(std::size_t limit) {
    const u32 size = in_.read<u32>();
    if (size > limit) in_.fail();
    return in_.ok() ? in_.read_bytes(size) : Bytes{};
  }
  ByteReader in_;
};

template <class S>
void fields(S& s, Start& m) {
  s.number(m.protocol);
  s.number(m.group);
  s.number(m.shards);
  s.text(m.build_id, kMaxTextBytes);
  s.text(m.data, kMaxTextBytes);
  s.text(m.failures, kMaxTextBytes);
  s.text(m.configuration, kMaxConfigurationBytes);
}
template <class S>
void fields(S&, Begin&) {}
template <class S>
void fields(S&, Stop&) {}
template <class S>
void fields(S& s, Pace& m) {
  s.number(m.percent);
  if constexpr (S::kReads) {
    if (!world::is_pace(m.percent)) s.fail();
  }
}
template <class S, class M>
void fields(S& s, M& m) requires std::is_same_v<M, Make> || std::is_same_v<M, Over> {
  s.number(m.battle.value);
}
template <class S, class M>
void fields(S& s, M& m) requires std::is_same_v<M, Dispose> || std::is_same_v<M, NotMade> {
  s.number(m.battle.value);
  s.text(m.why, kMaxTextBytes);
}
template <class S>
void fields(S& s, Tell& m) {
  s.number(m.request);
  s.number(m.battle.value);
  s.bytes(m.message, world::kMaxTellBytes);
}
template <class S>
void fields(S& s, Ask& m) {
  s.number(m.request);
  s.number(m.battle.value);
  s.number(m.patience_ns);
  s.bytes(m.question, kMaxConfigurationBytes);
}
template <class S>
void fields(S& s, TakeSnapshot& m) {
  s.number(m.request);
  s.number(m.battle.value);
  s.number(m.patience_ns);
}
template <class S>
void fields(S& s, Resumed& m) {
  s.number(m.battle.value);
  s.text(m.game, kMaxTextBytes);
  s.number(m.epoch);
  s.number(m.tick);
  s.number(m.state_hash);
  s.number(m.equal);
  s.number(m.snapshot_tick);
  s.number(m.ticks_replayed);
  s.number(m.milliseconds);
}
template <class S>
void fields(S& s, Note& m) {
  s.text(m.text, kMaxTextBytes);
}
template <class S>
void fields(S& s, Ready& m) {
  s.number(m.protocol);
  s.number(m.frame_bytes_most);
  s.number(m.highest.value);
  s.number(m.recovery_ms);
}
template <class S>
void fields(S& s, Answer& m) {
  s.number(m.request);
  s.number(m.error_code);
  s.text(m.error, kMaxTextBytes);
  s.bytes(m.bytes, kMaxAnswerBytes);
}
template <class S>
void fields(S& s, Snapshot& m) {
  s.number(m.request);
  s.number(m.error_code);
  s.text(m.error, kMaxTextBytes);
  s.number(m.tick);
  s.number(m.state_hash);
  s.bytes(m.info, kMaxConfigurationBytes * 2);
  s.bytes(m.content, kMaxAnswerBytes);
}
template <class S>
void fields(S& s, Status& m) {
  s.number(m.journal_state);
  s.text(m.journal_reason, kMaxTextBytes);
  s.list(m.counters, kMaxCounters, [&](auto& value) { s.number(value); });
  s.list(m.gauges, kMaxCounters, [&](auto& value) { s.number(value); });
  s.list(m.histograms, kMaxHistograms, [&](auto& histogram) {
    s.list(histogram, kMaxBuckets, [&](auto& bucket) {
      s.number(bucket.value);
      s.number(bucket.count);
    });
  });
  s.list(m.battles, kMaxBattlesInStatus, [&](auto& battle) {
    s.number(battle.battle.value);
    s.number(battle.failures);
    s.list(battle.counters, kMaxCounters, [&](auto& value) { s.number(value); });
  });
}
template <class S>
void fields(S& s, Failed& m) {
  s.number(m.error_code);
  s.text(m.error, kMaxTextBytes);
}

// What clients are told of a battle travels as the Welcome that carries it to them, and is
// checked like one.
wire::Welcome welcome_of(const battle::BattleDescriptor& descriptor) {
  wire::Welcome welcome;
  welcome.battle = descriptor.id;
  welcome.game = descriptor.game;
  welcome.build_id = descriptor.build_id;
  welcome.simulation_id = descriptor.simulation_id;
  welcome.rules_hash = descriptor.rules_hash;
  welcome.model = descriptor.sync.model;
  welcome.send_period_ticks = descriptor.sync.send_period_ticks;
  welcome.map_width = descriptor.map_size.width.raw;
  welcome.map_height = descriptor.map_size.height.raw;
  welcome.map_description = descriptor.map_description;
  welcome.schema = descriptor.schema;
  welcome.event_names = descriptor.event_names;
  return welcome;
}

bool take_welcome(const std::vector<std::byte>& frame, battle::BattleDescriptor& descriptor) {
  const wire::ParsedFrame parsed = wire::parse_frame(frame, wire::kMaxServerPayloadBytes);
  if (parsed.status != wire::FrameStatus::ok || parsed.size != frame.size()) return false;
  auto message = wire::decode_server_message(parsed.payload);
  auto* const welcome = message ? std::get_if<wire::Welcome>(&*message) : nullptr;
  if (welcome == nullptr || welcome->battle != descriptor.id || welcome->send_period_ticks == 0 ||
      welcome->send_period_ticks > world::kMaxSendPeriodTicks) {
    return false;
  }
  descriptor.game = std::move(welcome->game);
  descriptor.build_id = std::move(welcome->build_id);
  descriptor.simulation_id = std::move(welcome->simulation_id);
  descriptor.rules_hash = welcome->rules_hash;
  descriptor.sync = {welcome->model, welcome->send_period_ticks};
  descriptor.map_size.width.raw = welcome->map_width;
  descriptor.map_size.height.raw = welcome->map_height;
  descriptor.map_description = std::move(welcome->map_description);
  descriptor.schema = std::move(welcome->schema);
  descriptor.event_names = std::move(welcome->event_names);
  return true;
}

template <class S>
void fields(S& s, Installed& m) {
  s.number(m.descriptor.id.value);
  s.number(m.descriptor.epoch.value);
  s.number(m.descriptor.max_players);
  s.list(m.descriptor.refusal_names, kMaxRefusalNames,
         [&](auto& name) { s.text(name, wire::kMaxReasonBytes); });
  s.number(m.seated);
  s.number(m.tick);
  std::vector<std::byte> welcome;
  if constexpr (!S::kReads) wire::encode_message(wire::ServerMessage(welcome_of(m.descriptor)), welcome);
  s.bytes(welcome, wire::kMaxServerPayloadBytes + wire::kFrameHeaderBytes);
  if constexpr (S::kReads) {
    if (m.descriptor.max_players == 0 || m.descriptor.max_players > kMaxPlayers ||
        m.seated > m.descriptor.max_players || !take_welcome(welcome, m.descriptor)) {
      s.fail();
    }
  }
}

Error malformed(u16 kind) {
  return {ErrorCode::malformed,
          "link: a message of kind " + std::to_string(kind) + " that is none, or with fields out of range"};
}

template <class Message, class Sum>
Result<Sum> read(u16 kind, Bytes payload) {
  Message message;
  Reader reader(payload);
  fields(reader, message);
  if (!reader.whole()) return malformed(kind);
  return Sum(std::move(message));
}

template <class Sum>
void write(const Sum& message, std::vector<std::byte>& out) {
  out.clear();
  Writer writer(out);
  // A Writer only reads what it is shown.
  std::visit([&](auto& which) { fields(writer, which); }, const_cast<Sum&>(message));
}

}  // namespace

Kind kind_of(const ToGroup& message) {
  constexpr Kind kinds[] = {Kind::start, Kind::begin,         Kind::make, Kind::dispose, Kind::tell,
                            Kind::ask,   Kind::take_snapshot, Kind::stop, Kind::pace};
  static_assert(std::size(kinds) == std::variant_size_v<ToGroup>);
  return kinds[message.index()];
}
Kind kind_of(const FromGroup& message) {
  constexpr Kind kinds[] = {Kind::resumed,  Kind::note,   Kind::installed, Kind::ready,  Kind::over,
                            Kind::not_made, Kind::answer, Kind::snapshot,  Kind::status, Kind::failed};
  static_assert(std::size(kinds) == std::variant_size_v<FromGroup>);
  return kinds[message.index()];
}

void encode(const ToGroup& message, std::vector<std::byte>& out) {
  write(message, out);
}
void encode(const FromGroup& message, std::vector<std::byte>& out) {
  write(message, out);
}

Result<ToGroup> decode_to_group(u16 kind, Bytes payload) {
  switch (static_cast<Kind>(kind)) {
    case Kind::start:
      return read<Start, ToGroup>(kind, payload);
    case Kind::begin:
      return read<Begin, ToGroup>(kind, payload);
    case Kind::make:
      return read<Make, ToGroup>(kind, payload);
    case Kind::dispose:
      return read<Dispose, ToGroup>(kind, payload);
    case Kind::tell:
      return read<Tell, ToGroup>(kind, payload);
    case Kind::ask:
      return read<Ask, ToGroup>(kind, payload);
    case Kind::take_snapshot:
      return read<TakeSnapshot, ToGroup>(kind, payload);
    case Kind::stop:
      return read<Stop, ToGroup>(kind, payload);
    case Kind::pace:
      return read<Pace, ToGroup>(kind, payload);
    default:
      return malformed(kind);
  }
}

Result<FromGroup> decode_from_group(u16 kind, Bytes payload) {
  switch (static_cast<Kind>(kind)) {
    case Kind::resumed:
      return read<Resumed, FromGroup>(kind, payload);
    case Kind::note:
      return read<Note, FromGroup>(kind, payload);
    case Kind::installed:
      return read<Installed, FromGroup>(kind, payload);
    case Kind::ready:
      return read<Ready, FromGroup>(kind, payload);
    case Kind::over:
      return read<Over, FromGroup>(kind, payload);
    case Kind::not_made:
      return read<NotMade, FromGroup>(kind, payload);
    case Kind::answer:
      return read<Answer, FromGroup>(kind, payload);
    case Kind::snapshot:
      return read<Snapshot, FromGroup>(kind, payload);
    case Kind::status:
      return read<Status, FromGroup>(kind, payload);
    case Kind::failed:
      return read<Failed, FromGroup>(kind, payload);
    default:
      return malformed(kind);
  }
}

// ---- input ring entries

void append_inbound(const battle::Inbound& inbound, std::vector<std::byte>& out) {
  const std::size_t at = out.size();
  out.resize(at + kMaxInboundBytes);
  ByteWriter to(MutableBytes(out).subspan(at));
  to.write(inbound.kind);
  to.write(inbound.player.value);
  to.write(inbound.seat_generation);
  to.write(inbound.battle.value);
  to.write(inbound.session.value);
  if (inbound.kind == battle::Inbound::Kind::command) {
    const world::Command& command = inbound.command;
    to.write(command.sequence);
    to.write(command.action);
    to.write(command.skill);
    to.write(command.entity.value);
    to.write(command.target.value);
    to.write(command.x);
    to.write(command.y);
    to.write(command.timestamp_ms);
    to.write(command.apply_tick);
    to.write(command.view_tick);
  } else if (inbound.kind == battle::Inbound::Kind::join || inbound.kind == battle::Inbound::Kind::resume) {
    to.write(inbound.profile.account);
    to.write_bytes(std::as_bytes(std::span(inbound.profile.name)));
  }
  DRUM_ASSERT(to.ok());
  out.resize(at + to.size());
}

std::optional<battle::Inbound> read_inbound(ByteReader& in) {
  battle::Inbound inbound;
  inbound.kind = in.read<battle::Inbound::Kind>();
  inbound.player.value = in.read<u32>();
  inbound.seat_generation = in.read<u32>();
  inbound.battle.value = in.read<u64>();
  inbound.session.value = in.read<u64>();
  if (inbound.kind > battle::Inbound::Kind::resend_state) return std::nullopt;
  if (inbound.kind == battle::Inbound::Kind::command) {
    world::Command& command = inbound.command;
    command.sequence = in.read<u32>();
    command.action = in.read<world::Action>();
    command.skill = in.read<u8>();
    command.entity.value = in.read<u64>();
    command.target.value = in.read<u64>();
    command.x = in.read<i32>();
    command.y = in.read<i32>();
    command.timestamp_ms = in.read<u64>();
    command.apply_tick = in.read<u32>();
    command.view_tick = in.read<u32>();
  } else if (inbound.kind == battle::Inbound::Kind::join || inbound.kind == battle::Inbound::Kind::resume) {
    inbound.profile = {};
    inbound.profile.account = in.read<u64>();
    const Bytes name = in.read_bytes(inbound.profile.name.size());
    if (!name.empty()) std::memcpy(inbound.profile.name.data(), name.data(), name.size());
  }
  if (!in.ok()) return std::nullopt;
  return inbound;
}

}  // namespace drumline::link

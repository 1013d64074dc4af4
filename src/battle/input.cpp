#include "battle/input.hpp"

#include <cstring>
#include <string>

namespace drumline::battle {
namespace {

constexpr u8 kKindMask = 0x07;
constexpr u8 kHasEntity = 0x08;
constexpr u8 kHasTarget = 0x10;
constexpr u8 kHasAim = 0x20;
constexpr u8 kHasTime = 0x40;
constexpr u8 kHasView = 0x80;

u64 zigzag(i32 value) {
  return (static_cast<u32>(value) << 1) ^ static_cast<u32>(value >> 31);
}

void write_entity(EntityId id, ByteWriter& out) {
  out.write(entity_table(id));
  out.write_varint(entity_generation(id));
  out.write_varint(entity_slot(id));
}

u64 read_up_to(ByteReader& in, u64 largest) {
  const u64 value = in.read_varint();
  if (value > largest) in.fail();
  return value;
}

EntityId read_entity(ByteReader& in) {
  const u8 table = in.read<u8>();
  const auto generation = static_cast<u32>(read_up_to(in, 0xFF'FFFF));
  const auto slot = static_cast<u32>(read_up_to(in, 0xFFFF'FFFF));
  const EntityId id = make_entity_id(table, generation, slot);
  if (id == EntityId{}) in.fail();
  return id;
}

i32 read_signed(ByteReader& in) {
  const auto value = static_cast<u32>(read_up_to(in, 0xFFFF'FFFF));
  return static_cast<i32>((value >> 1) ^ (0U - (value & 1)));
}

void read_command(ByteReader& in, u8 flags, world::Command& command) {
  command.sequence = static_cast<u32>(read_up_to(in, 0xFFFF'FFFF));
  const u8 action = in.read<u8>();
  if (action > static_cast<u8>(world::Action::none)) in.fail();
  command.action = static_cast<world::Action>(action);
  command.skill = in.read<u8>();
  if ((flags & kHasEntity) != 0) command.entity = read_entity(in);
  if ((flags & kHasTarget) != 0) command.target = read_entity(in);
  if ((flags & kHasAim) != 0) {
    command.x = read_signed(in);
    command.y = read_signed(in);
    if (command.x == 0 && command.y == 0) in.fail();
  }
  if ((flags & kHasTime) != 0) {
    command.timestamp_ms = in.read_varint();
    if (command.timestamp_ms == 0) in.fail();
  }
  if ((flags & kHasView) != 0) {
    command.view_tick = static_cast<u32>(read_up_to(in, 0xFFFF'FFFF));
    if (command.view_tick == 0) in.fail();
  }
}

void read_profile(ByteReader& in, world::Profile& profile) {
  profile.account = in.read_varint();
  const u8 length = in.read<u8>();
  if (length > profile.name.size()) in.fail();
  const Bytes name = in.read_bytes(length);
  if (in.ok() && !name.empty()) std::memcpy(profile.name.data(), name.data(), name.size());
  if (profile.name_view().size() != name.size()) in.fail();
}

}  // namespace

void encode_input(const Input& input, ByteWriter& out) {
  u8 flags = static_cast<u8>(input.kind);
  const world::Command& command = input.command;
  if (input.kind == InputKind::command) {
    if (command.entity != EntityId{}) flags |= kHasEntity;
    if (command.target != EntityId{}) flags |= kHasTarget;
    if (command.x != 0 || command.y != 0) flags |= kHasAim;
    if (command.timestamp_ms != 0) flags |= kHasTime;
    if (command.view_tick != 0) flags |= kHasView;
  }
  out.write(flags);
  out.write_varint(input.player.value);
  if (input.kind == InputKind::command) {
    out.write_varint(command.sequence);
    out.write(static_cast<u8>(command.action));
    out.write(command.skill);
    if ((flags & kHasEntity) != 0) write_entity(command.entity, out);
    if ((flags & kHasTarget) != 0) write_entity(command.target, out);
    if ((flags & kHasAim) != 0) {
      out.write_varint(zigzag(command.x));
      out.write_varint(zigzag(command.y));
    }
    if ((flags & kHasTime) != 0) out.write_varint(command.timestamp_ms);
    if ((flags & kHasView) != 0) out.write_varint(command.view_tick);
  } else if (input.kind == InputKind::join) {
    const std::string_view name = input.profile.name_view();
    out.write_varint(input.profile.account);
    out.write(static_cast<u8>(name.size()));
    out.write_bytes(as_bytes(name));
  } else if (input.kind == InputKind::tell) {
    out.write_varint(input.message.size());
    out.write_bytes(input.message);
  } else if (input.kind == InputKind::pace) {
    out.write_varint(input.pace_percent);
  }
}

Result<void> decode_inputs(ByteReader& in, u32 count, std::vector<Input>& out) {
  for (u32 i = 0; i < count; ++i) {
    const std::size_t begin = in.position();
    Input input;
    const u8 flags = in.read<u8>();
    const u8 kind = flags & kKindMask;
    const u8 allowed = kind == 0 ? kHasEntity | kHasTarget | kHasAim | kHasTime | kHasView : 0;
    if (kind > static_cast<u8>(InputKind::pace) || ((flags & ~kKindMask) & ~allowed) != 0) in.fail();
    input.kind = static_cast<InputKind>(kind);
    input.player = PlayerSlot{static_cast<u32>(read_up_to(in, 0xFFFF'FFFF))};
    if (in.ok() && input.kind == InputKind::command) read_command(in, flags, input.command);
    if (in.ok() && input.kind == InputKind::join) read_profile(in, input.profile);
    if (in.ok() && input.kind == InputKind::tell) {
      input.message = in.read_bytes(read_up_to(in, world::kMaxTellBytes));
    }
    if (in.ok() && input.kind == InputKind::pace) {
      input.pace_percent = static_cast<u32>(read_up_to(in, world::kMaxPacePercent));
      if (!world::is_pace(input.pace_percent)) in.fail();
    }
    if (!in.ok()) {
      return Error{ErrorCode::malformed, "input " + std::to_string(i + 1) + " of " + std::to_string(count) +
                                             ", at byte " + std::to_string(begin) + ", does not parse"};
    }
    out.push_back(input);
  }
  return {};
}

}  // namespace drumline::battle

#include "battle/notices.hpp"

#include <algorithm>

namespace drumline::battle {
namespace {

enum class Kind : u8 {
  seat_granted = 1,
  seat_refused = 2,
  command_refused = 3,
  seat_taken = 4,
  roster_change = 5,
  scoreboard = 6,
  state_part = 7,
  pace_change = 8,
};

struct Encoder {
  ByteWriter& out;

  void operator()(const SeatGranted& n) const {
    out.write(Kind::seat_granted);
    out.write(n.player.value);
    out.write(n.entity.value);
    out.write(n.seat_generation);
    out.write<u8>(n.resumed ? 1 : 0);
  }
  void operator()(const SeatRefused& n) const {
    out.write(Kind::seat_refused);
    out.write(n.refusal.code);
  }
  void operator()(const CommandRefused& n) const {
    out.write(Kind::command_refused);
    out.write(n.refusal.code);
    out.write(n.sequence);
  }
  void operator()(const SeatTaken& n) const {
    out.write(Kind::seat_taken);
    out.write(n.player.value);
  }
  void operator()(const RosterChange& n) const {
    out.write(Kind::roster_change);
    out.write(n.player.value);
    out.write(n.entity.value);
    out.write_bytes(std::as_bytes(std::span(n.name)));
  }
  void operator()(const StatePart& n) const {
    out.write(Kind::state_part);
    out.write(n.tick);
    out.write(n.state_hash);
    out.write(n.info_bytes);
    out.write(n.total_bytes);
    out.write(n.offset);
    out.write_bytes(n.bytes);
  }
  void operator()(const PaceChange& n) const {
    out.write(Kind::pace_change);
    out.write(n.percent);
  }
  void operator()(const ScoreboardNotice& n) const {
    out.write(Kind::scoreboard);
    out.write(static_cast<u8>(n.count));
    for (u32 i = 0; i < n.count; ++i) {
      out.write(n.entries[i].player.value);
      out.write(n.entries[i].score);
    }
  }
};

}  // namespace

void encode_notice(const Notice& notice, ByteWriter& out) {
  std::visit(Encoder{out}, notice);
}

Result<Notice> decode_notice(Bytes bytes) {
  ByteReader in(bytes);
  const Kind kind = in.read<Kind>();
  Notice notice;
  switch (kind) {
    case Kind::seat_granted: {
      SeatGranted n;
      n.player.value = in.read<u32>();
      n.entity.value = in.read<u64>();
      n.seat_generation = in.read<u32>();
      n.resumed = in.read<u8>() != 0;
      notice = n;
      break;
    }
    case Kind::seat_refused:
      notice = SeatRefused{{in.read<u16>()}};
      break;
    case Kind::command_refused: {
      CommandRefused n;
      n.refusal.code = in.read<u16>();
      n.sequence = in.read<u32>();
      notice = n;
      break;
    }
    case Kind::seat_taken:
      notice = SeatTaken{{in.read<u32>()}};
      break;
    case Kind::roster_change: {
      RosterChange n;
      n.player.value = in.read<u32>();
      n.entity.value = in.read<u64>();
      const Bytes name = in.read_bytes(n.name.size());
      if (!name.empty()) std::memcpy(n.name.data(), name.data(), name.size());
      notice = n;
      break;
    }
    case Kind::scoreboard: {
      ScoreboardNotice n;
      n.count = in.read<u8>();
      if (n.count > kScoreboardEntries) {
        return Error{ErrorCode::malformed, "battle notice: a score table of " + std::to_string(n.count) +
                                               " entries, at most " + std::to_string(kScoreboardEntries)};
      }
      for (u32 i = 0; i < n.count; ++i) {
        n.entries[i].player.value = in.read<u32>();
        n.entries[i].score = in.read<i64>();
      }
      notice = n;
      break;
    }
    case Kind::pace_change: {
      PaceChange n{in.read<u32>()};
      if (in.ok() && !world::is_pace(n.percent)) {
        return Error{ErrorCode::malformed,
                     "battle notice: ticks of " + std::to_string(n.percent) + " percent"};
      }
      notice = n;
      break;
    }
    case Kind::state_part: {
      StatePart n;
      n.tick = in.read<u64>();
      n.state_hash = in.read<u64>();
      n.info_bytes = in.read<u32>();
      n.total_bytes = in.read<u32>();
      n.offset = in.read<u32>();
      n.bytes = in.read_bytes(std::min(in.remaining(), kMaxStatePartBytes));
      notice = n;
      break;
    }
    default:
      return Error{ErrorCode::malformed,
                   "battle notice: unknown kind " + std::to_string(static_cast<unsigned>(kind))};
  }
  if (!in.ok() || !in.at_end()) {
    return Error{ErrorCode::malformed, "battle notice: kind " + std::to_string(static_cast<unsigned>(kind)) +
                                           " has a wrong length"};
  }
  return notice;
}

}  // namespace drumline::battle

// Which battles a journal's segments speak of, and until when: what pruning asks.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "journal/format.hpp"

namespace drumline::journal {

/// All records of `battle` up to and with `tick` may go: a snapshot holds what they led
/// to, or the battle is over (kBattleOver).
struct PruneUpTo {
  BattleId battle;
  Tick tick = 0;
};
inline constexpr Tick kBattleOver = ~Tick{0};

/// The newest of each battle.
using Coverage = std::unordered_map<BattleId, Tick>;

class JournalIndex {
 public:
  struct Segment {
    u32 number = 0;
    std::unordered_map<BattleId, Tick> last_tick;
  };

  void begin_segment(u32 number);
  /// Counts a record of the newest segment.
  void add(const RecordInfo& info);
  std::span<const Segment> segments() const { return segments_; }

  /// How many segments, oldest first, hold nothing but what `covered` lets go. The
  /// newest is never among them. Notes (battle 0) hold no segment back.
  std::size_t prunable(const Coverage& covered) const;
  void drop_oldest(std::size_t count);
  bool mentions(BattleId battle) const;

 private:
  std::vector<Segment> segments_;
};

}  // namespace drumline::journal

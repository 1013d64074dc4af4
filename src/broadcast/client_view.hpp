// What one client was sent and holds, and the choice of what it is sent next
// (docs/formats/state-frame.md). Lives on a gateway shard beside a CellCache.
#pragma once

#include <vector>

#include "broadcast/cell_cache.hpp"
#include "broadcast/state_frame.hpp"

namespace drumline::broadcast {

inline constexpr std::size_t kDefaultDatagramBudget = 1100;
/// How far players see and how often. Distances are between cells' centres, in
/// quarters of a cell's side: neighbours are at 4, diagonal ones at 5.7.
struct InterestSettings {
  u32 every_tick = 6;          ///< up to here every tick: the own cell and the eight around it
  u32 every_second = 12;       ///< up to here every second tick
  u32 every_fourth = 17;       ///< up to here every fourth, further every eighth
  u32 radius = 21;             ///< nothing further is sent
  u32 max_streams = 128;       ///< per client; what is nearest is kept
  u32 key_share_percent = 40;  ///< of a datagram, for key frames while there are deltas to send
  u32 resend_ticks = 12;       ///< first wait for an acknowledgement; doubles up to 8 times that
};

/// The same with less to send: every cell but the own one a tier lower.
InterestSettings lower_tiers(InterestSettings settings);
/// The same with less in sight: `percent` of the radius and of the streams, the neighbours at least.
InterestSettings smaller_interest(InterestSettings settings, u32 percent);

/// The cells around one, nearest first. Made once, shared by all clients.
class InterestPlan {
 public:
  struct Offset {
    i16 columns;
    i16 rows;
    u8 tier;  ///< sent every 2^tier ticks
  };
  explicit InterestPlan(const InterestSettings& settings);
  const InterestSettings& settings() const { return settings_; }
  std::span<const Offset> offsets() const { return offsets_; }

 private:
  InterestSettings settings_;
  std::vector<Offset> offsets_;
};

/// One per client; one thread. About 2.4 KiB for a player, allocated at creation;
/// for a spectator 12 bytes a stream of the battle.
class ClientView {
 public:
  /// `player` kNoPlayer is a spectator: he is sent the whole map in turns. `plan`
  /// outlives the view.
  ClientView(const InterestPlan& plan, PlayerSlot player);

  /// Writes the datagram of the cache's newest frame; returns its size, at most
  /// min(budget, out.size()); 0 when there is no frame or no room for a header.
  /// A player's own stream comes first and in every datagram. Nothing is written of a
  /// stream that is hidden from the player's team.
  std::size_t assemble(const CellCache& cache, MutableBytes out, std::size_t budget = kDefaultDatagramBudget);

  /// The client says that it holds a key frame: stream << 8 | key. False when it
  /// was never sent it, or not lately: harmless, and worth counting.
  bool acknowledge(u32 key_ack);

  /// Sees by another plan from now on, within a few ticks; what the client holds stays good.
  /// `plan` outlives the view.
  void set_plan(const InterestPlan& plan) { plan_ = &plan; }

  /// Forgets all that the client holds: it starts anew.
  void reset();

  /// assemble() comes soon: asks for the memory that it reads, and does not wait for it.
  void prefetch() const;

  PlayerSlot player() const { return player_; }
  std::size_t memory_bytes() const {
    return sizeof(*this) + (entries_.capacity() + remembered_.capacity()) * sizeof(Entry);
  }

 private:
  /// A stream that the client is interested in. Ticks are the low 16 bits.
  struct Entry {
    u16 stream = kNoStream;
    u16 due = 0;      ///< when to send a chunk next
    u16 key_due = 0;  ///< when to send the key frame `sent` again
    u8 held = 0;      ///< acknowledged key frame
    u8 sent = 0;      ///< newest key frame sent
    u8 flags = 0;
    u8 tier = 0;
    u8 attempts = 0;  ///< of sending `sent`
    u8 reserved = 0;
  };
  static_assert(sizeof(Entry) == 12);
  enum Flag : u8 { kHeld = 1, kSent = 2, kSentBefore = 4 };

  struct Assembly;

  class Former;

  bool wants_rebuild(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team) const;
  void rebuild(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team);
  static bool take_acknowledgement(Entry& entry, u8 key);
  template <class Add>
  void choose(const CellCache& cache, u32 cell, u16 own_stream, world::TeamSet team, Add add);
  u32 focus_cell(const CellCache& cache, const PlayerPlace& place) const;
  void adopt(const CellCache& cache);

  const InterestPlan* plan_;
  const InterestPlan* built_plan_ = nullptr;  ///< that entries_ were chosen by
  PlayerSlot player_;
  u32 instance_ = 0;
  u32 layout_ = 0;
  u32 cell_ = 0;
  u16 own_stream_ = kNoStream;
  u16 acknowledged_at_ = 0;  ///< the entry that was acknowledged last: a hint
  world::TeamSet team_ = 0;  ///< the player's; a spectator is of none, and nothing is hidden from him
  u8 urgent_ = 0;            ///< entries at the front that come before all others
  bool built_ = false;
  bool adopted_ = false;
  // Nearest first; a player's own stream is the first, then what matters most to him.
  std::vector<Entry> entries_;
  // What was of interest until lately, with the key frames that the client holds, so that
  // who walks to and fro is not sent them anew each time.
  std::vector<Entry> remembered_;
  u32 remembered_at_ = 0;  ///< tick, low 32 bits
  RelevantStreams relevant_{};
};

}  // namespace drumline::broadcast

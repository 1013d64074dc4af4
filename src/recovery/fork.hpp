// "What if": a history played on from one of its ticks with other inputs.
// The inputs file: docs/formats/inputs.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "env/file.hpp"
#include "recording/player.hpp"

namespace drumline::recovery {

/// What a fork adds to the inputs of a history and what it leaves out.
class InputChanges {
 public:
  /// A larger inputs file is refused.
  static constexpr u64 kMaxFileBytes = 16 << 20;
  static constexpr std::size_t kMaxLines = 100'000;

  InputChanges() = default;
  InputChanges(InputChanges&&) = default;
  InputChanges& operator=(InputChanges&&) = default;

  /// JSON lines. An error names the line, the key and what is allowed.
  static Result<InputChanges> parse(std::string_view text, const std::string& name);
  static Result<InputChanges> read(env::FileSystem& files, const std::string& path);

  /// Inputs added to a tick, in the file's order. Their messages are views into this.
  std::span<const battle::Input> added(Tick tick) const;
  bool leaves_out(Tick tick, PlayerSlot player) const;
  /// The first tick that it says something of; 0 when it is empty.
  Tick first_tick() const { return first_tick_; }
  /// The last tick to which it adds something; 0 when to none.
  Tick last_added() const { return added_.empty() ? 0 : added_.rbegin()->first; }

 private:
  struct LeftOut {
    Tick first = 0;
    Tick last = 0;
    PlayerSlot player = kNoPlayer;  ///< kNoPlayer: of everybody
  };

  std::map<Tick, std::vector<battle::Input>> added_;
  std::vector<LeftOut> left_out_;
  std::vector<std::vector<std::byte>> messages_;
  Tick first_tick_ = 0;
};

struct ForkedTick {
  battle::TickOutcome outcome;
  std::optional<u64> recorded_hash;  ///< nothing past the history's end
  u32 added = 0;
  u32 left_out = 0;
};

/// One thread. History, game and changes must outlive it.
class Fork {
 public:
  /// Begins in the state of `from`. invalid_argument when a change is not of a later tick.
  /// `history` and `changes` outlive the fork.
  static Result<std::unique_ptr<Fork>> begin(recording::History& history, const world::Game& game,
                                             const InputChanges& changes, Tick from);
  static Result<std::unique_ptr<Fork>> begin(recording::History&, const world::Game&, InputChanges&&,
                                             Tick) = delete;

  /// The next tick: the recorded inputs but for those left out, then those added. A command
  /// keeps its recorded sequence while that is above all before it; else, as an added
  /// one, it has the seat's next one. Past the history's end only what is added.
  Result<ForkedTick> next();

  const battle::Battle& battle() const { return *battle_; }

 private:
  Fork(recording::History& history, const InputChanges& changes) : history_(history), changes_(changes) {}
  void number(std::size_t recorded);

  recording::History& history_;
  const InputChanges& changes_;
  std::unique_ptr<battle::Battle> battle_;
  battle::TickRecord record_;
  std::vector<battle::Input> inputs_;
  std::map<u32, u32> sequences_;  ///< by player: the last one that he was given
};

}  // namespace drumline::recovery

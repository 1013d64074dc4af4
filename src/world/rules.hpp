// The one interface through which the engine knows a game.
//
// A game is a Game (a factory) and a Rules (one battle of it). Everything a
// Rules changes is in its World; its step must not read a clock, allocate, use
// floating point, or iterate anything in an order that memory addresses or
// hashing choose. Lifecycle calls and commands are inputs: they are journaled
// and come again, in the same order, on replay.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fixed_vector.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "world/visibility.hpp"
#include "world/world.hpp"

namespace drumline::world {

/// Who takes a seat. `name` is UTF-8, zero-padded.
struct Profile {
  u64 account = 0;  ///< identity from certificate or token, hashed; 0 unknown
  std::array<char, 24> name{};

  std::string_view name_view() const {
    std::size_t n = 0;
    while (n < name.size() && name[n] != '\0') ++n;
    return {name.data(), n};
  }
};

/// The actions that the wire knows. The first three are the article's.
enum class Action : u8 {
  attack = 0,  ///< melee on `target` or, with x, y, ranged towards a direction
  move = 1,    ///< x, y: direction, each -32767 .. 32767; 0, 0 stops
  skill = 2,   ///< `skill` chooses; x, y or target aims
  turn = 3,    ///< x, y: direction to face
  none = 4,    ///< carries acknowledgements only; never reaches the rules
};

/// One player's command, as the wire's CombatCommand decodes. Fixed size, no pointers.
struct Command {
  u32 sequence = 0;  ///< the wire's cmd_id: rises by player, starts at 1
  Action action = Action::none;
  u8 skill = 0;
  u16 reserved = 0;
  EntityId entity;  ///< must be the player's own
  EntityId target;
  i32 x = 0;
  i32 y = 0;
  u64 timestamp_ms = 0;  ///< the sender's clock; data, never trusted
  u32 apply_tick =
      0;  ///< wants to be applied in this tick (low 32 bits); 0: as soon as may be. 0 in check() and apply()
  u32 view_tick =
      0;  ///< the tick that the sender saw when he acted (low 32 bits); 0: unknown. A claim, to be bounded
};
static_assert(sizeof(Command) == 48);

/// Why a command or join was refused. 0 is accepted; 1 .. 99 are the engine's,
/// from 100 on the game's (Rules::refusal_name knows them).
struct Refusal {
  u16 code = 0;
  bool accepted() const { return code == 0; }
  friend bool operator==(Refusal, Refusal) = default;
};
inline constexpr Refusal kAccepted{0};
inline constexpr Refusal kRefusedNotYours{1};     ///< the entity is not the sender's
inline constexpr Refusal kRefusedNoSeat{2};       ///< the sender has no seat, or the battle is full
inline constexpr Refusal kRefusedOldSequence{3};  ///< a repeat or a replay
inline constexpr Refusal kRefusedTooMany{4};      ///< more commands in a tick than allowed
inline constexpr Refusal kRefusedUnknownAction{5};
inline constexpr Refusal kRefusedBadTarget{6};  ///< no such entity, or not in sight
inline constexpr Refusal kRefusedOutOfRange{7};
inline constexpr Refusal kRefusedCooldown{8};
inline constexpr Refusal kRefusedTooFast{9};  ///< faster than the rules allow
inline constexpr Refusal kRefusedDead{10};
inline constexpr Refusal kRefusedTooLate{11};  ///< meant for a tick that is too long over
inline constexpr Refusal kRefusedFailed{12};   ///< the rules failed at this or another input of its tick
inline constexpr u16 kFirstGameRefusal = 100;
std::string_view engine_refusal_name(Refusal refusal);

/// Something that clients should see or hear once: a hit, a shot, a death. Not
/// state: it does not influence later steps. `kind` is the game's.
struct Event {
  u8 kind = 0;
  EntityId source;
  EntityId target;
  Fixed x, y;        ///< where; decides who is told
  i32 a = 0, b = 0;  ///< the game's (damage, direction, skill)
};

/// Collects a step's events, up to a capacity; what does not fit is dropped and
/// counted, as events are for show. Never allocates.
class EventList {
 public:
  explicit EventList(std::size_t capacity) : events_(capacity) {}
  void emit(const Event& event) {
    if (events_.size() < events_.capacity())
      events_.push_back(event);
    else
      ++dropped_;
  }
  void clear() { events_.clear(); }
  std::span<const Event> events() const { return events_; }
  u64 dropped() const { return dropped_; }

 private:
  FixedVector<Event> events_;
  u64 dropped_ = 0;
};

/// The map that a battle is played on: positions lie in [0, width) × [0, height).
struct MapSize {
  Fixed width, height;
};

/// Largest message of on_tell and answer of on_ask, bytes.
inline constexpr std::size_t kMaxTellBytes = 1024;
inline constexpr std::size_t kMaxAnswerBytes = 64 << 10;

/// One battle of a game. One thread at a time.
class Rules {
 public:
  virtual ~Rules() = default;

  virtual World& world() = 0;
  virtual const World& world() const = 0;

  /// Fills the world of a new battle (tick 0). Not called on recovery: there the
  /// world is restored from a snapshot.
  virtual void on_create() = 0;
  /// May he take a seat in this battle at all? Reads only; asked before on_join.
  virtual Refusal on_auth(const Profile& /*profile*/) const { return kAccepted; }
  /// Seats a player: makes his entity. The engine chose the slot.
  virtual Refusal on_join(PlayerSlot player, const Profile& profile) = 0;
  /// The connection is gone; the player may come back.
  virtual void on_drop(PlayerSlot player) = 0;
  virtual void on_reconnect(PlayerSlot player) = 0;
  /// The player is gone for good; his slot is free after this.
  virtual void on_leave(PlayerSlot player) = 0;
  virtual void on_dispose() {}
  /// A message from outside the battle (BattleActor::tell): an input like a command,
  /// journaled when it is accepted. Refused, nothing has changed. At most kMaxTellBytes.
  virtual Refusal on_tell(Bytes /*message*/) { return kRefusedUnknownAction; }
  /// A question from outside (BattleActor::ask). Reads only. `answer` is empty and has
  /// room for kMaxAnswerBytes; false: it is no question that this game knows.
  virtual bool on_ask(Bytes /*question*/, std::vector<std::byte>& /*answer*/) const { return false; }
  /// The battle has come to its end: the engine disposes of it after this tick.
  virtual bool finished() const { return false; }

  /// May this command be applied now? Reads only. The engine has already checked
  /// the sequence and that the sender has a seat.
  virtual Refusal check(PlayerSlot player, const Command& command) const = 0;
  /// Applies a command that check() accepted in this very state.
  virtual void apply(PlayerSlot player, const Command& command) = 0;
  /// Moves the world by one tick. The engine advances World::tick before.
  virtual void step(EventList& events) = 0;

  /// The player's entity, or EntityId{0}. Where it is decides what he is sent.
  virtual EntityId entity_of(PlayerSlot player) const = 0;
  /// For the score table.
  virtual i64 score_of(PlayerSlot player) const = 0;
  /// Teams, fog of war, what matters to whom; lives as long as the rules. Null: everybody
  /// may know everything, and what is near matters most. Always the same.
  virtual const Visibility* visibility() const { return nullptr; }
  virtual MapSize map_size() const = 0;
  /// What a client must know once: obstacles and the like, in the game's own
  /// format. At most 64 KiB. Stays as it is for the battle's life.
  virtual Bytes map_description() const = 0;
  virtual std::string_view refusal_name(Refusal refusal) const = 0;
};

struct BattleSettings {
  u64 seed = 1;
  u32 max_players = 64;
};

/// A rules module: makes battles. Stateless; any thread.
class Game {
 public:
  virtual ~Game() = default;
  virtual std::string_view name() const = 0;
  /// Names of event kinds, for inspect and the clients.
  virtual std::span<const std::string_view> event_names() const = 0;
  /// The rules document that is used when none is configured (TOML).
  virtual std::string_view default_rules() const = 0;
  /// A new battle is given no more seats than this, however many are configured: what
  /// is sized by seats (the map's grid, tables) then fits a game of few players.
  virtual u32 most_players() const { return ~u32{0}; }
  /// `rules_document` is TOML. An error names the key, what it holds and what is
  /// allowed. The world is empty until on_create or a snapshot fills it.
  virtual Result<std::unique_ptr<Rules>> create(std::string_view rules_document,
                                                const BattleSettings& settings) const = 0;
};

}  // namespace drumline::world

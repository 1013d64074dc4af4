#include "battle/battle.hpp"

#include <algorithm>
#include <bit>

#include "world/hash.hpp"
#include "world/snapshot.hpp"

namespace drumline::battle {
namespace {

/// Events of a tick that are kept, a player, and at the least.
constexpr std::size_t kEventsPerPlayer = 4;
constexpr std::size_t kMinEvents = 64;
/// Lifecycle inputs of a tick that are room for, besides commands.
constexpr std::size_t kLifecyclePerPlayer = 2;

}  // namespace

u64 BattleInfo::rules_hash() const {
  return world::hash_bytes(as_bytes(rules_document));
}

Battle::Battle(BattleInfo info, std::unique_ptr<world::Rules> rules)
    : info_(std::move(info)),
      rules_(std::move(rules)),
      limits_{std::size_t{info_.max_players} * (info_.max_commands_per_tick + kLifecyclePerPlayer) + 16,
              info_.max_commands_per_tick},
      seen_(info_.max_players),
      counts_(info_.max_players),
      order_(limits_.inputs),
      accepted_(limits_.inputs),
      accepted_candidates_(limits_.inputs),
      refused_(limits_.inputs),
      events_(std::max(kMinEvents, info_.max_players * kEventsPerPlayer)) {
  // Last, so that the game's tables have the same place in every battle.
  seats_ = &rules_->world().add_table<Seat>(std::string(kSeatTableName), info_.max_players);
}

Result<std::unique_ptr<Battle>> Battle::make(const world::Game& game, BattleInfo info) {
  if (info.max_players == 0 || info.max_players > kMaxBattlePlayers) {
    return Error{ErrorCode::invalid_argument, "a battle of " + std::to_string(info.max_players) +
                                                  " players: 1 to " + std::to_string(kMaxBattlePlayers) +
                                                  " are possible"};
  }
  if (info.max_commands_per_tick == 0 || info.max_commands_per_tick > 64) {
    return Error{ErrorCode::invalid_argument, std::to_string(info.max_commands_per_tick) +
                                                  " commands a player and tick: 1 to 64 are possible"};
  }
  if (info.game != game.name()) {
    return Error{ErrorCode::mismatch, "battle " + std::to_string(info.id.value) + " is of game " + info.game +
                                          ", not of " + std::string(game.name())};
  }
  auto rules = game.create(info.rules_document, {.seed = info.seed, .max_players = info.max_players});
  if (!rules) return std::move(rules).error();
  std::unique_ptr<Battle> made(new Battle(std::move(info), std::move(rules).value()));
  if (const std::string& problem = made->world().schema_problem(); !problem.empty()) {
    return Error{ErrorCode::invalid_argument, "game " + made->info().game + ": " + problem};
  }
  return made;
}

Result<std::unique_ptr<Battle>> Battle::create(const world::Game& game, BattleInfo info) {
  auto made = make(game, std::move(info));
  if (!made) return made;
  Battle& battle = **made;
  battle.rules_->on_create();
  battle.state_hash_ = world::hash_world(battle.world()).combined;
  return made;
}

Result<std::unique_ptr<Battle>> Battle::restore(const world::Game& game, BattleInfo info, Bytes snapshot) {
  auto made = make(game, std::move(info));
  if (!made) return made;
  Battle& battle = **made;
  auto restored = world::restore_snapshot(snapshot, battle.info_.game, battle.rules_->world());
  if (!restored) return std::move(restored).error();
  battle.state_hash_ = world::hash_world(battle.world()).combined;
  const auto last = std::as_const(*battle.seats_).column<&Seat::last_sequence>();
  std::copy(last.begin(), last.end(), battle.seen_.begin());
  return made;
}

void Battle::set_epoch(Epoch epoch) {
  DRUM_ASSERT(epoch >= info_.epoch);
  info_.epoch = epoch;
}

void Battle::copy_from(const Battle& other) {
  DRUM_ASSERT(seen_.size() == other.seen_.size());
  rules_->world().copy_from(other.world());
  state_hash_ = other.state_hash_;
  pace_percent_ = other.pace_percent_;
  std::copy(other.seen_.begin(), other.seen_.end(), seen_.begin());
}

void Battle::encode_snapshot(std::vector<std::byte>& out) const {
  world::encode_snapshot(world(), info_.game, out);
}

PlayerSlot Battle::find_free_seat() const {
  const auto words = seats_->live_bits();
  for (u32 i = 0; i < words.size(); ++i) {
    if (words[i] == ~u64{0}) continue;
    const u32 slot = i * 64 + static_cast<u32>(std::countr_one(words[i]));
    return slot < info_.max_players ? PlayerSlot{slot} : kNoPlayer;
  }
  const auto next = static_cast<u32>(words.size() * 64);
  return next < info_.max_players ? PlayerSlot{next} : kNoPlayer;
}

std::optional<SeatView> Battle::seat(PlayerSlot player) const {
  const u32 slot = player.value;
  if (!seats_->is_live(slot)) return std::nullopt;
  const SeatTable& seats = *seats_;
  SeatView view;
  view.player = player;
  view.generation = seats.generations()[slot];
  view.profile.account = seats.at<&Seat::account>(slot);
  const std::array<u64, 3> name{seats.at<&Seat::name_0>(slot), seats.at<&Seat::name_1>(slot),
                                seats.at<&Seat::name_2>(slot)};
  std::memcpy(view.profile.name.data(), name.data(), sizeof name);
  view.joined_tick = seats.at<&Seat::joined_tick>(slot);
  view.last_sequence = seats.at<&Seat::last_sequence>(slot);
  view.connected = seats.at<&Seat::connected>(slot) != 0;
  return view;
}

PlayerSlot Battle::seat_of(u64 account) const {
  PlayerSlot found = kNoPlayer;
  if (account == 0) return found;
  seats_->for_each([&](u32 slot) {
    if (found == kNoPlayer && seats_->at<&Seat::account>(slot) == account) found = PlayerSlot{slot};
  });
  return found;
}

u32 Battle::connected_count() const {
  u32 count = 0;
  seats_->for_each([&](u32 slot) { count += seats_->at<&Seat::connected>(slot); });
  return count;
}

/// Fills order_ with the order of application. Equal keys keep the order of arrival.
void Battle::order(std::span<const Input> candidates) {
  order_.clear();
  for (u32 i = 0; i < candidates.size(); ++i) {
    const Input& input = candidates[i];
    u64 key = 0;
    if (input.kind == InputKind::command) {
      key = (u64{1} << 63) | (u64{input.player.value & 0x7FFF'FFFFU} << 32) | input.command.sequence;
    }
    order_.push_back({key, i});
  }
  std::sort(order_.begin(), order_.end(), [](const Ordered& a, const Ordered& b) {
    return a.key != b.key ? a.key < b.key : a.index < b.index;
  });
}

world::Refusal Battle::admit_join(Input& input) {
  const PlayerSlot free = find_free_seat();
  if (free == kNoPlayer || (input.player != kNoPlayer && input.player != free)) return world::kRefusedNoSeat;
  input.player = free;
  input.command = {};
  // Whatever stands after the name's end would be state that the journal does not hold.
  const std::size_t length = input.profile.name_view().size();
  std::fill(input.profile.name.begin() + static_cast<std::ptrdiff_t>(length), input.profile.name.end(), '\0');
  if (const auto refusal = rules_->on_auth(input.profile); !refusal.accepted()) return refusal;
  if (const auto refusal = rules_->on_join(free, input.profile); !refusal.accepted()) return refusal;
  const EntityId row = seats_->create();
  DRUM_ASSERT(entity_slot(row) == free.value && row != EntityId{});
  const u32 slot = free.value;
  std::array<u64, 3> name{};
  std::memcpy(name.data(), input.profile.name.data(), sizeof name);
  seats_->at<&Seat::account>(slot) = input.profile.account;
  seats_->at<&Seat::name_0>(slot) = name[0];
  seats_->at<&Seat::name_1>(slot) = name[1];
  seats_->at<&Seat::name_2>(slot) = name[2];
  seats_->at<&Seat::joined_tick>(slot) = tick() + 1;
  seats_->at<&Seat::last_sequence>(slot) = 0;
  seats_->at<&Seat::connected>(slot) = 1;
  seen_[slot] = 0;
  return world::kAccepted;
}

world::Refusal Battle::admit_command(Input& input, bool& duplicate) {
  const u32 slot = input.player.value;
  world::Command& command = input.command;
  input.profile = {};
  command.reserved = 0;
  // When it is applied is the actor's business; that it is, is all that the state may know.
  command.apply_tick = 0;
  if (seats_->at<&Seat::connected>(slot) == 0) return world::kRefusedNoSeat;
  if (command.sequence <= seen_[slot]) {
    duplicate = true;
    return world::kRefusedOldSequence;
  }
  seen_[slot] = command.sequence;
  if (++counts_[slot] > limits_.commands_per_player) return world::kRefusedTooMany;
  if (command.action >= world::Action::none) return world::kRefusedUnknownAction;
  const EntityId own = rules_->entity_of(input.player);
  if (command.entity == EntityId{}) command.entity = own;
  if (command.entity != own || own == EntityId{}) return world::kRefusedNotYours;
  if (const auto refusal = rules_->check(input.player, command); !refusal.accepted()) return refusal;
  rules_->apply(input.player, command);
  seats_->at<&Seat::last_sequence>(slot) = command.sequence;
  return world::kAccepted;
}

/// Applies the input, or says why not; then nothing has changed.
world::Refusal Battle::admit(Input& input, bool& duplicate) {
  if (input.kind == InputKind::join) return admit_join(input);
  if (input.kind == InputKind::tell) return admit_tell(input);
  if (input.kind == InputKind::pace) return admit_pace(input);
  const u32 slot = input.player.value;
  if (!seats_->is_live(slot)) return world::kRefusedNoSeat;
  if (input.kind == InputKind::command) return admit_command(input, duplicate);
  input.command = {};
  input.profile = {};
  u8& connected = seats_->at<&Seat::connected>(slot);
  switch (input.kind) {
    case InputKind::drop:
      if (connected == 0) return world::kRefusedNoSeat;
      connected = 0;
      rules_->on_drop(input.player);
      return world::kAccepted;
    case InputKind::reconnect:
      if (connected != 0) return world::kRefusedNoSeat;
      connected = 1;
      rules_->on_reconnect(input.player);
      return world::kAccepted;
    case InputKind::leave:
      rules_->on_leave(input.player);
      seats_->destroy(slot);
      return world::kAccepted;
    case InputKind::command:
    case InputKind::join:
    case InputKind::tell:
    case InputKind::pace:
      break;
  }
  return world::kRefusedUnknownAction;
}

world::Refusal Battle::admit_tell(Input& input) {
  if (tells_ == kMaxTellsPerTick || input.message.size() > world::kMaxTellBytes)
    return world::kRefusedTooMany;
  input.player = kNoPlayer;
  input.command = {};
  input.profile = {};
  const world::Refusal refusal = rules_->on_tell(input.message);
  if (refusal.accepted()) ++tells_;
  return refusal;
}

world::Refusal Battle::admit_pace(Input& input) {
  if (!world::is_pace(input.pace_percent)) return world::kRefusedUnknownAction;
  input.player = kNoPlayer;
  input.command = {};
  input.profile = {};
  pace_percent_ = input.pace_percent;
  return world::kAccepted;
}

TickOutcome Battle::step(std::span<const Input> candidates, StepObserver* observer) {
  TickOutcome outcome;
  if (candidates.size() > limits_.inputs) {
    outcome.overflow = static_cast<u32>(candidates.size() - limits_.inputs);
    candidates = candidates.first(limits_.inputs);
  }
  order(candidates);
  accepted_.clear();
  accepted_candidates_.clear();
  refused_.clear();
  events_.clear();
  std::fill(counts_.begin(), counts_.end(), 0U);
  tells_ = 0;
  for (const Ordered& next : order_) {
    Input input = candidates[next.index];
    bool duplicate = false;
    const world::Refusal refusal = admit(input, duplicate);
    if (refusal.accepted()) {
      accepted_.push_back(input);
      accepted_candidates_.push_back(next.index);
      if (observer != nullptr) observer->on_input(input, accepted_.size() - 1);
    } else if (duplicate) {
      ++outcome.duplicates;
    } else {
      refused_.push_back({input, refusal, next.index});
    }
  }
  world::World& world = rules_->world();
  world.set_tick(world.tick() + 1);
  rules_->step(events_);
  if (observer != nullptr) observer->on_step();
  state_hash_ = world::hash_world(world).combined;

  outcome.tick = world.tick();
  outcome.state_hash = state_hash_;
  outcome.accepted = accepted_;
  outcome.accepted_candidates = accepted_candidates_;
  outcome.refused = refused_;
  outcome.events = events_.events();
  return outcome;
}

}  // namespace drumline::battle
